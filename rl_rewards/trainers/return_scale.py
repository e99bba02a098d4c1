"""The unit in which the critic learns: mean and spread of the returns, followed as they change."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

from rl_rewards.trainers.gae import Reduce, masked_moments

__all__ = ["ReturnScale"]

# How much of the running moments a rollout leaves as it was. The last twenty rollouts count most: long enough for a small batch, short enough
# for a policy that improves.
MEMORY = 0.95


@dataclass
class ReturnScale:
    """Convert between returns and the critic's outputs, which are returns minus their running mean, divided by their running spread.

    So the critic's loss, its learning rate and its clipping mean the same whatever the rewards' unit, and a critic whose head is zero
    expects the mean of the returns. Source: van Hasselt et al., "Learning values across many orders of magnitude" (1602.07714), whose
    rescaling of the head is left out, as in Yu et al., "The Surprising Effectiveness of PPO in Cooperative, Multi-Agent Games"
    (2103.01955), section 5.1.

    Attributes:
        mean, square: running means of the returns and of their squares, each a sum with weights that decay by `MEMORY` a rollout.
        weight: the sum of these weights, 1 - MEMORY^rollouts.
    """

    mean: float = 0.0
    square: float = 0.0
    weight: float = 0.0

    def update(self, returns: Tensor, mask: Tensor, reduce: Reduce | None = None) -> None:
        """Take in the returns (B, T) of one rollout, its masked-in tokens alone."""
        if (reduce or (lambda total: total))(mask.sum()) == 0:
            return
        mean, variance = (moment.item() for moment in masked_moments(returns, mask, reduce))
        self.mean = MEMORY * self.mean + (1 - MEMORY) * mean
        self.square = MEMORY * self.square + (1 - MEMORY) * (variance + mean**2)
        self.weight = MEMORY * self.weight + (1 - MEMORY)

    @property
    def centre(self) -> float:
        """The running mean of the returns; 0 before the first."""
        return self.mean / self.weight if self.weight else 0.0

    @property
    def spread(self) -> float:
        """The running standard deviation of the returns, at least a 10,000th of their size; 1 before the first, and where all were 0."""
        if not self.weight:
            return 1.0
        square = self.square / self.weight
        return max(square - self.centre**2, 1e-8 * square) ** 0.5 or 1.0

    def values(self, outputs: Tensor) -> Tensor:
        """Values, in the unit of the rewards, of the critic's outputs."""
        return outputs * self.spread + self.centre

    def outputs(self, values: Tensor) -> Tensor:
        """The critic's outputs for values or returns in the unit of the rewards."""
        return (values - self.centre) / self.spread

    def state(self) -> dict[str, float]:
        return asdict(self)

    def load(self, state: dict[str, float]) -> None:
        """Go on from an earlier `state`; from the beginning where it is empty."""
        for name, value in {**asdict(ReturnScale()), **state}.items():
            setattr(self, name, value)
