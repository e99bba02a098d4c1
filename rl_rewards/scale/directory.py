"""The directory of a run with `--out DIR`: a file for each block, committed once, and what the run is made of.

A part appears whole under its name, and then its commit. What lacks a commit is scored again, and gives the same bytes; so a run that was
killed anywhere goes on when the same command is typed again, and two processes that score one block write the same.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pickle
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.scale.plain_pickle import DirectoryError, load_plain
from rl_rewards.scale.processes import BlockLostError
from rl_rewards.scale.scoring import BlockResult, Scored, Scoring
from rl_rewards.tables.blocks import Block, Source
from rl_rewards.tables.scored_directory import COMMITS, DONE, RUN, part_name
from rl_rewards.tables.writers import TableFile

__all__ = ["BlockLostError", "Committing", "DirectoryError", "RunDirectory"]

_VERSION = 1
TRIES = 6
"""Processes that a block may end."""
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
            (self.path / COMMITS).mkdir(exist_ok=True)
            self.keep(made_of)
        else:
            self._check_same(before, made_of)
        with open(self.path / COMMITS / ".lock", "wb") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DirectoryError(f"{self.path} is in use: another rl-rewards score is writing it") from None
            except OSError:  # a file system without locks: two runs would write the same
                pass
            self._remove_halves()
            shutil.rmtree(self.gathered / "rows", ignore_errors=True)  # another's rows are never unpickled
            yield

    def keep(self, made_of: Mapping[str, Any]) -> None:
        """Keep what was found out of the run since it began."""
        _write(self.path / RUN, json.dumps({"version": _VERSION, **made_of}, indent=1).encode())

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

    def _remove_halves(self) -> None:
        """Remove what killed processes had begun to write."""
        for place in (self.path, self.path / COMMITS):
            for name in os.listdir(place):
                if name.startswith(".") and name.endswith(".tmp"):
                    (place / name).unlink(missing_ok=True)

    def commit(self, result: BlockResult, schema: Any) -> None:
        """Write a block's rows and then its commit, which holds the result without the rows."""
        index, size = result.block.index, 0
        if result.rows:
            part = self.path / part_name(index)
            temporary = _temporary(part)
            file = TableFile(temporary, schema)
            file.append(result.payload or b"")
            file.close()
            size = temporary.stat().st_size
            os.replace(temporary, part)
        result.payload = None
        state = base64.b64encode(zlib.compress(pickle.dumps((result.tallies, result.numbers), pickle.HIGHEST_PROTOCOL))).decode()
        _write(
            self._commit_path(index),
            json.dumps(
                {
                    "start": result.block.start,
                    "stop": result.block.stop,
                    "rows": result.rows,
                    "bytes": size,
                    "bad": result.bad,
                    "problems": result.problems,
                    "failures": result.failures,
                    "replaced": sorted(result.replaced),
                    "seconds": round(result.seconds, 6),
                    "state": state,
                }
            ).encode(),
        )

    def begin(self, block: Block, stage: str) -> None:
        """Count an attempt to score a block, where nobody else counts the processes that it ends.

        Raises:
            BlockLostError: when too many attempts have not come back.
        """
        with open(self._tries(block.index, stage), "ab") as file:
            file.write(b".")
            tries = file.tell()
        if tries > TRIES:
            raise BlockLostError(
                f"{block} ended {TRIES} processes that scored it: a reward of the rubric crashes its process "
                "or needs more memory than there is; `isolate: true` protects from that"
            )

    def end(self, block: Block, stage: str) -> None:
        """Forget the attempts: one has come back."""
        self._tries(block.index, stage).unlink(missing_ok=True)

    def _tries(self, index: int, stage: str) -> Path:
        return self.path / COMMITS / f".{index:05d}.{stage}.tries.tmp"

    def is_done(self, block: Block) -> bool:
        """Whether a block's rows are written, all of them."""
        commit = self._commit(block)
        return commit is not None and self._is_whole(block, commit)

    def _is_whole(self, block: Block, commit: Mapping[str, Any]) -> bool:
        try:
            return not commit["rows"] or (self.path / part_name(block.index)).stat().st_size == commit["bytes"]
        except OSError:
            return False

    def result(self, block: Block, allowed: Callable[[str], bool]) -> BlockResult:
        """The result of a block that is done.

        Args:
            allowed: which modules' classes its counts may be made of, beside this package's.
        """
        commit = self._commit(block)
        assert commit is not None
        state = zlib.decompress(base64.b64decode(commit["state"]))
        tallies, numbers = load_plain(state, self._commit_path(block.index), allowed)
        problems = [(number, problem) for number, problem in commit["problems"]]
        return BlockResult(block, commit["rows"], commit["bad"], problems, tallies, commit["failures"], set(commit["replaced"]), numbers)

    def _commit(self, block: Block) -> dict[str, Any] | None:
        """The commit of a block; None where there is none, or it is of other rows, or half of one."""
        try:
            commit = json.loads(self._commit_path(block.index).read_bytes())
            return commit if (commit["start"], commit["stop"]) == (block.start, block.stop) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def finish(self, parts: list[int], rows: int) -> None:
        """Say that all blocks are done.

        Args:
            parts: indices of those with rows.
            rows: how many rows they hold together.
        """
        _write(self.path / DONE, json.dumps({"parts": parts, "rows": rows}).encode())
        shutil.rmtree(self.gathered, ignore_errors=True)

    def _commit_path(self, index: int) -> Path:
        return self.path / COMMITS / f"{index:05d}.json"


@dataclass
class Committing:
    """Scores a block and commits it, unless that is done: by an attempt that was lost after its commit."""

    scoring: Scoring
    directory: RunDirectory

    @property
    def names(self) -> tuple[str, ...]:
        """The rewards that are scored by it: all but those that were scored before, by group."""
        before = () if self.scoring.gathered is None else self.scoring.gathered.names
        return tuple(reward.name for reward in self.scoring.rubric.load() if reward.name not in before)

    @property
    def source(self) -> Source:
        return self.scoring.source

    def is_done(self, block: Block) -> bool:
        return self.directory.is_done(block)

    def begin(self, block: Block, stage: str) -> None:
        self.directory.begin(block, stage)

    def end(self, block: Block, stage: str) -> None:
        self.directory.end(block, stage)

    def part(self, block: Block, names: Sequence[str]) -> Scored:
        """What some of the rewards came to, by batch, for a call in another process."""
        return self.scoring.part(block, names)

    def __call__(self, block: Block, scored: Any = (), advance: Callable[[int], None] = lambda size: None) -> BlockResult:
        """A block's result without its rows; of one that was done before, its place alone."""
        if self.is_done(block):
            return BlockResult(block)
        known: list[Scored] = list(scored)
        result = self.scoring(block, known, advance)
        self.directory.commit(result, self.scoring.schema)
        return result


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _write(path: Path, content: bytes) -> None:
    """Write a file whole."""
    temporary = _temporary(path)
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"one of digest {hashlib.sha256(text.encode()).hexdigest()[:8]}"
