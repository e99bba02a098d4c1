"""Imports the modules of a metric folder under names of their own.

A folder is a package `rl_rewards_folder_<digest>`: relative imports work, and two folders that have a `utils.py` each do not meet. Absolute
imports of what lies in the folder (`import utils`) lead to its own module as well, since the folder's code gets an `__import__` of its own: neither
sys.path nor the names of other code in this process are touched, and imports inside of functions work in any thread, later. (`importlib.import_module`
with a bare name does not see the folder.)
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, NamespaceLoader, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["import_from", "package_name"]

_PREFIX = "rl_rewards_folder_"
# A folder's code was written for these packages; their names lead to our own, so that it runs and is scored without them.
_STAND_INS: dict[str, str] = dict.fromkeys(("reward_kit", "reward_protocol", "eval_protocol"), "rl_rewards.compat.reward_kit")
_STAND_INS["rewardkit"] = "rl_rewards.folders.rewardkit.names"
_lock = threading.RLock()


def package_name(directory: Path, digest: str) -> str:
    """The name under which a folder with such code is imported."""
    return _PREFIX + hashlib.sha256(f"{directory}\0{digest}".encode()).hexdigest()[:16]


def import_from(directory: Path, digest: str, module: str = "main") -> ModuleType:
    """A folder's module, by default its main.py, imported once for as long as the folder's code is the same.

    Args:
        module: its name within the folder, with dots.

    Raises:
        BaseException: what it raises at its import.
    """
    name = package_name(directory, digest)
    with _lock:
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        _finder.directories[name] = directory
    try:
        return importlib.import_module(f"{name}.{module}")
    except BaseException:
        for loaded in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(f"{name}.")]:
            del sys.modules[loaded]
        raise


def _namespace(name: str, directory: Path) -> ModuleSpec:
    """A package without __init__.py, whose data importlib.resources finds."""
    nowhere_else: Any = lambda *_: None  # noqa: E731 - what is asked where the package lies after sys.path has changed
    spec = ModuleSpec(name, NamespaceLoader(name, [str(directory)], nowhere_else), is_package=True)
    spec.submodule_search_locations = [str(directory)]
    return spec


class _Finder:
    """Finds folders' packages, and the modules in them, by our prefix."""

    def __init__(self) -> None:
        self.directories: dict[str, Path] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, dot, _ = fullname.partition(".")
        directory = self.directories.get(package)
        if directory is None:
            return None
        if not dot:
            return self._package(fullname, directory)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, package, directory)
        return spec

    def _package(self, name: str, directory: Path) -> ModuleSpec:
        init = directory / "__init__.py"
        if not init.is_file():
            return _namespace(name, directory)
        loader = _Loader(name, str(init), name, directory)
        spec = importlib.util.spec_from_file_location(name, init, loader=loader, submodule_search_locations=[str(directory)])
        assert spec is not None  # it has a loader
        return spec


_finder = _Finder()


class _Loader(SourceFileLoader):
    """Runs a module of a folder with the folder's own `__import__`."""

    def __init__(self, fullname: str, path: str, package: str, directory: Path) -> None:
        super().__init__(fullname, path)
        self._builtins = {**vars(builtins), "__import__": _Import(package, directory)}

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        super().exec_module(module)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError("no byte code is kept beside a folder's files: it would travel with them, and be older than a file changed within a second")


class _Import:
    """`__import__` as a folder's code sees it."""

    def __init__(self, package: str, directory: Path) -> None:
        self._package, self._directory = package, directory

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top, dot, rest = name.partition(".")
        if level == 0 and self._has(top):
            return self._imported(f"{self._package}.{top}", dot + rest, globals, locals, fromlist)
        if level == 0 and top in _STAND_INS and _exists(_STAND_INS[top] + dot + rest):
            return self._imported(_STAND_INS[top], dot + rest, globals, locals, fromlist)
        if level == 0 and fromlist and (inner := self._below_the_root(name)) is not None:
            return builtins.__import__(inner, globals, locals, fromlist, 0)
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _below_the_root(self, name: str) -> str | None:
        """Our name of a module that the folder's code names from its project's root, such as `metrics.relevance.words`; None for any other."""
        parts, top = self._directory.parts, name.partition(".")[0]
        if top not in parts[1:] or _exists(top):
            return None
        tails = (".".join(parts[start:]) for start in range(1, len(parts)) if parts[start] == top)
        tail = next((tail for tail in tails if name == tail or name.startswith(f"{tail}.")), None)
        return None if tail is None else self._package + name[len(tail) :]

    @staticmethod
    def _imported(top: str, rest: str, globals: Any, locals: Any, fromlist: Sequence[str] | None) -> ModuleType:
        """What `import a.b` binds, which is `a`, or what `from a.b import c` reads."""
        if fromlist:
            return builtins.__import__(top + rest, globals, locals, fromlist, 0)
        importlib.import_module(top + rest)
        return sys.modules[top]

    def _has(self, top: str) -> bool:
        """Whether the folder has a module or a package of that name."""
        place = self._directory / top
        if (self._directory / f"{top}.py").is_file() or (place / "__init__.py").is_file():
            return True
        if not place.is_dir() or not any(place.rglob("*.py")):
            return bool(list(self._directory.glob(f"{top}.*.so")))
        return importlib.util.find_spec(top) is None  # a directory without __init__.py gives way to an installed package


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
