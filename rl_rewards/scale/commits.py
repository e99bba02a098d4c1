"""The parts of a run's directory: a file of rows for each block, and its commit, which says that the file is whole."""

from __future__ import annotations

import base64
import json
import os
import pickle
import secrets
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.scale.plain_pickle import load_plain
from rl_rewards.scale.processes import BlockLostError
from rl_rewards.scale.scoring import BlockResult
from rl_rewards.tables.blocks import Block
from rl_rewards.tables.scored_directory import COMMITS, part_name
from rl_rewards.tables.writers import TableFile

__all__ = ["Commits", "write_whole"]

TRIES = 6
"""Processes that a block may end."""


@dataclass(frozen=True)
class Commits:
    """The blocks that are done in a run's directory, and how often one was begun. A picklable value.

    Attributes:
        path: the directory.
    """

    path: Path

    def make(self) -> None:
        """Make their directory."""
        (self.path / COMMITS).mkdir(exist_ok=True)

    @property
    def lock(self) -> Path:
        """The file that the process that writes them has locked."""
        return self.path / COMMITS / ".lock"

    def remove_halves(self) -> None:
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
        write_whole(
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

    def _commit_path(self, index: int) -> Path:
        return self.path / COMMITS / f"{index:05d}.json"


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole."""
    temporary = _temporary(path)
    temporary.write_bytes(content)
    os.replace(temporary, path)
