"""What the code of a reward shows when it is read: catch-alls that return zero, eval of model text, state, chance, network, loose patterns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rl_rewards.auditing.code import Code, dotted
from rl_rewards.auditing.cost import NETWORK
from rl_rewards.auditing.findings import Finding, Severity

__all__ = ["code_findings"]

_RUNS_TEXT = frozenset({"eval", "exec", "builtins.eval", "builtins.exec"})
_CHANCE = re.compile(r"^(?:random|np\.random|numpy\.random|secrets|uuid)\.")
_CLOCK = frozenset({"time.time", "time.perf_counter", "time.monotonic", "datetime.now", "datetime.datetime.now", "datetime.utcnow"})
_CATCH_ALL = frozenset({"Exception", "BaseException"})
_OURS = re.compile(r"Timeout|Connection|HTTP|Request|Network|API|RateLimit|OSError|IOError|Transport", re.I)
_READS = re.compile(
    r"^(?:float|int|str|complex|Fraction|Decimal|(?:ast\.)?literal_eval|fractions\.Fraction|decimal\.Decimal|ast\.parse|re2?\.compile"
    r"|(?:json|yaml|tomllib|csv)\.(?:loads|safe_load|load|reader)|ET\.fromstring|(?:datetime\.)*(?:strptime|fromisoformat))$"
    r"|\.(?:strip|lstrip|rstrip|replace|lower|upper|removeprefix|removesuffix|group|split|splitlines|strptime|fromisoformat)$"
)
"""Calls that read a text, and no more."""
_TEXT_PARTS = frozenset(
    {"completion", "completions", "response", "responses", "text", "content", "output", "parsed", "pred", "prediction", "answer_text", "generated"}
)


def code_findings(codes: tuple[Code, ...] | list[Code]) -> Iterator[Finding]:
    """Findings in the code of a rubric's own functions, with their lines."""
    for code in codes:
        for node in code.nodes:
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    yield from _handler(code, handler, _only_reads(node.body))
            elif isinstance(node, ast.Call):
                yield from _call(code, node)
            elif isinstance(node, ast.Compare):
                yield from _compare(code, node)
        yield from _state(code)


def _found(code: Code, node: ast.AST, kind: str, severity: Severity, evidence: str, remedy: str) -> Finding:
    return Finding(kind=kind, severity=severity, reward=code.reward, place=code.place(node), evidence=evidence, remedy=remedy)


def _handler(code: Code, node: ast.ExceptHandler, only_reads: bool) -> Iterator[Finding]:
    names = [dotted(part) for part in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type] if node.type else [])]
    last = [name.rpartition(".")[2] for name in names]
    if not _gives_number(node) or any(isinstance(inner, ast.Raise) for part in node.body for inner in ast.walk(part)):
        return
    if node.type is None or _CATCH_ALL & set(last):
        what = "a bare `except`" if node.type is None else f"`except {', '.join(names)}`"
        yield _found(
            code, node, "failure_scored", Severity.WARNING if only_reads else Severity.ERROR,
            f"{what} turns every failure, also of the reward itself, into a score",
            "catch what a wrong answer raises (ValueError), and let the rest through: it becomes outcome `error`, never a zero",
        )  # fmt: skip
    elif any(_OURS.search(name) for name in last) and not all("subprocess" in name for name in names):
        yield _found(
            code,
            node,
            "failure_scored",
            Severity.ERROR,
            f"`except {', '.join(names)}` scores a failure of ours as if the policy had answered",
            "return None, or let it through, so that the row is left out",
        )


def _only_reads(body: list[ast.stmt]) -> bool:
    """Whether all that is tried is to read a text as a number, JSON or the like, where little can fail but the text."""
    calls = [dotted(inner.func) for part in body for inner in ast.walk(part) if isinstance(inner, ast.Call)]
    return len(body) == 1 and bool(calls) and all(_READS.search(name) for name in calls)


def _gives_number(node: ast.ExceptHandler) -> bool:
    """Whether a handler gives a fixed number as the score: it returns, appends or assigns one, or a list of them."""
    for part in node.body:
        for inner in ast.walk(part):
            values: list[ast.AST | None] = []
            if isinstance(inner, (ast.Return, ast.Assign, ast.AugAssign)):
                values = [inner.value]
            elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "append":
                values = list(inner.args)
            if any(value is not None and _is_number(value) for value in values):
                return True
    return False


def _is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and node.value is not None
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, (ast.List, ast.Tuple)):
        return bool(node.elts) and all(map(_is_number, node.elts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _is_number(node.left) or _is_number(node.right)
    if isinstance(node, ast.ListComp):
        return _is_number(node.elt)
    return (
        isinstance(node, ast.Call)
        and dotted(node.func).rpartition(".")[2] in ("float", "EvaluateResult")
        and bool(node.args)
        and _is_number(node.args[0])
    )


def _call(code: Code, node: ast.Call) -> Iterator[Finding]:
    name = dotted(node.func)
    if name in _RUNS_TEXT and node.args and not isinstance(node.args[0], ast.Constant):
        yield _found(
            code,
            node,
            "runs_model_text",
            Severity.ERROR,
            f"`{name}` runs text in the trainer's own process",
            "read numbers with float or Fraction, JSON with json.loads; run programs with `python_tests`",
        )
    elif name.startswith("os.system") or (
        name.startswith("subprocess.") and any(keyword.arg == "shell" and getattr(keyword.value, "value", None) is True for keyword in node.keywords)
    ):
        yield _found(code, node, "runs_model_text", Severity.WARNING, f"`{name}` runs a shell", "run programs with `python_tests`, which has walls")
    elif _CHANCE.match(name) and not name.endswith((".Random", ".seed", "default_rng")):
        yield _found(
            code, node, "chance", Severity.WARNING, f"`{name}` makes the score a matter of chance", "leave chance out, or seed it by the response"
        )
    elif name in _CLOCK:
        yield _found(code, node, "clock", Severity.NOTE, f"`{name}` reads the clock", "leave time out of the score")
    elif NETWORK.search(name):
        yield _found(
            code,
            node,
            "network",
            Severity.NOTE,
            f"`{name}` calls a server in the reward",
            "make the function async with a timeout, and return None where the server fails",
        )
    elif (
        name in ("re.search", "re.match", "re.findall")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ):
        pattern = node.args[0].value
        if name == "re.match" and not pattern.endswith(("$", "\\Z", "\\z")) and "<" in pattern and pattern.startswith("^"):
            yield _found(
                code,
                node,
                "pattern_not_anchored",
                Severity.NOTE,
                f"the pattern {pattern!r:.60} lets anything follow",
                "end it in `\\s*$`, or use re.fullmatch",
            )


def _compare(code: Code, node: ast.Compare) -> Iterator[Finding]:
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.In):
        right = node.comparators[0]
        names = {inner.id.lower() for inner in ast.walk(right) if isinstance(inner, ast.Name)}
        if names & _TEXT_PARTS and not isinstance(node.left, ast.Constant):
            yield _found(
                code,
                node,
                "substring",
                Severity.WARNING,
                f"`{ast.unparse(node)[:80]}` is true of any text that has it somewhere",
                "compare the whole answer",
            )


def _state(code: Code) -> Iterator[Finding]:
    for node in code.nodes:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield _found(
                code,
                node,
                "hidden_state",
                Severity.WARNING,
                f"`{'global' if isinstance(node, ast.Global) else 'nonlocal'} {', '.join(node.names)}` keeps state between calls",
                "make the score follow from the response and its row alone",
            )
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for default in [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]:
                if isinstance(default, (ast.List, ast.Dict, ast.Set)):
                    yield _found(
                        code,
                        default,
                        "hidden_state",
                        Severity.WARNING,
                        f"a changeable default of `{node.name}` keeps state between calls",
                        "use None, and make it inside",
                    )
