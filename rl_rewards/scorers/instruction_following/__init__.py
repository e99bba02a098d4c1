"""Instructions whose following can be verified (IFEval, 2311.07911)."""

from rl_rewards.scorers.instruction_following.scorer import InstructionFollowing

__all__ = ["InstructionFollowing"]
