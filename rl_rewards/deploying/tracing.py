"""Loads a rubric in a process of its own and notes which files it read: `python -m rl_rewards.deploying.tracing TARGET OUT`.

Imports are noted as the files of the modules there are at the end, other files by the interpreter's audit events. The result is JSON in the file OUT:

    files     every file read or imported
    folders   metric folders of the rubric
    kinds     modules of its parsers and scorers, nested ones too, and of what these extend
    columns, rewards   for the reader
    error     in place of all, what loading raised
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["trace"]


def trace(target: str) -> dict[str, Any]:
    """What loading a rubric reads."""
    opened: set[str] = set()

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            opened.add(os.path.abspath(os.fsdecode(arguments[0])))

    from rl_rewards.rubric_files.target import load_target

    sys.addaudithook(note)
    rubric = load_target(target)
    parts = [part for reward in rubric for option in (reward.score, reward.parse) for part in _parts(option)]
    imported = {os.path.abspath(file) for module in list(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)}
    return {
        "files": sorted(file for file in opened | imported if Path(file).is_file()),
        "folders": sorted({str(part.directory) for part in parts if hasattr(part, "directory")}),
        "kinds": sorted({cls.__module__ for part in parts for cls in type(part).__mro__}),
        "columns": sorted(rubric.columns),
        "rewards": [reward.name for reward in rubric],
    }


def _parts(value: Any) -> Iterator[Any]:
    """A scorer or parser, and those that its options hold."""
    if not dataclasses.is_dataclass(value):
        return
    yield value
    for option in dataclasses.fields(value):
        inner = getattr(value, option.name, None)
        for each in inner if isinstance(inner, (list, tuple)) else (inner,):
            yield from _parts(each)


def main() -> None:
    """Write the trace of a target."""
    from rl_rewards.user_errors import user_message

    target, out = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            found = trace(target)
        except Exception as error:
            message = user_message(error)
            if message is None:
                raise
            found = {"error": message}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
