"""One evaluation for several callers of the same batch."""

from __future__ import annotations

import operator
import threading
from typing import Any, Protocol

from rl_rewards.evaluation.context import BatchContext, Record
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample

__all__ = ["Call", "SharedEvaluation", "same_values"]


class Call(Protocol):
    """A caller's request to score a batch."""

    @property
    def context(self) -> BatchContext: ...

    def is_same_batch(self, other: Call) -> bool:
        """Whether another call asks about the same batch."""
        ...

    def samples(self) -> list[Sample]: ...


class SharedEvaluation:
    """Evaluates each batch once for all rewards of a rubric that are asked for one by one, from whichever thread.

    Args:
        rubric: what evaluates.
        record: given every evaluated batch.
    """

    def __init__(self, rubric: Rubric, record: Record | None = None) -> None:
        self.rubric = rubric
        self.record = record
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._evaluation: Evaluation | None = None
        self._unread: set[str] = set()

    def __reduce__(self) -> tuple[type[SharedEvaluation], tuple[Rubric, Record | None]]:
        return SharedEvaluation, (self.rubric, self.record)

    def evaluation(self, name: str, call: Call) -> tuple[Evaluation, bool]:
        """The evaluation of a call's batch, for the reward `name`, and whether it was made by this call.

        A reward that has read a batch already is called anew: with an equal batch, but another one.
        """
        with self._lock:
            current, made = self._evaluation, False
            if current is None or self._call is None or name not in self._unread or not call.is_same_batch(self._call):
                current, made = self.rubric.evaluate(call.samples()), True
                self._call, self._evaluation = call, current
                self._unread = {reward.name for reward in self.rubric.rewards}
                if self.record is not None:
                    self.record(call.context, current)
            self._unread.discard(name)
            if not self._unread:
                self._call = self._evaluation = None
            return current, made


def same_values(part: Any, other: Any) -> bool:
    """Whether two parts of a batch hold the same: a trainer passes one list to all of its functions, or lists of the same objects."""
    if part is other:
        return True
    if part.__class__ is list and other.__class__ is list and len(part) == len(other) and all(map(operator.is_, part, other)):
        return True
    try:
        return bool(part == other) and repr(part) == repr(other)  # 1, 1.0 and True are equal, and are not the same
    except Exception:  # arrays have no one truth value
        return False
