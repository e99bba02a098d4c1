"""Mathematics: the final answer of a response, judged by math-verify in workers that can be killed."""

from rl_rewards.scorers.math.scorer import MathVerify

__all__ = ["MathVerify"]
