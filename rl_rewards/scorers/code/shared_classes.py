"""The tests' own classes that a program can be handed objects of, such as TreeNode: those that can be made in its process, too.

A class goes there as text, so it must hold nothing that tests expect: only classes without literals other than None, booleans, 0, 1, 2 and
empty containers go, without docstrings and without a `__repr__`. Members of an Enum are numbered, or hold their own names.
"""

from __future__ import annotations

import ast
import builtins

_DECORATORS = frozenset({"dataclass", "total_ordering", "property", "staticmethod", "classmethod", "setter"})
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_BASES = frozenset({"object", "NamedTuple", "Generic", "ABC", "Exception", "ValueError", "Protocol", *_ENUMS})
_WORDS = frozenset({"", "inf", "-inf", "nan"})
_DROPPED = frozenset({"__repr__", "__str__", "__format__"})


def shared_classes(tests: ast.Module) -> str:
    """The source of the classes at the top of the tests that may be made in a program's process, with the imports they use."""
    classes = {node.name: node for node in tests.body if isinstance(node, ast.ClassDef)}
    imports = {
        alias.asname or alias.name.partition(".")[0]: node
        for node in tests.body
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", "") != "solution"
        for alias in node.names
    }
    shared: dict[str, ast.ClassDef] = {}
    used: list[str] = []
    for name, node in classes.items():
        bare = _without_words(node)
        names = _free_names(bare) - {name}
        if _tells_nothing(bare, shared.keys()) and names <= {*dir(builtins), *imports, *classes}:
            shared[name] = bare
            used += sorted(names & imports.keys())
    lines = [ast.unparse(node) for node in dict.fromkeys(imports[name] for name in used)]
    return "\n".join([*lines, *map(ast.unparse, shared.values())])


def _without_words(node: ast.ClassDef) -> ast.ClassDef:
    """The class without docstrings and without the methods that are for readers."""
    copy = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copy, ast.ClassDef)
    for inner in ast.walk(copy):
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            body = [
                part
                for part in inner.body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                and not (isinstance(part, ast.FunctionDef) and part.name in _DROPPED)
            ]
            inner.body = body or [ast.Pass()]
    return copy


def _tells_nothing(node: ast.ClassDef, shared: object) -> bool:
    bases = {base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else "Generic" for base in node.bases}
    if not bases <= _BASES | {*shared} or node.keywords:  # type: ignore[misc]
        return False
    decorators = [decorator for part in ast.walk(node) for decorator in getattr(part, "decorator_list", [])]
    if not all(_name(decorator) in _DECORATORS for decorator in decorators):
        return False
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return False
    members = [part for part in node.body if isinstance(part, ast.Assign)] if bases & _ENUMS else []
    numbered = {id(part.value) for part in members if isinstance(part.value, ast.Constant) and _is_a_number_or_name(part, len(members))}
    constants = (part for part in ast.walk(node) if isinstance(part, ast.Constant) and id(part) not in numbered)
    return all(_is_small(constant.value) or _is_slot(node, constant) for constant in constants)


def _is_a_number_or_name(member: ast.Assign, count: int) -> bool:
    value, name = member.value.value, ast.unparse(member.targets[0])  # type: ignore[attr-defined]
    return value in range(count + 1) if isinstance(value, int) else isinstance(value, str) and value.lower() == name.lower()


def _name(decorator: ast.expr) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _is_small(value: object) -> bool:
    if isinstance(value, (bool, type(None), type(...))):
        return True
    return value in _WORDS if isinstance(value, str) else isinstance(value, (int, float)) and value in (0, 1, 2)


def _is_slot(node: ast.ClassDef, constant: ast.Constant) -> bool:
    """Whether it is a name in `__slots__` or in a quoted annotation."""
    for part in ast.walk(node):
        is_slots = isinstance(part, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "__slots__" for target in part.targets)
        names = part.value if is_slots else getattr(part, "annotation", None) or getattr(part, "returns", None)  # type: ignore[attr-defined]
        if isinstance(names, ast.AST) and any(inner is constant for inner in ast.walk(names)):
            return True
    return False


def _free_names(node: ast.ClassDef) -> set[str]:
    loaded = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    stored = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return (
        loaded
        - stored
        - {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        - {part.name for part in ast.walk(node) if isinstance(part, (ast.FunctionDef, ast.ClassDef))}
    )
