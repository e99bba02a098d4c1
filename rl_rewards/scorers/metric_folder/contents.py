"""The files of a metric folder: what travels with it, and a digest of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from rl_rewards.user_errors import UserError

__all__ = ["FolderError", "folder_digest", "folder_files", "shown"]

_LEFT_OUT = {"__pycache__", "node_modules"}
_MARK_OF_AN_ENVIRONMENT = "pyvenv.cfg"


class FolderError(UserError, ValueError):
    """A metric folder that cannot be used: the file, its line where there is one, what must hold and what was found."""


def folder_files(directory: Path) -> list[Path]:
    """Every file that belongs to a folder, relative to it, sorted: modules, package data, requirements.txt.

    Left out are hidden files and directories, byte code, and virtual environments. A link counts as what it points to.

    Raises:
        FolderError: when there is no such directory.
    """
    if not directory.is_dir():
        raise FolderError(f"{directory}: a metric folder must be a directory, found {'a file' if directory.exists() else 'nothing of that name'}")
    found: list[Path] = []
    seen: set[str] = set()
    for place, directories, files in os.walk(directory, followlinks=True):
        real = os.path.realpath(place)
        if real in seen or _MARK_OF_AN_ENVIRONMENT in files:  # a link that leads back up
            directories.clear()
            continue
        seen.add(real)
        directories[:] = sorted(name for name in directories if not name.startswith(".") and name not in _LEFT_OUT)
        kept = (name for name in files if not name.startswith(".") and not name.endswith((".pyc", ".pyo", "~")))
        found += [path.relative_to(directory) for name in kept if (path := Path(place, name)).is_file()]
    return sorted(found)


def folder_digest(directory: Path) -> str:
    """A digest of the names and contents of a folder's Python files: equal as long as its code is the same."""
    digest = hashlib.sha256()
    for name in folder_files(directory):
        if name.suffix == ".py":
            code = (directory / name).read_bytes()
            digest.update(f"{name.as_posix()}\0{len(code)}\0".encode())
            digest.update(code)
    return digest.hexdigest()


def shown(path: Path | str) -> str:
    """A file's name for a message: from the working directory on where it is below that."""
    return str(path).removeprefix(os.getcwd() + os.sep)
