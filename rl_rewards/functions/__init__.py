"""`@reward_function`: a user's own Python function as a scorer."""

from rl_rewards.functions.decorator import reward_function
from rl_rewards.functions.results import as_result
from rl_rewards.functions.scorer import FunctionScorer

__all__ = ["FunctionScorer", "as_result", "reward_function"]
