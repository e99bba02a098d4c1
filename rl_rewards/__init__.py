"""Reward functions for fine-tuning language models with TRL.

    load_rubric      a rubric file -> a Rubric
    Rubric           ordered rewards: reward functions for a trainer, or an evaluation of samples
    Reward, Gate     a name, a parser, a scorer, a weight; a threshold on another reward
    reward_function  a Python function -> a scorer
    EvaluateResult, MetricResult, StepOutput, Outcome   the result of scoring a sample
    Sample, Message  a completion with its prompt and references; one turn
    Evaluation       what a rubric makes of a batch
    RewardError      a reward failed and must not be trained on
    parsers, scorers their kinds, as classes

The names are loaded when first used, so that `import rl_rewards` costs nothing and loads neither torch nor trl.

Public modules; what they name in `__all__` changes with a note in CHANGELOG.md only. Everything else is internal.

    rl_rewards                          rubrics, rewards, results, samples
    rl_rewards.parsers                  the parsers
    rl_rewards.parsers.base             what a parser of your own extends
    rl_rewards.scorers                  the scorers
    rl_rewards.scorers.base             what a scorer of your own extends
    rl_rewards.functions                @reward_function
    rl_rewards.types                    messages, samples, results
    rl_rewards.checks                   checks of a rubric against a dataset
    rl_rewards.loading                  objects by their path
    rl_rewards.rubric_files             rubric files
    rl_rewards.folders                  metric folders
    rl_rewards.formats                  reward configs of other services
    rl_rewards.formats.vertex           Vertex AI's: rewards, data sets, hyperparameters
    rl_rewards.formats.bedrock          Amazon Bedrock's form of scored rows
    rl_rewards.aggregates               the aggregates: pass@k, F1, AUC and others
    rl_rewards.aggregates.base          what an aggregate of your own extends
    rl_rewards.evaluation.aggregates    numbers over evaluated batches
    rl_rewards.evaluation.summary       all numbers of a rubric over an evaluation
    rl_rewards.comparing                two scored files or runs compared
    rl_rewards.tables.datasets          data sets by name
    rl_rewards.generation               models that complete prompts
    rl_rewards.optimizers               searches for a better prompt
    rl_rewards.recording                the record of a run
    rl_rewards.recording.warnings       warnings about a run
    rl_rewards.reporting                the report of a run
    rl_rewards.trl                      TRL's call
    rl_rewards.trl.arguments            arguments of a training script
    rl_rewards.trl.runs                 loading, going on and showing of a training script
    rl_rewards.trainers                 PPO
    rl_rewards.deploying.endpoint       a deployed evaluation as a rubric
    rl_rewards.compat.reward_kit        Reward Kit's names
    rl_rewards.user_errors              errors that a user can correct

Example:
    >>> from rl_rewards import Reward, Rubric, Sample
    >>> rubric = Rubric([Reward("correct", {"number_match": "answer"}, {"tag": "answer"})])
    >>> rows = [{"prompt": "40 + 2?", "completion": "<answer>42.0</answer>", "answer": "42"}, {"prompt": "1 + 1?", "completion": "2", "answer": "2"}]
    >>> rubric.evaluate([Sample.from_row(row) for row in rows]).totals()
    [1.0, 0.0]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_rewards import parsers, scorers
    from rl_rewards.formats import load_rubric
    from rl_rewards.functions import reward_function
    from rl_rewards.pipeline.columns import Evaluation
    from rl_rewards.reward import Gate, Reward, RewardError
    from rl_rewards.rubric import Rubric
    from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample, StepOutput

__version__ = "0.2.0"

_HOME = {
    "Gate": "rl_rewards.reward",
    "Reward": "rl_rewards.reward",
    "RewardError": "rl_rewards.reward",
    "Rubric": "rl_rewards.rubric",
    "Evaluation": "rl_rewards.pipeline.columns",
    "load_rubric": "rl_rewards.formats",
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
