"""Which files a model's directory holds now: a model that was loaded from it is kept as long as they are the same."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["files_of"]

_READ = (".safetensors", ".bin", ".json", ".model", ".jinja", ".txt", ".py")  # what transformers loads a model and a tokenizer from


def files_of(*names: str | None) -> tuple[object, ...] | None:
    """What changes when the files of a model are written again, or another directory has its name.

    Args:
        names: hub ids and directories, of a model and its adapter.

    Returns:
        Something to compare; None where none of them is a directory, whose files cannot have changed.
    """
    found: list[object] = []
    for path in (Path(name).expanduser() for name in names if name):
        if path.is_dir():
            files = sorted(entry.path for entry in os.scandir(path) if entry.name.endswith(_READ) and entry.is_file())
            found.append((str(path.resolve()), *((file, *_version(file)) for file in files)))
    return tuple(found) or None


def _version(path: str) -> tuple[int, ...]:
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
