"""The checks of a test program: each that can fail, and depends on the program, gets a counter in front."""

from __future__ import annotations

import ast

from rl_rewards.scorers.code.names import called, called_name, loaded, reads

COUNTER = "__checked__"
_NOT_RUN = frozenset({"skip", "xfail", "expectedFailure"})


def count_checks(tree: ast.Module, dependent: frozenset[str]) -> int:
    """Put a counter in front of every check of a tree that reads a name of `dependent`, and drop what is never run. Returns how many there are."""
    counted = _Counted(dependent)
    counted.visit(_Reachable().visit(tree))
    ast.fix_missing_locations(tree)
    return counted.checks


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
        return node if {called_name(decorator) for decorator in node.decorator_list} & _NOT_RUN else self.generic_visit(node)

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
            isinstance(item.context_expr, ast.Call) and called(item.context_expr) in ("raises", "assertRaises", "assertRaisesRegex", "warns")
            for item in node.items
        )
        depends = any(self._depends(statement) for statement in node.body)
        swallows = any(
            isinstance(item.context_expr, ast.Call)
            and called(item.context_expr) == "suppress"
            and {*loaded(item.context_expr)} & {"BaseException", "Exception", "AssertionError"}
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
        return bool(reads(tree) & self.dependent)


def _is_assertion(call: ast.Call) -> bool:
    """Whether it calls what fails when something is not so: self.assertEqual, np.testing.assert_allclose, assert_equal. `assertTrue(True)` does not."""
    if not called(call).lower().startswith("assert"):
        return False
    if called(call) in ("assertTrue", "assertFalse", "assert_", "assertIsNotNone") and call.args:
        return not _always_true(call.args[0])
    return not (len(call.args) >= 2 and ast.dump(call.args[0]) == ast.dump(call.args[1]))


def _fails(statement: ast.AST) -> bool:
    """Whether a statement makes a test fail: a raise, an `assert False`, `self.fail()`, `pytest.fail()`, `sys.exit(1)`."""
    if isinstance(statement, ast.Raise):
        return True
    if isinstance(statement, ast.Assert):
        return isinstance(statement.test, ast.Constant) and not statement.test.value
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and called(call) in ("fail", "exit") and (called(call) == "fail" or bool(call.args))


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether it catches a failed assert and goes on as if nothing were amiss."""
    caught = {"BaseException"} if handler.type is None else {*loaded(handler.type)}
    if not caught & {"BaseException", "Exception", "AssertionError"}:
        return False
    return not any(isinstance(node, (ast.Raise, ast.Assert)) or (isinstance(node, ast.Expr) and _fails(node)) for node in ast.walk(handler))


def _always_true(test: ast.expr) -> bool:
    """Whether a condition holds whatever the program does, as far as its form shows."""
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
        is_length = isinstance(left, ast.Call) and called(left) == "len" and isinstance(right, ast.Constant)
        return is_length and ((isinstance(operator, ast.GtE) and right.value == 0) or (isinstance(operator, ast.Gt) and right.value == -1))  # type: ignore[attr-defined]
    if isinstance(test, ast.Call) and called(test) == "isinstance" and len(test.args) == 2:
        return isinstance(test.args[1], ast.Name) and test.args[1].id == "object"
    return False
