"""Aggregates: an evaluated data set or several batches of it -> numbers, such as pass@k.

aggregate({"pass_at_k": {"reward": "correct", "k": [1, 4, 8]}})
aggregate({"f1": "correct"})                                     # the first option is the reward
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.aggregates.base import Aggregate
from rl_rewards.kinds import Kinds

if TYPE_CHECKING:
    from rl_rewards.aggregates.agreement import Auc, CohenKappa, Spearman
    from rl_rewards.aggregates.best_of_k import BestOfK
    from rl_rewards.aggregates.classification import Accuracy, FBeta, Precision, Recall
    from rl_rewards.aggregates.gap_at_k import GapAtK
    from rl_rewards.aggregates.maj_at_k import MajAtK
    from rl_rewards.aggregates.mean import Mean
    from rl_rewards.aggregates.pass_at_k import PassAtK, PassHatK
    from rl_rewards.aggregates.solved import Solved
    from rl_rewards.aggregates.token_f1 import TokenF1

__all__ = [
    "KINDS",
    "Accuracy",
    "Aggregate",
    "Auc",
    "BestOfK",
    "CohenKappa",
    "FBeta",
    "GapAtK",
    "MajAtK",
    "Mean",
    "PassAtK",
    "PassHatK",
    "Precision",
    "Recall",
    "Solved",
    "Spearman",
    "TokenF1",
    "aggregate",
]

KINDS = Kinds(
    "aggregate",
    Aggregate,
    {
        "mean": "rl_rewards.aggregates.mean:Mean",
        "pass_at_k": "rl_rewards.aggregates.pass_at_k:PassAtK",
        "pass_hat_k": "rl_rewards.aggregates.pass_at_k:PassHatK",
        "maj_at_k": "rl_rewards.aggregates.maj_at_k:MajAtK",
        "best_of_k": "rl_rewards.aggregates.best_of_k:BestOfK",
        "gap_at_k": "rl_rewards.aggregates.gap_at_k:GapAtK",
        "solved": "rl_rewards.aggregates.solved:Solved",
        "f1": "rl_rewards.aggregates.token_f1:TokenF1",
        "accuracy": "rl_rewards.aggregates.classification:Accuracy",
        "precision": "rl_rewards.aggregates.classification:Precision",
        "recall": "rl_rewards.aggregates.classification:Recall",
        "f_beta": "rl_rewards.aggregates.classification:FBeta",
        "auc": "rl_rewards.aggregates.agreement:Auc",
        "spearman": "rl_rewards.aggregates.agreement:Spearman",
        "cohen_kappa": "rl_rewards.aggregates.agreement:CohenKappa",
    },
)


def aggregate(spec: Any) -> Aggregate:
    """Make an aggregate from what a rubric file says: a mapping of one kind to its options, or an Aggregate as it is.

    Raises:
        ValueError: when the spec is of another form, names an unknown kind, or has wrong options.
    """
    return spec if isinstance(spec, Aggregate) else KINDS.make(spec)


def __getattr__(name: str) -> Any:
    return KINDS.class_named(name, __name__)


def __dir__() -> list[str]:
    return [*globals(), *KINDS.class_names]
