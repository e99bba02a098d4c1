"""The report's charts as figures: their numbers, and which form they have."""

from rl_rewards.reporting.charts.advantage import advantage_figures, group_figures
from rl_rewards.reporting.charts.correlation import correlation_figures
from rl_rewards.reporting.charts.lengths import length_figures
from rl_rewards.reporting.charts.outcomes import distribution_figures, histogram_figures, outcome_figures
from rl_rewards.reporting.charts.parts import rewards_of
from rl_rewards.reporting.charts.scores import component_figures, gate_figures, score_figures, trainer_figures
from rl_rewards.reporting.charts.timing import batch_seconds, time_figures

__all__ = [
    "advantage_figures",
    "batch_seconds",
    "component_figures",
    "correlation_figures",
    "distribution_figures",
    "gate_figures",
    "group_figures",
    "histogram_figures",
    "length_figures",
    "outcome_figures",
    "rewards_of",
    "score_figures",
    "time_figures",
    "trainer_figures",
]
