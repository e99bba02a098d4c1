"""The Python code behind a reward, read as a syntax tree: the function and what it uses of its own module. Nothing is run."""

from __future__ import annotations

import ast
import functools
import inspect
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.functions import FunctionScorer
from rl_rewards.reward import Reward
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.code.snippet import SnippetScorer
from rl_rewards.scorers.function import Function

__all__ = ["Code", "code_of", "own_functions", "scorers_in"]

PACKAGE = Path(__file__).resolve().parents[1]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Code:
    """The code of a reward.

    Attributes:
        reward: its name.
        file: where it is.
        main: the definition of the function or class itself.
        definitions: that, and the functions and classes of the same module that it leads to.
        constants: the module's assignments that these use.
    """

    reward: str
    file: str
    main: Definition
    definitions: tuple[Definition, ...]
    constants: tuple[ast.stmt, ...]

    @property
    def nodes(self) -> Iterator[ast.AST]:
        """Every node of all of it."""
        for part in (*self.definitions, *self.constants):
            yield from ast.walk(part)

    @functools.cached_property
    def texts(self) -> tuple[str, ...]:
        """Texts written in the code, docstrings left out, each once."""
        documentation = {
            id(part.body[0].value)
            for part in self.nodes
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and part.body and isinstance(part.body[0], ast.Expr)
        }
        found = [
            node.value for node in self.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
        ]
        return tuple(dict.fromkeys(found))

    @functools.cached_property
    def called(self) -> frozenset[str]:
        """Dotted names of everything that is called, such as `re.search`."""
        return frozenset(name for node in self.nodes if isinstance(node, ast.Call) and (name := dotted(node.func)))

    @functools.cached_property
    def keys(self) -> tuple[str, ...]:
        """Texts that something is looked up by: `x["answer"]`, `x.get("answer")`."""
        found: list[str] = []
        for node in self.nodes:
            key: Any = None
            if isinstance(node, ast.Subscript):
                key = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop") and node.args:
                key = node.args[0]
            elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
                key = node.left
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found.append(key.value)
        return tuple(dict.fromkeys(found))

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """Parameters of the function itself."""
        if isinstance(self.main, ast.ClassDef):
            return ()
        arguments = self.main.args
        return tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))

    def place(self, node: ast.AST) -> str:
        """File and line of a node."""
        return f"{self.file}:{getattr(node, 'lineno', 0)}"


def dotted(node: ast.AST) -> str:
    """The dotted name that an expression is; empty for others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        above = dotted(node.value)
        return f"{above}.{node.attr}" if above else f".{node.attr}"
    return ""


def own_functions(reward: Reward) -> list[Any]:
    """The user's own functions and scorer classes that a reward scores with."""
    found: list[Any] = []
    for scorer in scorers_in(reward.score):
        inner = scorer._scorer if isinstance(scorer, Function) else scorer
        if isinstance(inner, FunctionScorer):
            function = inner.__wrapped__
            while isinstance(function, functools.partial):
                function = function.func
            found.append(inspect.unwrap(function))
        elif not type(scorer).__module__.startswith("rl_rewards."):
            found.append(type(scorer))
    return found


def code_of(reward: Reward) -> list[Code]:
    """The code of a reward's own functions and of the user's other modules that they use, as far as its source is at hand, and of its snippets."""
    read: dict[Any, Code | None] = {}
    waiting = own_functions(reward)
    while waiting:
        if (function := waiting.pop(0)) not in read:
            code = read[function] = _read(reward.name, function)
            waiting += _helpers(function, code) if code is not None else []
    return [code for code in read.values() if code is not None] + [
        _of_snippet(reward.name, scorer) for scorer in scorers_in(reward.score) if isinstance(scorer, SnippetScorer)
    ]


def scorers_in(scorer: Scorer) -> list[Scorer]:
    """A scorer, and those in its options."""
    found = [scorer]
    for name in getattr(type(scorer), "__dataclass_fields__", {}):
        value = getattr(scorer, name, None)
        for held in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(held, Scorer):
                found += scorers_in(held)
    return found


_LIBRARIES = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {str(PACKAGE)})


def _helpers(function: Any, code: Code) -> list[Any]:
    """Functions and classes of the user's other modules that code uses by name; libraries are not theirs."""
    known = getattr(function, "__globals__", None) or vars(inspect.getmodule(function) or object)
    found = []
    for node in code.nodes:
        if isinstance(node, ast.Name):
            value = known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and inspect.ismodule(module := known.get(node.value.id)):
            value = getattr(module, node.attr, None)
        else:
            continue
        value = inspect.unwrap(value) if callable(value) else None
        if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ != getattr(function, "__module__", None) and _is_users(value):
            found.append(value)
    return found


def _is_users(value: Any) -> bool:
    try:
        file = Path(inspect.getsourcefile(value) or "").resolve()
    except (OSError, TypeError):
        return False
    return file.is_file() and not any(file.is_relative_to(library) for library in _LIBRARIES)


def _of_snippet(reward: str, scorer: SnippetScorer) -> Code:
    module = ast.parse(scorer.program)
    main = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == scorer.function][-1]
    return Code(reward, f"{reward}'s snippet", main, *_reached(module, main))


def _read(reward: str, function: Any) -> Code | None:
    if not (inspect.isfunction(function) or inspect.isclass(function) or inspect.ismethod(function)):
        function = type(function)  # an object with `__call__`
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "?"
    except (OSError, TypeError):
        return None
    try:
        module = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        module = None
    main = None
    if module is not None:
        main = next((node for node in ast.walk(module) if isinstance(node, Definition) and _first_line(node) == first), None)
    if main is None:
        try:
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except SyntaxError:
            return None
        main = next((node for node in ast.walk(tree) if isinstance(node, Definition)), None)
        if main is None:
            return None
        ast.increment_lineno(tree, first - 1)
        module = tree
    assert module is not None
    definitions, constants = _reached(module, main)
    return Code(reward, _short(file), main, definitions, constants)


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _short(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return Path(file).name


def _reached(module: ast.Module, main: Definition) -> tuple[tuple[Definition, ...], tuple[ast.stmt, ...]]:
    """The definitions of a module that `main` leads to by name, and the assignments."""
    named = {node.name: node for node in module.body if isinstance(node, Definition)}
    assigned: dict[str, ast.stmt] = {}
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    assigned[name.id] = node
    definitions: dict[int, Definition] = {id(main): main}
    constants: dict[int, ast.stmt] = {}
    waiting: list[ast.AST] = [main]
    while waiting:
        for node in ast.walk(waiting.pop()):
            if not isinstance(node, ast.Name):
                continue
            if (found := named.get(node.id)) is not None and id(found) not in definitions:
                definitions[id(found)] = found
                waiting.append(found)
            if (constant := assigned.get(node.id)) is not None and id(constant) not in constants:
                constants[id(constant)] = constant
                waiting.append(constant)
    return tuple(definitions.values()), tuple(constants.values())
