"""Search for a better prompt by the rewards of a rubric, without gradients.

optimize(task, RandomFewShot(), budget=1000)    the best prompt that the search found, and what the test rows say of it

RandomFewShot   examples out of completions that earned high rewards
Gepa            texts that a model rewrites after reading the rewards' reasons (PyPI `gepa`)
Task            rows, a rubric, a model: what a prompt is measured with
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_rewards.optimizers.candidates import Candidate
    from rl_rewards.optimizers.gepa_search import Gepa
    from rl_rewards.optimizers.optimizer import Optimizer
    from rl_rewards.optimizers.random_few_shot import RandomFewShot
    from rl_rewards.optimizers.running import Optimized, optimize
    from rl_rewards.optimizers.splits import Split, split_rows
    from rl_rewards.optimizers.task import Task

_HOME = {
    "Candidate": "rl_rewards.optimizers.candidates",
    "Gepa": "rl_rewards.optimizers.gepa_search",
    "Optimizer": "rl_rewards.optimizers.optimizer",
    "RandomFewShot": "rl_rewards.optimizers.random_few_shot",
    **dict.fromkeys(("Optimized", "optimize"), "rl_rewards.optimizers.running"),
    **dict.fromkeys(("Split", "split_rows"), "rl_rewards.optimizers.splits"),
    "Task": "rl_rewards.optimizers.task",
}

__all__ = ["Candidate", "Gepa", "Optimized", "Optimizer", "RandomFewShot", "Split", "Task", "optimize", "split_rows"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rl_rewards.optimizers' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
