"""Judges: language models that score responses."""

from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.scorers.judge.group import GroupJudge
from rl_rewards.scorers.judge.pairwise import PairwiseJudge
from rl_rewards.scorers.judge.scorer import Judge

__all__ = ["Criterion", "GroupJudge", "Judge", "PairwiseJudge"]
