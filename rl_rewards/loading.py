"""Finds Python objects that files name: `package.module:name` and `path/to/file.py:name`.

Whoever may choose such a path runs code of their choice: the module's own, at its import, and the object's. So a rubric file is code, to be
read before it is used, unless it is loaded within `no_code()`.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib
import importlib.util
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from rl_rewards.user_errors import UserError

__all__ = ["LoadError", "absolute_path", "base_directory", "code_allowed", "load_object", "object_path", "relative_to"]

_FILE_MODULE = "rl_rewards_file_"
_base: ContextVar[Path | None] = ContextVar("base", default=None)
_code: ContextVar[bool] = ContextVar("code", default=True)
_files: dict[str, Path] = {}  # of the modules of files, by name
_on_path_for: Counter[str] = Counter()  # directories that are on the path for now, and for how many loads
_path_lock = threading.Lock()
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


class LoadError(UserError, ValueError):
    """The object that a path names cannot be loaded."""


@contextlib.contextmanager
def no_code() -> Iterator[None]:
    """Refuse to load Python objects, and so to import modules and files that a rubric names."""
    token = _code.set(False)
    try:
        yield
    finally:
        _code.reset(token)


@contextlib.contextmanager
def relative_to(directory: Path) -> Iterator[None]:
    """Look for relative files and modules in `directory` too, before the working directory."""
    token = _base.set(directory.resolve())
    try:
        yield
    finally:
        _base.reset(token)


def base_directory() -> Path | None:
    """Where relative files and modules are looked for besides the working directory."""
    return _base.get()


def code_allowed() -> bool:
    """Whether code that a rubric names may be loaded: not within `no_code()`."""
    return _code.get()


def load_object(path: str) -> Any:
    """The object at `module:name` or `file.py:name`; `name` may have dots.

    Raises:
        LoadError: naming what was not found and what is there, or what the module's import raised; within `no_code()` in any case.
    """
    if not _code.get():
        raise LoadError(f"{path!r} is code, which must not be run here (no code): the library's own kinds and installed packages' are allowed")
    module_path, colon, name = path.rpartition(":")
    if not colon or not module_path or not name:
        near = f"; did you mean {':'.join(path.rsplit('.', 1))!r}?" if _DOTTED.fullmatch(path) else ""
        raise LoadError(f"{path!r} is no path to a Python object: write 'package.module:name' or 'path/to/file.py:name'{near}")
    try:
        module = _load_file(module_path) if module_path.endswith(".py") else _load_module(module_path)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"cannot import {module_path!r} for {path!r}: {type(error).__name__}: {error}") from error
    try:
        return functools.reduce(getattr, name.split("."), module)
    except AttributeError as error:
        near = difflib.get_close_matches(name, dir(module), n=1)
        raise LoadError(f"{module_path!r} has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")) from error


def object_path(module: str, qualname: str) -> str:
    """The path under which `load_object` finds what `module` defines as `qualname`."""
    return f"{sys.modules[module].__file__ if module.startswith(_FILE_MODULE) else module}:{qualname}"


def absolute_path(path: str) -> str:
    """`path` with a file beside the base directory named in full, so that it is found from every process and directory."""
    base, (file, _, name) = _base.get(), path.rpartition(":")
    beside = None if base is None or not file.endswith(".py") else base / file
    return f"{beside.resolve()}:{name}" if beside is not None and beside.is_file() else path


def _load_module(name: str) -> Any:
    # Where `python -m` would look as well; a rubric beside its functions must work from any directory.
    with _on_path([str(place) for place in (_base.get(), Path.cwd()) if place is not None]):
        return importlib.import_module(name)


@contextlib.contextmanager
def _on_path(places: list[str]) -> Iterator[None]:
    """Directories at the start of the path, until the last of the threads that want them is done."""
    with _path_lock:
        own = [place for place in dict.fromkeys(places) if place in _on_path_for or place not in sys.path]
        sys.path[:0] = [place for place in own if place not in _on_path_for]
        _on_path_for.update(own)
    try:
        yield
    finally:
        with _path_lock:
            _on_path_for.subtract(own)
            for place in own:
                if not _on_path_for[place]:
                    del _on_path_for[place]
                    with contextlib.suppress(ValueError):  # the module took it away itself
                        sys.path.remove(place)


def _load_file(name: str) -> Any:
    base = _base.get()
    candidates = [Path(name)] if Path(name).is_absolute() else [place / name for place in (base, Path.cwd()) if place is not None]
    candidates = list(dict.fromkeys(candidates))
    file = next((candidate.resolve() for candidate in candidates if candidate.is_file()), None)
    if file is None:
        raise LoadError(f"there is no file {name!r}; looked at {', '.join(map(str, candidates))}")
    module = _FILE_MODULE + hashlib.sha256(str(file).encode()).hexdigest()[:16]
    _files[module] = file
    if not any(finder is _FileFinder for finder in sys.meta_path):
        sys.meta_path.append(_FileFinder)
    return importlib.import_module(module)


class _FileFinder:
    """Finds the modules of files. So Python's own import loads each once, and no thread sees one that another has loaded in part."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, _files[name]) if name in _files else None
