"""Programs as answers: honest ones, where the data has them or its tests allow one to be written, and dishonest ones."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.auditing.rows import Row

__all__ = ["CHEATS", "SOLUTION_COLUMNS", "cheats", "looks_like_program", "solution_from_tests"]

SOLUTION_COLUMNS = (
    "canonical_solution",
    "reference_solution",
    "gold_solution",
    "solution",
    "solutions",
    "code",
    "program",
    "reference_code",
    "answer",
)
_CALLED = re.compile(r"(?:assert\s+(?:not\s+)?|assertEqual\(\s*|==\s*)([A-Za-z_]\w*)\s*\(")
_SUCCESS = re.compile(r"(?i)\b(?:ok|pass(?:ed)?|success(?:ful)?|done|true|correct|all)\b")
_DEFINED = re.compile(r"^\s*(?:def|class)\s+([A-Za-z_]\w*)", re.M)
_NOT_NAMES = frozenset("abs all any bool dict float int isinstance len list max min range repr round set sorted str sum tuple type".split())


def looks_like_program(text: str) -> bool:
    """Whether a text is Python that does something."""
    if not re.search(r"\bdef \w+\(|\bprint\(|\bimport |^\s*class \w+|\breturn\b|\w+\s*=\s*\S", text):
        return False
    try:
        return bool(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def names_in(row: Row) -> list[str]:
    """Names of functions that a row's tests, its entry point or its solution name."""
    found: list[str] = []
    for name, value in row.columns.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if name in ("entry_point", "function", "fn_name", "function_name", "func_name") and isinstance(value, str) and value.isidentifier():
            found.insert(0, value)
        found += [called for called in _CALLED.findall(text) if called not in _NOT_NAMES]
        found += _DEFINED.findall(text.replace("\\n", "\n"))
        found += re.findall(r'"fn_name":\s*"(\w+)"', text)
    return list(dict.fromkeys(name for name in found if name not in ("check", "TestCases", "Solution")))[:4] or ["f"]


def cases_in(value: Any) -> list[tuple[str, str]]:
    """Pairs of standard input and output, or of arguments and result, in a column of tests."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    if isinstance(value, Mapping):
        inputs, outputs = (next((value[key] for key in keys if key in value), None) for keys in (("inputs", "input"), ("outputs", "output")))
        value = [{"input": i, "output": o} for i, o in zip(inputs, outputs)] if isinstance(inputs, list) and isinstance(outputs, list) else [value]
    if not isinstance(value, list):
        return []
    found = []
    for case in value:
        if isinstance(case, Mapping):
            given = next((case[key] for key in ("input", "stdin", "in") if key in case), None)
            wanted = next((case[key] for key in ("output", "expected_output", "expected", "stdout", "out") if key in case), None)
            if wanted is not None:
                found.append((given if isinstance(given, str) else json.dumps(given), wanted if isinstance(wanted, str) else json.dumps(wanted)))
        elif isinstance(case, (list, tuple)) and len(case) == 2 and all(isinstance(part, str) for part in case):
            found.append((case[0], case[1]))
    return found


def all_cases(row: Row) -> list[tuple[str, str]]:
    """The pairs of the first column that has some."""
    columns = row.columns
    for value in columns.values():
        if (found := cases_in(value)) and isinstance(value, (list, dict, str)):
            return found
    inputs, outputs = (
        next((columns[key] for key in keys if columns.get(key) is not None), None)
        for keys in (("inputs", "input"), ("outputs", "expected_outputs", "output", "expected_output", "expected"))
    )
    if isinstance(inputs, list) and isinstance(outputs, list):
        return cases_in([{"input": i, "output": o} for i, o in zip(inputs, outputs)])
    if isinstance(outputs, str):
        return [(inputs if isinstance(inputs, str) else "", outputs)]
    if isinstance(outputs, list) and all(isinstance(output, str) for output in outputs):
        return [("", output) for output in outputs]
    return []


def solution_from_tests(row: Row) -> str | None:
    """A program that gives each of a row's tests what it wants, by a table: a stand-in for a right one. None where the tests cannot be read."""
    table: dict[str, dict[str, str]] = {}
    for value in row.columns.values():
        texts = value if isinstance(value, list) else [value]
        for text in texts:
            if isinstance(text, str) and "assert" in text:
                _asserted(text, table)
    if table:
        return "\n".join(
            f"def {name}(*args, **kwargs):\n    return {{{', '.join(f'{key!r}: {wanted}' for key, wanted in pairs.items())}}}[repr(args)]"
            for name, pairs in table.items()
        )
    if (named := _named_cases(row)) is not None:
        return named
    if cases := all_cases(row):
        lookup = {given.strip(): wanted for given, wanted in cases}
        return f"import sys\nprint({lookup!r}.get(sys.stdin.read().strip(), ''))"
    return None


def _literals(argument: ast.expr) -> Sequence[Any]:
    """The value of an argument, or the values of a starred one."""
    return tuple(ast.literal_eval(argument.value)) if isinstance(argument, ast.Starred) else (ast.literal_eval(argument),)


def _named_cases(row: Row) -> str | None:
    """A function by a table, of tests as APPS writes them: a name, lists of arguments, results."""
    for value in row.columns.values():
        if isinstance(value, str) and "fn_name" in value:
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if not isinstance(value, Mapping) or not isinstance(name := value.get("fn_name"), str) or not name.isidentifier():
            continue
        inputs, outputs = value.get("inputs"), value.get("outputs")
        if isinstance(inputs, list) and isinstance(outputs, list) and len(inputs) == len(outputs):
            pairs = [((given if isinstance(given, list) else [given]), wanted) for given, wanted in zip(inputs, outputs)]
            return f"def {name}(*args, **kwargs):\n    return next(wanted for given, wanted in {pairs!r} if given == list(args))"
    return None


def _asserted(text: str, table: dict[str, dict[str, str]]) -> None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1 and isinstance(node.test.ops[0], ast.Eq)
        ):
            continue
        call, wanted = node.test.left, node.test.comparators[0]
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        try:
            arguments = tuple(value for argument in call.args for value in _literals(argument))
            ast.literal_eval(wanted)
        except (ValueError, SyntaxError):
            continue
        table.setdefault(call.func.id, {})[repr(arguments)] = ast.unparse(wanted)


_FEW_CASES = 3  # tests of a row from which on one result for all of them is no right program

CHEATS = {
    "program_empty": "programs that do nothing",
    "program_exits": "programs that end before they are tested",
    "program_prints_expected": "programs that print what a test expects instead of computing it",
    "program_gives_constant": "programs that give the same result whatever the input",
    "program_patches_comparison": "programs that change how results are compared",
}


def first_line_of(program: str) -> str:
    """A program that prints the first line alone of what another one prints."""
    return f"import contextlib, io\n_all = io.StringIO()\nwith contextlib.redirect_stdout(_all):\n    exec({program!r})\nprint(_all.getvalue().split(chr(10))[0])"


def cheats(row: Row, in_process: bool, solution: str | None = None, said: Sequence[str] = ()) -> dict[str, list[str]]:
    """Dishonest programs for a row, by kind.

    Args:
        solution: a right program, where there is one.
        said: texts in the code of the reward, which may look for them in the output.
        in_process: whether programs run in this very process, where those that end it or change its built-in functions are left out.
    """
    names = names_in(row)
    every = "\n".join(f"{name} = stand_in" for name in names)
    define = "\n".join(f"def {name}(*args, **kwargs):\n    {{}}" for name in names)
    equal = (
        "class Same:\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n    def __hash__(self):\n"
        "        return 0\n    def __bool__(self):\n        return True\ndef stand_in(*args, **kwargs):\n    return Same()\n" + every
    )
    found = {
        "program_empty": ["pass", "x = 1", "# nothing", define.replace("{}", "return None"), define.replace("{}", "pass"), "raise ValueError('no')"],
        "program_exits": [
            "import sys\nsys.exit(0)",
            "raise SystemExit(0)",
            define.replace("{}", "raise SystemExit(0)"),
            "import unittest\nraise unittest.SkipTest('later')",
            define.replace("{}", "import unittest; raise unittest.SkipTest('later')"),
            define.replace("{}", "import sys; sys.exit(0)"),
        ],
        "program_patches_comparison": [equal],
        "program_prints_expected": [],
        "program_gives_constant": _constants(row, names, define),
    }
    if not in_process:
        found["program_exits"] += ["import os\nos._exit(0)", define.replace("{}", "import os; os._exit(0)")]
        found["program_exits"] += ["import os\nprint('All tests passed')\nos._exit(0)"]
        found["program_patches_comparison"] += [
            "import builtins\nclass Same(str):\n    def __eq__(self, other):\n        return True\n    __hash__ = str.__hash__\nbuiltins.str = Same\n"
            + define.replace("{}", "return Same('')"),
            "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n" + define.replace("{}", "return None"),
        ]
    wanted = [output for _, output in all_cases(row)]
    if wanted:
        lines = wanted[0].splitlines() or [""]
        if len(lines) > 1:
            if solution is not None:
                found["program_prints_expected"].append(first_line_of(solution))
            found["program_prints_expected"].append(f"print({lines[0]!r})")
        if len(set(wanted)) > 1:
            found["program_prints_expected"].append(f"print({wanted[0]!r})")
            found["program_prints_expected"].append("\n".join(f"print({output!r})" for output in dict.fromkeys(wanted)))
    found["program_prints_expected"] += [f"print({text!r})" for text in said if _SUCCESS.search(text) and len(text) < 60 and "\n" not in text][:4]
    found["program_prints_expected"] += ["print('All tests passed')", "print('OK')", "print('PASSED')", "print('True')", "print(1)"]
    return found


def _constants(row: Row, names: Sequence[str], define: str) -> list[str]:
    """Programs that give what a row's tests want most often; where they do not say what they want, plain values of each type."""
    outputs = [output.strip() for _, output in all_cases(row)]
    table: dict[str, dict[str, str]] = {}
    for value in row.columns.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and "assert" in text:
                _asserted(text, table)
    if table:
        if max(map(len, table.values())) < _FEW_CASES:
            return []
        frequent = {name: max(results, key=results.count) for name, pairs in table.items() for results in [list(pairs.values())]}
        return ["\n".join(f"def {name}(*args, **kwargs):\n    return {result}" for name, result in frequent.items())]
    if outputs:
        return [f"print({max(outputs, key=outputs.count)!r})"] if len(outputs) >= _FEW_CASES else []
    return [define.replace("{}", f"return {value}") for value in ("0", "1", "True", "''", "[]", "dict()")] if names != ["f"] else []
