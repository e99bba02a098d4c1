"""Calibration: how far a rubric's scores agree with people's labels, what else moves them, and the threshold that fits best."""

from rl_rewards.calibration.agreement import Agreement, Estimate, agreement, best_threshold
from rl_rewards.calibration.bias import Bias, length_bias, position_bias
from rl_rewards.calibration.comparison import Calibration, Comparison, Pairing, pairings
from rl_rewards.calibration.labels import LabelError, Labels, labels_of

__all__ = [
    "Agreement",
    "Bias",
    "Calibration",
    "Comparison",
    "Estimate",
    "LabelError",
    "Labels",
    "Pairing",
    "agreement",
    "best_threshold",
    "labels_of",
    "length_bias",
    "pairings",
    "position_bias",
]
