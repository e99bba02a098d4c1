"""Where in a run an evaluated batch belongs, and the hook for a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rl_rewards.pipeline.columns import Evaluation

__all__ = ["BatchContext", "Record"]


@dataclass(frozen=True, slots=True)
class BatchContext:
    """Where in a run an evaluated batch belongs.

    Attributes:
        step: optimiser steps taken before it; None outside training.
        rank: the process that scored it.
        training: False for an evaluation batch.
    """

    step: int | None
    rank: int
    training: bool


Record = Callable[[BatchContext, Evaluation], None]
"""What is given every evaluated batch."""
