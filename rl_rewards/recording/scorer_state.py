"""State of scorers that have one (`state_dict`, `load_state_dict`), kept in each checkpoint beside the trainer's own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from rl_rewards.rubric import Rubric

logger = logging.getLogger(__name__)


def save_scorer_state(rubric: Rubric, checkpoint: Path, rank: int) -> None:
    """Write the state of the rubric's stateful scorers into a checkpoint; each process has its own. Nothing where none is stateful."""
    state = {name: dict(scorer.state_dict()) for name, scorer in _stateful(rubric).items()}
    if state:
        partial = checkpoint / f".scorer_state_{rank}.pt.partial"
        torch.save(state, partial)
        partial.replace(_file(checkpoint, rank))


def load_scorer_state(rubric: Rubric, checkpoint: Path, rank: int) -> None:
    """Give the rubric's stateful scorers the state that a checkpoint holds of them.

    A process that had no part in the checkpoint takes that of process 0. A scorer that is not in it starts anew, with a warning.
    """
    scorers = _stateful(rubric)
    if not scorers:
        return
    file = _file(checkpoint, rank)
    if not file.exists():
        file = _file(checkpoint, 0)
    state = torch.load(file, weights_only=True) if file.exists() else {}
    for name, scorer in scorers.items():
        if name in state:
            scorer.load_state_dict(state[name])
        else:
            logger.warning("checkpoint %s holds no state of reward %r: its scorer starts anew", checkpoint, name)


def _file(checkpoint: Path, rank: int) -> Path:
    return checkpoint / f"scorer_state_{rank}.pt"


def _stateful(rubric: Rubric) -> dict[str, Any]:
    return {reward.name: reward.score for reward in rubric.rewards if reward.score.state_dict()}
