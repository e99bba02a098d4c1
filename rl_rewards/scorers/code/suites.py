"""A test program, read before it runs: whether it checks anything, and what it takes of the program that it tests.

Tests are trusted text, so they are parsed here, once for all completions of a row. What they say about the program is found by following names:
those that the tests take from elsewhere are the program's, and what is computed from them depends on the program. A check is an assert, a
`self.assert...`, a `pytest.raises` or a conditional `raise` that depends on the program; each gets a counter in front. Tests without a check
would pass every program, and are refused.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from rl_rewards.scorers.code.shared_classes import shared_classes

COUNTER = "__checked__"
LOOKED_FOR = (
    "asserts, also under `if __name__ == '__main__'`; check(candidate) with `function` or a column entry_point; test functions and classes "
    "(pytest's and unittest's), async ones too"
)
_OF_PLAIN_DATA = frozenset().union(*map(dir, (int, float, complex, str, bytes, list, tuple, dict, set)))
PROGRAMS_MODULE = "solution"
# With these, tests reach names that cannot be followed.
_INDIRECT = frozenset({"eval", "exec", "globals", "locals", "vars", "__import__"})
# What the tests' process cannot do to the program's, by the name that it goes by in tests.
_CANNOT_CROSS = {
    "patch": "mock.patch", "monkeypatch": "monkeypatch", "capsys": "capsys", "capfd": "capfd", "caplog": "caplog", "tmp_path": "tmp_path",
    "tmpdir": "tmpdir", "redirect_stdout": "redirect_stdout", "redirect_stderr": "redirect_stderr", "tempfile": "tempfile", "open": "open",
    "multiprocessing": "multiprocessing", "subprocess": "subprocess",
}  # fmt: skip
_FIXTURES_THAT_CANNOT = frozenset({"monkeypatch", "capsys", "capfd", "caplog", "tmp_path", "tmpdir"})
_CANNOT_CROSS_ATTRIBUTES = frozenset(
    "sys.stdout sys.stdin sys.stderr sys.argv os.environ warnings.catch_warnings pytest.warns self.assertLogs self.assertNoLogs self.assertWarns".split()
)
_NOT_RUN = frozenset({"skip", "xfail", "expectedFailure"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


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
    given = _defined_names(ast.parse(prelude)) if prelude else frozenset()
    under_test = _under_test(tree, given) | (frozenset(_loaded(ast.parse(function))) if function is not None else frozenset())
    dependent = _dependent_names(tree, under_test)
    counted = _Counted(dependent)
    tree = ast.fix_missing_locations(counted.visit(_Reachable().visit(tree)))
    _refuse_what_cannot_cross(tree)
    if not counted.checks:
        raise NoTestError(_nothing_found(tree, under_test, function))
    classes = shared_classes(tree)
    return Suite(ast.unparse(tree), under_test, frozenset(under_test & ({*dir(builtins)} | given)), classes, _program_classes(tree, under_test))


def is_preparation(source: str) -> bool:
    """Whether a text only imports, so that it is meant to go before tests."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return bool(body) and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in body)


def _nothing_found(tree: ast.Module, under_test: frozenset[str], function: str | None) -> str:
    found = "nothing in them depends on a program" if not under_test else f"they use {', '.join(sorted(under_test)[:5])}, but check nothing of it"
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


def _loaded(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def _is_programs_module(name: str | None) -> bool:
    return name is not None and name.partition(".")[0] == PROGRAMS_MODULE


def _defined_names(tree: ast.AST) -> frozenset[str]:
    """All names that are given a value anywhere in a tree, whatever the scope; imports of the program's own excepted."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, _SCOPES):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name):
            names.add(node.name)
        elif isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names if not _is_programs_module(alias.name)}
        elif isinstance(node, ast.ImportFrom) and not _is_programs_module(node.module):
            names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(names)


def _under_test(tree: ast.Module, given: frozenset[str]) -> frozenset[str]:
    """The names that the tests take from the program.

    Where they use nothing but Python's own names and those of the prelude, the only one of these that they call in a check is the program's: MBPP has
    a task to write `sum`.
    """
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and _is_programs_module(node.module))
        or (isinstance(node, ast.Import) and any(_is_programs_module(alias.name) for alias in node.names))
        for alias in node.names
    }
    free = {*_loaded(tree)} - _defined_names(tree)
    own = (free - {*dir(builtins)} - given - {"__file__", "__name__"}) | (free & _INDIRECT) | imported - {"*"}
    if own:
        return frozenset(own)
    called = {
        call.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and _called(node).startswith("assert"))
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    } & free  # fmt: skip
    return frozenset(called) if len(called) == 1 else frozenset()


def _program_classes(tree: ast.Module, under_test: frozenset[str]) -> frozenset[str]:
    """The names that the tests use as a class's: what they make by calling it has attributes of its own, or is compared with another such.

    A name alone tells nothing: MBPP's functions are called `Average` and `Diff`.
    """

    def maker(node: ast.AST | None) -> str:
        return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in under_test else ""

    made: dict[str, str] = {}  # variable -> what made it
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and maker(node.value):
            made.update(dict.fromkeys((name for target in node.targets for name in _bases(target)), maker(node.value)))
        elif isinstance(node, _FUNCTIONS):
            made.update((node.name, maker(part.value)) for part in ast.walk(node) if isinstance(part, (ast.Return, ast.Yield)) and maker(part.value))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr not in _OF_PLAIN_DATA:
            owner = maker(node.value) or made.get(next(_bases(node.value), ""), "")
            found.add(owner)
        elif isinstance(node, ast.Compare):
            makers = [maker(side) for side in (node.left, *node.comparators)]
            found |= {name for name in makers if makers.count(name) > 1}
    return frozenset(name for name in found if name[:1].isupper())


def _dependent_names(tree: ast.Module, under_test: frozenset[str]) -> frozenset[str]:
    """All names whose values depend on the program: found by following assignments, whatever their order and scope, until nothing is added."""
    flows = list(_flows(tree))
    dependent = set(under_test)
    added = True
    while added:
        added = False
        for sources, targets in flows:
            if not targets <= dependent and sources & dependent:
                dependent |= targets
                added = True
    return frozenset(dependent)


def _flows(tree: ast.Module) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """(names that are read, names that take from them) of every place where a value moves."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield _reads(node.value), frozenset(name for target in targets for name in _bases(target))
        elif isinstance(node, (ast.If, ast.While)):  # `if f(1) != 2: failures += 1`
            yield _reads(node.test), _stored(*node.body, *node.orelse)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            inner = frozenset() if isinstance(node, ast.comprehension) else _stored(*node.body)
            yield _reads(node.iter), frozenset(_bases(node.target)) | inner
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield _reads(node.context_expr), frozenset(_bases(node.optional_vars))
        elif isinstance(node, (ast.With, ast.AsyncWith)):  # `with pytest.raises(ValueError) as info: f(-1)`
            names = frozenset(name for item in node.items if item.optional_vars is not None for name in _bases(item.optional_vars))
            yield frozenset().union(*map(_reads, node.body)), names
        elif isinstance(node, ast.Try):
            body = frozenset().union(*map(_reads, node.body))
            yield body, frozenset(handler.name for handler in node.handlers if handler.name) | _stored(*node.handlers, *node.orelse)
        elif isinstance(node, ast.Match):
            yield (
                _reads(node.subject),
                frozenset(part.name for part in ast.walk(node) if isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name),
            )
        elif isinstance(node, _SCOPES):
            yield _reads(node), frozenset({node.name, f"self.{node.name}"})
            if isinstance(node, ast.ClassDef):
                yield from ((frozenset({name}), frozenset({f"self.{name}"})) for name in _stored(*node.body))
            if isinstance(node, _FUNCTIONS) and node.decorator_list:  # parametrize hands it values
                yield frozenset().union(*map(_reads, node.decorator_list)), frozenset(_parameters(node))
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, ast.Call):
            yield from _flows_of_call(node, functions)


def _flows_of_call(call: ast.Call, functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    read = frozenset().union(*map(_reads, arguments)) if arguments else frozenset()
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name in functions:  # the function's parameters take the arguments, also where it is passed on as a value
        yield read, frozenset(_parameters(functions[name]))
    else:
        for passed in arguments:
            if isinstance(passed, ast.Name) and passed.id in functions:
                yield read | _reads(call.func), frozenset(_parameters(functions[passed.id]))
    yield _reads(call.func), frozenset(name for argument in arguments for name in _bases(argument))  # it may change them in place
    if isinstance(call.func, ast.Attribute):  # results.append(f(1))
        yield read, frozenset(_bases(call.func.value))


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument.arg for argument in every if argument is not None and argument.arg not in ("self", "cls")]


def _reads(tree: ast.AST) -> frozenset[str]:
    """The names that a tree reads: variables, fixtures asked for by a parameter's name, attributes of self."""
    names = {*_loaded(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            names.add(f"self.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and _is_programs_module(node.module):
            names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(names - {"self", "cls"})


def _stored(*statements: ast.AST) -> frozenset[str]:
    """The variables that statements change."""
    parts = [node for statement in statements for node in ast.walk(statement)]
    targets = [node for node in parts if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)]
    return frozenset(name for target in targets for name in _bases(target))


def _bases(target: ast.AST) -> Iterator[str]:
    """The variables that an assignment to `target` changes: of `a.b[0], *c` these are a and c."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
        yield f"self.{target.attr}"
    elif isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
        yield from _bases(target.value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _bases(element)


class _Reachable(ast.NodeTransformer):
    """Drops what is never run: what follows a return, the body of `if False:`."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                ends = (at for at, part in enumerate(statements) if isinstance(part, (ast.Return, ast.Raise, ast.Continue, ast.Break)))
                del statements[next(ends, len(statements)) + 1 :]
        return super().generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        # A generator stays one, also where its only `yield` is never reached.
        return node if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node)) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Constant):
            (node.orelse if node.test.value else node.body)[:] = [] if node.test.value else [ast.Pass()]
        return self.generic_visit(node)


class _Counted(ast.NodeTransformer):
    """Puts a counter in front of every check that depends on the program."""

    def __init__(self, dependent: frozenset[str]) -> None:
        self.dependent = dependent
        self.checks = 0
        self._swallowed = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """What is skipped, or expected to fail, checks nothing."""
        return node if {_called_name(decorator) for decorator in node.decorator_list} & _NOT_RUN else self.generic_visit(node)

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Assert(self, node: ast.Assert) -> ast.AST | list[ast.AST]:
        return self._counted(node, not _always_true(node.test) and self._depends(node.test))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.AST]:
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        return self._counted(node, isinstance(call, ast.Call) and _is_assertion(call) and self._depends(call))

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        fails = any(_fails(statement) for statement in (*node.body, *node.orelse))
        inner = self.generic_visit(node)
        return self._counted(inner, fails and not _always_true(node.test) and self._depends(node.test))

    def visit_With(self, node: ast.With | ast.AsyncWith) -> ast.AST | list[ast.AST]:
        raises = any(
            isinstance(item.context_expr, ast.Call) and _called(item.context_expr) in ("raises", "assertRaises", "assertRaisesRegex", "warns")
            for item in node.items
        )
        depends = any(self._depends(statement) for statement in node.body)
        swallows = any(
            isinstance(item.context_expr, ast.Call)
            and _called(item.context_expr) == "suppress"
            and {*_loaded(item.context_expr)} & {"BaseException", "Exception", "AssertionError"}
            for item in node.items
        )
        self._swallowed += swallows
        inner = self.generic_visit(node)
        self._swallowed -= swallows
        return self._counted(inner, raises and depends)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try) -> ast.AST | list[ast.AST]:
        """An assert whose failure is caught and forgotten checks nothing. `try: f(-1); assert False except ValueError: pass` is a check."""
        swallowed = any(_swallows(handler) for handler in node.handlers)
        self._swallowed += swallowed
        node.body = self._visited(node.body)
        self._swallowed -= swallowed
        node.handlers = [self.visit(handler) for handler in node.handlers]
        node.orelse, node.finalbody = self._visited(node.orelse), self._visited(node.finalbody)
        must_raise = bool(node.handlers) and (any(map(_fails, node.orelse)) or (not swallowed and any(map(_fails, node.body))))
        return self._counted(node, must_raise and any(self._depends(statement) for statement in node.body))

    def _visited(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for statement in statements:
            new = self.visit(statement)
            made += new if isinstance(new, list) else [new]
        return made

    def _counted(self, node: ast.AST, is_check: bool) -> ast.AST | list[ast.AST]:
        if not is_check or self._swallowed:
            return node
        self.checks += 1
        return [ast.copy_location(ast.Expr(ast.Call(ast.Name(COUNTER, ast.Load()), [], [])), node), node]  # type: ignore[arg-type]

    def _depends(self, tree: ast.AST) -> bool:
        return bool(_reads(tree) & self.dependent)


def _called(call: ast.Call) -> str:
    return _called_name(call.func)


def _called_name(node: ast.expr) -> str:
    """`skip` of `skip`, `pytest.mark.skip` and `unittest.skip("why")`."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_assertion(call: ast.Call) -> bool:
    """Whether it calls what fails when something is not so: self.assertEqual, np.testing.assert_allclose, assert_equal. `assertTrue(True)` does not."""
    if not _called(call).lower().startswith("assert"):
        return False
    if _called(call) in ("assertTrue", "assertFalse", "assert_", "assertIsNotNone") and call.args:
        return not _always_true(call.args[0])
    return not (len(call.args) >= 2 and ast.dump(call.args[0]) == ast.dump(call.args[1]))


def _fails(statement: ast.AST) -> bool:
    """Whether a statement makes a test fail: a raise, an `assert False`, `self.fail()`, `pytest.fail()`, `sys.exit(1)`."""
    if isinstance(statement, ast.Raise):
        return True
    if isinstance(statement, ast.Assert):
        return isinstance(statement.test, ast.Constant) and not statement.test.value
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and _called(call) in ("fail", "exit") and (_called(call) == "fail" or bool(call.args))


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether it catches a failed assert and goes on as if nothing were amiss."""
    caught = {"BaseException"} if handler.type is None else {*_loaded(handler.type)}
    if not caught & {"BaseException", "Exception", "AssertionError"}:
        return False
    return not any(isinstance(node, (ast.Raise, ast.Assert)) or (isinstance(node, ast.Expr) and _fails(node)) for node in ast.walk(handler))


def _always_true(test: ast.expr) -> bool:
    """Whether a condition holds whatever the program does, as far as its form tells."""
    if isinstance(test, (ast.Lambda, ast.GeneratorExp, ast.JoinedStr)) or not any(isinstance(node, ast.Name) for node in ast.walk(test)):
        return True
    if isinstance(test, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
        return True
    if isinstance(test, ast.BoolOp):
        parts = [_always_true(value) for value in test.values]
        return any(parts) if isinstance(test.op, ast.Or) else all(parts)
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, operator, right = test.left, test.ops[0], test.comparators[0]
        if isinstance(operator, (ast.Eq, ast.LtE, ast.GtE)) and ast.dump(left) == ast.dump(right):
            return True
        is_length = isinstance(left, ast.Call) and _called(left) == "len" and isinstance(right, ast.Constant)
        return is_length and ((isinstance(operator, ast.GtE) and right.value == 0) or (isinstance(operator, ast.Gt) and right.value == -1))  # type: ignore[attr-defined]
    if isinstance(test, ast.Call) and _called(test) == "isinstance" and len(test.args) == 2:
        return isinstance(test.args[1], ast.Name) and test.args[1].id == "object"
    return False


def _refuse_what_cannot_cross(tree: ast.Module) -> None:
    defined = _defined_names(tree) - {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names
    }
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Name) and node.id not in defined:
            name = _CANNOT_CROSS.get(node.id, "")
        elif isinstance(node, ast.arg):
            name = node.arg if node.arg in _FIXTURES_THAT_CANNOT else ""
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            name = next((known for known in _CANNOT_CROSS_ATTRIBUTES if whole == known or whole.startswith(known + ".")), "")
            name = name or ("mock.patch" if node.attr == "patch" else "")
        if name:
            raise NotSupportedError(f"tests that use {name}: they run in a process of their own, where it does not reach the program")
