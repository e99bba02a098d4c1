"""`load_rubric`: a file of rewards, in whatever format it is written -> a Rubric."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from rl_rewards.formats.registry import format_like
from rl_rewards.loading import no_code, relative_to
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files import native
from rl_rewards.rubric_files.sources import read_source

__all__ = ["load_rubric"]


def load_rubric(path: str | os.PathLike[str], *, code: bool = True) -> Rubric:
    """Read a file of rewards: a rubric file, or a config of another service, recognised by its content.

    Args:
        code: whether the file may name code to run: functions, classes and files to import, and code that comes with a checkpoint. Without
            it the library's own kinds, entry points of installed packages and sandboxed snippets are left.

    Raises:
        OSError: when it cannot be read.
        RubricFileError: when it is wrong; the message has every mistake that was found, each with file, line and field.
    """
    source, directory = read_source(path), Path(path).resolve().parent
    found = format_like(source.data)
    if found is None:
        return native.load(source, directory, code=code)
    with relative_to(directory), contextlib.nullcontext() if code else no_code():
        return found.load(source)
