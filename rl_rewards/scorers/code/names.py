"""What of a program its tests use: names followed through a test program, in whatever order and scope."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

PROGRAMS_MODULE = "solution"
_FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTION_NODES, ast.ClassDef)
_OF_PLAIN_DATA = frozenset().union(*map(dir, (int, float, complex, str, bytes, list, tuple, dict, set)))
# With these, tests reach names that cannot be followed.
_INDIRECT = frozenset({"eval", "exec", "globals", "locals", "vars", "__import__"})


def under_test(tree: ast.Module, given: frozenset[str]) -> frozenset[str]:
    """The names that the tests take from the program.

    Where they use nothing but Python's own names and those of the prelude, the only one of these that they call in a check is the program's: MBPP has
    a task to write `sum`.
    """
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and is_programs_module(node.module))
        or (isinstance(node, ast.Import) and any(is_programs_module(alias.name) for alias in node.names))
        for alias in node.names
    }
    free = {*loaded(tree)} - defined_names(tree)
    own = (free - {*dir(builtins)} - given - {"__file__", "__name__"}) | (free & _INDIRECT) | imported - {"*"}
    if own:
        return frozenset(own)
    names = {
        call.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and called(node).startswith("assert"))
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    } & free  # fmt: skip
    return frozenset(names) if len(names) == 1 else frozenset()


def program_classes(tree: ast.Module, under_test: frozenset[str]) -> frozenset[str]:
    """The names that the tests use as a class's: what they make by calling it has attributes of its own, or is compared with another such.

    A name alone shows nothing: MBPP's functions are called `Average` and `Diff`.
    """

    def maker(node: ast.AST | None) -> str:
        return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in under_test else ""

    made: dict[str, str] = {}  # variable -> what made it
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and maker(node.value):
            made.update(dict.fromkeys((name for target in node.targets for name in _bases(target)), maker(node.value)))
        elif isinstance(node, _FUNCTION_NODES):
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


def dependent_names(tree: ast.Module, under_test: frozenset[str]) -> frozenset[str]:
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
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, _FUNCTION_NODES)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield reads(node.value), frozenset(name for target in targets for name in _bases(target))
        elif isinstance(node, (ast.If, ast.While)):  # `if f(1) != 2: failures += 1`
            yield reads(node.test), _stored(*node.body, *node.orelse)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            inner = frozenset() if isinstance(node, ast.comprehension) else _stored(*node.body)
            yield reads(node.iter), frozenset(_bases(node.target)) | inner
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield reads(node.context_expr), frozenset(_bases(node.optional_vars))
        elif isinstance(node, (ast.With, ast.AsyncWith)):  # `with pytest.raises(ValueError) as info: f(-1)`
            names = frozenset(name for item in node.items if item.optional_vars is not None for name in _bases(item.optional_vars))
            yield frozenset().union(*map(reads, node.body)), names
        elif isinstance(node, ast.Try):
            body = frozenset().union(*map(reads, node.body))
            yield body, frozenset(handler.name for handler in node.handlers if handler.name) | _stored(*node.handlers, *node.orelse)
        elif isinstance(node, ast.Match):
            captured = frozenset(part.name for part in ast.walk(node) if isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name)
            yield reads(node.subject), captured | _stored(*(statement for case in node.cases for statement in case.body))
        elif isinstance(node, _SCOPES):
            yield reads(node), frozenset({node.name, f"self.{node.name}"})
            if isinstance(node, ast.ClassDef):
                yield from ((frozenset({name}), frozenset({f"self.{name}"})) for name in _stored(*node.body))
            if isinstance(node, _FUNCTION_NODES) and node.decorator_list:  # parametrize hands it values
                yield frozenset().union(*map(reads, node.decorator_list)), frozenset(_parameters(node))
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, ast.Call):
            yield from _flows_of_call(node, functions)


def _flows_of_call(call: ast.Call, functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    read = frozenset().union(*map(reads, arguments)) if arguments else frozenset()
    name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name in functions:  # the function's parameters take the arguments, also where it is passed on as a value
        yield read, frozenset(_parameters(functions[name]))
    else:
        for passed in arguments:
            if isinstance(passed, ast.Name) and passed.id in functions:
                yield read | reads(call.func), frozenset(_parameters(functions[passed.id]))
    yield reads(call.func), frozenset(name for argument in arguments for name in _bases(argument))  # it may change them in place
    if isinstance(call.func, ast.Attribute):  # results.append(f(1))
        yield read, frozenset(_bases(call.func.value))


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument.arg for argument in every if argument is not None and argument.arg not in ("self", "cls")]


def loaded(tree: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def is_programs_module(name: str | None) -> bool:
    return name is not None and name.partition(".")[0] == PROGRAMS_MODULE


def defined_names(tree: ast.AST) -> frozenset[str]:
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
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names if not is_programs_module(alias.name)}
        elif isinstance(node, ast.ImportFrom) and not is_programs_module(node.module):
            names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(names)


def reads(tree: ast.AST) -> frozenset[str]:
    """The names that a tree reads: variables, fixtures asked for by a parameter's name, attributes of self."""
    names = {*loaded(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            names.add(f"self.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and is_programs_module(node.module):
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


def called(call: ast.Call) -> str:
    return called_name(call.func)


def called_name(node: ast.expr) -> str:
    """`skip` of `skip`, `pytest.mark.skip` and `unittest.skip("why")`."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
