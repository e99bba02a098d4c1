"""Vertex AI's reinforcement tuning: reward configs <-> rubrics, and its validate call.

    validate_reward(config, example, response)     what the service's validateReinforcementTuningReward answers
    load_rubric("reward_config.json")              a config as a rubric (rl_rewards.load_rubric)
    training_arguments(spec, hyper)                a ReinforcementTuningSpec's settings as arguments of the GRPO recipe
    vertex_line(row)                               a row with a prompt as a line of a Vertex AI data set

The forms are SingleReinforcementTuningRewardConfig, CompositeReinforcementTuningRewardConfig and ReinforcementTuningSpec of v1beta1, as JSON or
YAML, with names in camelCase or snake_case.
"""

from __future__ import annotations

from rl_rewards.formats.registry import Format
from rl_rewards.formats.vertex.config import load, looks_like
from rl_rewards.formats.vertex.export import dump
from rl_rewards.formats.vertex.hyperparameters import TrainingArguments, training_arguments
from rl_rewards.formats.vertex.recipe import spec_arguments
from rl_rewards.formats.vertex.validation import validate_reward
from rl_rewards.types.contents import row_of_example, vertex_line

__all__ = ["FORMAT", "TrainingArguments", "row_of_example", "spec_arguments", "training_arguments", "validate_reward", "vertex_line"]

FORMAT = Format("vertex", looks_like, load, dump)
