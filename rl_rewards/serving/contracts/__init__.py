"""The calls that the server answers, one file each: what a request holds, and what is sent back."""

from __future__ import annotations

from rl_rewards.serving.contracts.base import Contract
from rl_rewards.serving.contracts.bedrock import BEDROCK
from rl_rewards.serving.contracts.grader import GRADER
from rl_rewards.serving.contracts.native import SCORE
from rl_rewards.serving.contracts.nemo_gym import NEMO_GYM
from rl_rewards.serving.contracts.openrlhf import OPENRLHF
from rl_rewards.serving.contracts.reward_kit import REWARD_KIT
from rl_rewards.serving.contracts.vertex import VERTEX

__all__ = ["CONTRACTS", "Contract"]

CONTRACTS: tuple[Contract, ...] = (VERTEX, REWARD_KIT, OPENRLHF, NEMO_GYM, GRADER, BEDROCK, SCORE)
