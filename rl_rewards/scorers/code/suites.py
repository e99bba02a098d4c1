"""A test program, read before it runs: whether it checks anything, and what it takes of the program that it tests.

Tests are trusted text, so they are parsed here, once for all completions of a row. What they say about the program is found by following names:
those that the tests take from elsewhere are the program's, and what is computed from them depends on the program. A check is an assert, a
`self.assert...`, a `pytest.raises` or a conditional `raise` that depends on the program; each gets a counter in front. Tests without a check
would pass every program, and are refused.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from rl_rewards.scorers.code.counting import count_checks
from rl_rewards.scorers.code.names import defined_names, dependent_names, loaded, program_classes, under_test
from rl_rewards.scorers.code.shared_classes import shared_classes

LOOKED_FOR = (
    "asserts, also under `if __name__ == '__main__'`; check(candidate) with `function` or a column entry_point; test functions and classes "
    "(pytest's and unittest's), async ones too"
)
# What the tests' process cannot do to the program's, by the name that it goes by in tests.
_CANNOT_CROSS = {
    "patch": "mock.patch", "monkeypatch": "monkeypatch", "capsys": "capsys", "capfd": "capfd", "caplog": "caplog", "tmp_path": "tmp_path",
    "tmpdir": "tmpdir", "redirect_stdout": "redirect_stdout", "redirect_stderr": "redirect_stderr", "tempfile": "tempfile", "open": "open",
    "multiprocessing": "multiprocessing", "subprocess": "subprocess",
}  # fmt: skip
_FIXTURES_THAT_CANNOT = frozenset({"monkeypatch", "capsys", "capfd", "caplog", "tmp_path", "tmpdir"})
_CANNOT_CROSS_ATTRIBUTES = frozenset(
    "os.path.exists os.path.isfile os.path.isdir os.path.getsize os.listdir os.walk os.scandir os.remove os.unlink os.rmdir os.rename "
    "shutil sqlite3.connect sys.stdout sys.stdin sys.stderr sys.argv os.environ warnings.catch_warnings pytest.warns "
    "self.assertLogs self.assertNoLogs self.assertWarns".split()
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class NoTestError(ValueError):
    """Tests that check nothing: the data set's fault, or a form that is not known here."""


class NotSupportedError(ValueError):
    """Tests that need what cannot pass between their process and the program's."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests ready to run.

    Attributes:
        source: the tests, with a counter in front of every check.
        uses: names that the tests take from the program.
        names: those of them that are names of Python's own, or of the prelude's imports, too.
        classes: source of the tests' own classes that programs may be handed objects of; they are made in the program's process, too.
        program_classes: names that the tests use as those of classes of the program's.
    """

    source: str
    uses: frozenset[str]
    names: frozenset[str]
    classes: str
    program_classes: frozenset[str]


@lru_cache(maxsize=256)
def read_suite(source: str, function: str | None = None, prelude: str = "") -> Suite:
    """Read test programs.

    Args:
        source: Python text of the tests.
        function: an expression for the function under test, which `check(candidate)` and its like are called with.
        prelude: Python text that runs before program and tests.

    Raises:
        NoTestError: when nothing in it checks the program.
        NotSupportedError: when it needs what cannot pass between two processes.
        SyntaxError: when it does not compile.
    """
    tree = ast.parse(source)
    if function is not None:
        tree.body += _calls_of_checkers(tree, function)
    given = defined_names(ast.parse(prelude)) if prelude else frozenset()
    used = under_test(tree, given) | (frozenset(loaded(ast.parse(function))) if function is not None else frozenset())
    checks = count_checks(tree, dependent_names(tree, used))
    _refuse_what_cannot_cross(tree)
    if not checks:
        raise NoTestError(_nothing_found(tree, used, function))
    return Suite(ast.unparse(tree), used, frozenset(used & ({*dir(builtins)} | given)), shared_classes(tree), program_classes(tree, used))


def is_preparation(source: str) -> bool:
    """Whether a text only imports, so that it is meant to go before tests."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return bool(body) and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body)


def _nothing_found(tree: ast.Module, used: frozenset[str], function: str | None) -> str:
    found = f"they use {', '.join(sorted(used)[:5])}, but check nothing of it" if used else "nothing in them depends on a program"
    checkers = [node.name for node in tree.body if _is_checker(node)]
    if checkers and function is None:
        found = f"{checkers[0]}(candidate) is called by nobody: name the function to call by the option `function` or a column entry_point"
    return f"no test ran: {found}; looked for {LOOKED_FOR}"


def _is_checker(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Whether it is a function such as HumanEval's `check(candidate)`, which is handed the function under test."""
    if not isinstance(node, _FUNCTIONS):
        return False
    required = len(node.args.posonlyargs + node.args.args) - len(node.args.defaults)
    return required == 1 and (node.name == "check" or (node.args.posonlyargs + node.args.args)[0].arg in ("candidate", "func", "fn"))


def _calls_of_checkers(tree: ast.Module, function: str) -> list[ast.stmt]:
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    decorated = {node.name for node in tree.body if isinstance(node, _FUNCTIONS) and node.decorator_list}
    names = [node.name for node in tree.body if _is_checker(node) and node.name not in called | decorated]
    is_async = {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    calls = [f"__import__('asyncio').run({name}({function}))" if name in is_async else f"{name}({function})" for name in names]
    return ast.parse("\n".join(calls)).body


def _cannot_cross(dotted: str) -> str:
    return next((known for known in _CANNOT_CROSS_ATTRIBUTES if dotted == known or dotted.startswith(known + ".")), "")


def _refuse_what_cannot_cross(tree: ast.Module) -> None:
    defined = defined_names(tree) - {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names
    }
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Name) and node.id not in defined:
            name = _CANNOT_CROSS.get(node.id, "")
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = (_cannot_cross(f"{node.module}.{alias.name}") for alias in node.names)
            name = next(filter(None, whole), _CANNOT_CROSS.get(node.module, ""))
        elif isinstance(node, ast.arg):
            name = node.arg if node.arg in _FIXTURES_THAT_CANNOT else ""
        elif isinstance(node, ast.Attribute):
            name = _cannot_cross(ast.unparse(node)) or ("mock.patch" if node.attr == "patch" else "")
        if name:
            raise NotSupportedError(f"tests that use {name}: they run in a process of their own, where it does not reach the program")
