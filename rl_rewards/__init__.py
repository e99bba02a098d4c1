"""Reward functions for fine-tuning language models with TRL.

The names below are loaded when first used, so that `import rl_rewards` costs nothing and loads neither torch nor trl.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_rewards import parsers, scorers
    from rl_rewards.functions import reward_function
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.reward import Gate, Reward, RewardError
    from rl_rewards.rubric import Rubric
    from rl_rewards.rubric_files import load_rubric
    from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample, StepOutput

__version__ = "0.1.0"

_HOME = {
    "Gate": "rl_rewards.reward",
    "Reward": "rl_rewards.reward",
    "RewardError": "rl_rewards.reward",
    "Rubric": "rl_rewards.rubric",
    "Evaluation": "rl_rewards.pipeline.columns",
    "load_rubric": "rl_rewards.rubric_files",
    "reward_function": "rl_rewards.functions",
    **dict.fromkeys(("EvaluateResult", "Message", "MetricResult", "Outcome", "Sample", "StepOutput"), "rl_rewards.types"),
}
_MODULES = ("parsers", "scorers")

__all__ = [
    "EvaluateResult",
    "Evaluation",
    "Gate",
    "Message",
    "MetricResult",
    "Outcome",
    "Reward",
    "RewardError",
    "Rubric",
    "Sample",
    "StepOutput",
    "load_rubric",
    "parsers",
    "reward_function",
    "scorers",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rl_rewards.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'rl_rewards' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
