"""The directory of a run with `--out DIR`: a file for each block, committed once, and what the run is made of.

A part appears whole under its name, and then its commit. What lacks a commit is scored again, and gives the same bytes; so a run that was
killed anywhere goes on when the same command is typed again, and two processes that score one block write the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rl_rewards.scale.commits import Commits, write_whole
from rl_rewards.scale.plain_pickle import DirectoryError
from rl_rewards.tables.scored_directory import COMMITS, DONE, RUN

__all__ = ["DirectoryError", "RunDirectory"]

_VERSION = 1
_LISTED = 5
_GATHERED = "_groups"


class RunDirectory:
    """The directory of a run. A picklable value.

    Args:
        path: where it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def commits(self) -> Commits:
        """What is done."""
        return Commits(self.path)

    @property
    def gathered(self) -> Path:
        """Where rows of one group are gathered; it is removed when the run is done."""
        return self.path / _GATHERED

    @property
    def run(self) -> dict[str, Any] | None:
        """What the run is made of; None where none has begun.

        Raises:
            DirectoryError: when the file that says so cannot be read.
        """
        try:
            run = json.loads((self.path / RUN).read_text(encoding="utf-8"))
            if run["version"] > _VERSION:
                raise DirectoryError(f"{self.path} was written by a later rl_rewards: install that, or give another --out")
            return run
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            error.filename = os.fspath(self.path)  # the name that the caller knows
            raise
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, DirectoryError):
                raise
            raise DirectoryError(f"{self.path / RUN} must say what the run is made of, and cannot be read: {error}") from None

    @contextlib.contextmanager
    def open(self, made_of: Mapping[str, Any]) -> Iterator[None]:
        """Begin the run, or go on with it; no other process may meanwhile.

        Args:
            made_of: what must be the same for a run to go on, of JSON's types, and `schema`, which need not.

        Raises:
            OSError: when it cannot be written to.
            DirectoryError: when it holds something else, parts of another run, or is in use.
        """
        self.path.mkdir(exist_ok=True)
        before = self.run
        if before is None:
            self._check_empty()
            self.commits.make()
            self.keep(made_of)
        else:
            self._check_same(before, made_of)
        with open(self.commits.lock, "wb") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DirectoryError(f"{self.path} is in use: another rl-rewards score is writing it") from None
            except OSError:  # a file system without locks: two runs would write the same
                pass
            self.commits.remove_halves()
            shutil.rmtree(self.gathered / "rows", ignore_errors=True)  # another's rows are never unpickled
            yield

    def keep(self, made_of: Mapping[str, Any]) -> None:
        """Keep what was found out of the run since it began."""
        write_whole(self.path / RUN, json.dumps({"version": _VERSION, **made_of}, indent=1).encode())

    def _check_empty(self) -> None:
        found = sorted(name for name in os.listdir(self.path) if not name.startswith("."))
        if found and found != [COMMITS]:
            shown = ", ".join(found[:_LISTED]) + (", ..." if len(found) > _LISTED else "")
            raise DirectoryError(f"{self.path} must be new, empty, or begun by this command, got a directory with {shown}")

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        others = [name for name in now if name != "schema" and before.get(name) != now[name]]
        if others:
            differences = "; ".join(f"{name}: {_shown(before.get(name))} there, {_shown(now[name])} now" for name in others)
            raise DirectoryError(f"{self.path} holds parts of another run ({differences}): give another --out, or delete it to score anew")

    def finish(self, parts: list[int], rows: int) -> None:
        """Say that all blocks are done.

        Args:
            parts: indices of those with rows.
            rows: how many rows they hold together.
        """
        write_whole(self.path / DONE, json.dumps({"parts": parts, "rows": rows}).encode())
        shutil.rmtree(self.gathered, ignore_errors=True)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"one of digest {hashlib.sha256(text.encode()).hexdigest()[:8]}"
