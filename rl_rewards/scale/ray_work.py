"""What runs in Ray's processes: a row of Ray Data is a block, and what was found of it so far."""

from __future__ import annotations

import functools
import os
import pickle
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from rl_rewards.scale.committing import Committing
from rl_rewards.scale.gathering import GroupScoring

__all__ = ["ModelActor", "answer", "missing_here", "score_part"]

Row = dict[str, Any]
"""`block`: a Block, pickled. `scored`: what rewards came to, pickled, of each stage before. `error`: an exception and its traceback, pickled."""


@functools.lru_cache(maxsize=2)
def _work(packed: bytes) -> Any:
    """The work, unpacked once in this process, which becomes one that finds the rubric and shares its node with others like it."""
    os.environ.setdefault("RL_REWARDS_WORKERS", "1")  # a task has one CPU
    work = pickle.loads(packed)
    if isinstance(work, (Committing, GroupScoring)):
        work.scoring.rubric.enter()
    return work


def score_part(row: Row, work: bytes, names: Sequence[str]) -> Row:
    """Score a block by some of the rewards; a block that is committed is passed on."""
    return _guarded(row, lambda: _part(row, _work(work), names))


def _part(row: Row, work: Committing | GroupScoring, names: Sequence[str]) -> Row:
    block = pickle.loads(row["block"])
    if work.is_done(block):
        return row
    stage = names[0]
    work.begin(block, stage)
    found = pickle.dumps(work.part(block, names), pickle.HIGHEST_PROTOCOL)
    work.end(block, stage)
    return {**row, "scored": [*row.get("scored", ()), found]}


class ModelActor:
    """Holds the models of some rewards, loaded once, and scores blocks by them."""

    def __init__(self, work: bytes, names: Sequence[str]) -> None:
        self._names = names
        self._work = work

    def __call__(self, row: Row) -> Row:
        return score_part(row, self._work, self._names)


def answer(row: Row, work: bytes) -> Row:
    """A block's result, pickled, with its place."""

    def done() -> Row:
        block = pickle.loads(row["block"])
        scored = [pickle.loads(each) for each in row.get("scored", ())]
        call = _work(work)
        if isinstance(call, (Committing, GroupScoring)):
            call.begin(block, "all")
            call(block, scored)
            call.end(block, "all")
            result = None  # it is in a file
        else:
            result = call(block)
        return {"index": block.index, "result": pickle.dumps(result), "error": None}

    return _guarded(row, done)


def _guarded(row: Row, call: Callable[[], Row]) -> Row:
    """What a stage makes of a row; what it raises goes on in its place, for the driver to raise."""
    if row.get("error") is not None:
        return row
    try:
        return call()
    except Exception as error:
        text = traceback.format_exc()
        try:
            packed = pickle.dumps((error, text))
            pickle.loads(packed)
        except Exception:  # an exception of a user's class may refuse
            packed = pickle.dumps((RuntimeError(f"{type(error).__name__}: {error}"), text))
        return {"index": -1, "result": None, "error": packed}


def missing_here(paths: Collection[str]) -> list[str]:
    """Those of the paths that this node does not see."""
    return [path for path in paths if not Path(path).exists()]
