"""Torch engines: sequences of token ids in, one tensor a sequence out."""

from rl_rewards.models.engine import ForwardEngine
from rl_rewards.models.padded import PaddedBatch

__all__ = ["ForwardEngine", "PaddedBatch"]
