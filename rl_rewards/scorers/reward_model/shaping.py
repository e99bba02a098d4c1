"""What is done to a reward model's score before it is trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from rl_rewards.configured import configured


@configured
class Shaping:
    """Steps in this order, each left out by default: affine, minus a reference, normalised, sigmoid, clipped.

    `sigmoid` with a `reference` is PAR (2502.18770): bounded and centred, sigma(r - r_ref). Normalising over the group is GDPO's
    (2601.05242); over the run it keeps a mean and a standard deviation of all scores so far (Welford), as state of this process.

    Raises:
        ValueError: when the scale is 0, or clip's ends are not in order.
    """

    scale: float = 1.0
    """Multiplies the score."""
    offset: float = 0.0
    """Added after scaling."""
    reference: float | str | None = None
    """Subtracted: a number, or the column with a reference response, which is scored like the completion, or with its raw score."""
    normalize: Literal["running", "group"] | None = None
    """Subtract the mean and divide by the standard deviation: of all scores of this run so far, or of the completions to one prompt."""
    sigmoid: bool = False
    """1 / (1 + exp(-score))."""
    clip: tuple[float, float] | None = None
    """Lowest and highest score."""

    def __post_init__(self) -> None:
        if self.scale == 0:
            raise ValueError("shape: a scale of 0 would make all scores equal")
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError(f"shape: clip must be [lowest, highest] with lowest < highest, got {list(self.clip)}")

    @property
    def column(self) -> str | None:
        """The column that holds the reference."""
        return self.reference if isinstance(self.reference, str) else None

    def shaped(self, scores: Sequence[float], references: Sequence[float], groups: Sequence[int | None], moments: RunningMoments) -> list[float]:
        """Shape a batch.

        Args:
            scores: N raw scores.
            references: N raw reference scores, with `reference`; else not looked at.
            groups: N group numbers; None counts as one group with all other Nones.
            moments: of the run so far; this batch is added to them when they are used.
        """
        values = [self.scale * score + self.offset for score in scores]
        if self.reference is not None:
            values = [value - (self.scale * reference + self.offset) for value, reference in zip(values, references, strict=True)]
        if self.normalize == "running":
            moments.add(values)
            values = [(value - moments.mean) / (moments.deviation + 1e-8) for value in values]
        elif self.normalize == "group":
            values = _z_scores(values, groups)
        if self.sigmoid:
            values = [_sigmoid(value) for value in values]
        if self.clip is not None:
            lowest, highest = self.clip
            values = [min(max(value, lowest), highest) for value in values]
        return values


class RunningMoments:
    """Mean and standard deviation of a stream (Chan et al. 1979, the batch form of Welford's)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: Sequence[float]) -> None:
        """Take in a batch."""
        if not values:
            return
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        total, shift = self.count + len(values), mean - self.mean
        self.squares += squares + shift * shift * self.count * len(values) / total
        self.mean += shift * len(values) / total
        self.count = total

    @property
    def deviation(self) -> float:
        """Standard deviation (n - 1); 1 until there are two different values."""
        variance = self.squares / (self.count - 1) if self.count > 1 else 0.0
        return math.sqrt(variance) if variance > 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "mean": self.mean, "squares": self.squares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            ValueError: when it is not such a state.
        """
        if set(state) != {"count", "mean", "squares"}:
            raise ValueError(f"a state of running moments has count, mean and squares; got {sorted(state)}")
        self.count, self.mean, self.squares = int(state["count"]), float(state["mean"]), float(state["squares"])


def _z_scores(values: Sequence[float], groups: Sequence[int | None]) -> list[float]:
    members: dict[int | None, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        members.setdefault(group, []).append(value)
    moments = {}
    for group, group_values in members.items():
        moments[group] = RunningMoments()
        moments[group].add(group_values)
    return [(value - moments[group].mean) / (moments[group].deviation + 1e-8) for value, group in zip(values, groups, strict=True)]


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
