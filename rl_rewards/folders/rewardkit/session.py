"""What a criteria file registers while it is imported: checks of the folder, and criteria that other files may use."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.folders.rewardkit.workspace import workspace_name

__all__ = ["Check", "Folder", "builtins", "criterion", "factory", "loading", "unsupported"]


@dataclass(frozen=True)
class Check:
    """A criterion with its arguments.

    Attributes:
        name: its component's.
        function: called with the workspace.
        weight: in its file's score.
        isolated: whether it gets a workspace of its own.
        files: the files of the workspace that it names, where that is known.
        runs_programs: whether it runs a program of the policy's, in processes of the sandbox.
    """

    name: str
    function: Callable[..., Any]
    weight: float
    isolated: bool
    files: tuple[str, ...] = ()
    runs_programs: bool = False


@dataclass
class Folder:
    """A folder's criteria while its files are imported.

    Attributes:
        factories: criterion -> what registers a check of it, those of files that were imported before.
        checks: those of the file that is being imported, with the criterion of each.
    """

    factories: dict[str, Callable[..., Any]] = field(default_factory=dict)
    checks: list[tuple[str, Check, bool]] = field(default_factory=list)

    def add(self, criterion: str, check: Check, automatic: bool = False) -> None:
        """Register a check; one that was asked for replaces that of the decorator."""
        if not automatic:
            self.checks = [each for each in self.checks if not (each[0] == criterion and each[2])]
        self.checks.append((criterion, check, automatic))


builtins: dict[str, Callable[..., Any]] = {}
"""The criteria that harbor-rewardkit has itself, as factories."""
unsupported: dict[str, str] = {}
"""What harbor-rewardkit has and is not supported here -> why."""
_loading: ContextVar[Folder | None] = ContextVar("folder", default=None)


@contextmanager
def loading(folder: Folder) -> Iterator[None]:
    """Files that are imported register with this folder."""
    token = _loading.set(folder)
    try:
        yield
    finally:
        _loading.reset(token)


def _current() -> Folder:
    folder = _loading.get()
    if folder is None:
        raise RuntimeError("criteria are registered while a folder's files are imported, and none is")
    return folder


def factory(name: str) -> Callable[..., Any]:
    """What registers a check of the criterion of a name.

    Raises:
        AttributeError: when there is none; it says so where harbor-rewardkit has it.
    """
    folder = _loading.get()
    found = (folder.factories.get(name) if folder is not None else None) or builtins.get(name)
    if found is None:
        why = unsupported.get(name, "there is no such criterion")
        raise AttributeError(f"rewardkit's {name!r} is not supported here: {why}" if name in unsupported else f"rewardkit has no {name!r}: {why}")
    return found


class _Handle:
    """What a decorated function is afterwards: criteria are used through the package, where other files find them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any, **__: Any) -> None:
        raise TypeError(f"a criterion must be called through the package, as criteria.{self._name}(...), got {self._name}(...)")


def criterion(function: Callable[..., Any] | None = None, *, description: str | None = None, shared: bool = False) -> Any:
    """Make a criterion of a function whose first parameter is the workspace; the others are given where it is used.

    One without further parameters is a check of its file at once, unless it is `shared` for other files to use.
    """
    if function is None:
        return functools.partial(criterion, description=description, shared=shared)
    name, folder = getattr(function, "__name__", "criterion"), _current()
    made = maker(function, name)
    folder.factories[name] = made
    if not shared and len(inspect.signature(function).parameters) == 1:
        folder.add(name, Check(name, function, 1.0, False), automatic=True)
    return _Handle(name)


def maker(
    function: Callable[..., Any], name: str, paths: tuple[str, ...] = (), named: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
) -> Callable[..., Any]:
    """What registers a check of a criterion.

    Args:
        function: called with the workspace and the arguments.
        paths: parameters that name files of the workspace; one that lies outside is a ValueError.
        named: arguments -> further files of the workspace that a check names.
    """
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    given = signature.replace(parameters=parameters)

    def register(*args: Any, weight: float = 1.0, name: str | None = None, isolated: bool = False, **kwargs: Any) -> Check:
        bound = given.bind(*args, **kwargs)
        bound.apply_defaults()
        first = f":{str(bound.arguments[parameters[0].name])[:50]}" if parameters else ""
        bound.arguments |= {path: workspace_name(bound.arguments[path]) for path in paths}
        call = functools.partial(function, **bound.arguments) if parameters else function
        files = tuple(bound.arguments[path] for path in paths) + (named(bound.arguments) if named is not None else ())
        check = Check(name or f"{own}{first}", call, float(weight), isolated, files, named is not None)
        _current().add(own, check)
        return check

    own = name
    return register
