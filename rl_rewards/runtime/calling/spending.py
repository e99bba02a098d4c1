"""What calls cost, and the most that they may."""

from __future__ import annotations

from pydantic import NonNegativeFloat

from rl_rewards.configured import configured
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.calling.numbers import Numbers
from rl_rewards.types import Outcome

__all__ = ["OverBudgetError", "Price", "Spending"]


class OverBudgetError(CallError):
    """A call was not made, since it might cost more than is left."""

    def __init__(self, spent: float, most: float, needed: float) -> None:
        super().__init__(
            Outcome.ERROR, f"not called: {spent:.4f} of max_cost {most:g} is spent or reserved, and this call may cost up to {needed:.4f}"
        )


@configured
class Price:
    """Price of a million tokens, in whatever currency `max_cost` is in."""

    prompt: NonNegativeFloat
    """Of a prompt."""
    completion: NonNegativeFloat
    """Of a reply, its reasoning included."""

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The price of so many tokens."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class Spending:
    """Adds up calls, tokens and cost. A call reserves what it may cost before it begins, and pays what it did cost once that is known.

    So calls side by side never pass the limit together; and what a process had reserved that was killed stays reserved, since the provider
    most likely charges for it.

    Args:
        numbers: where the sums are kept: `calls`, `prompt_tokens`, `completion_tokens`, `cost`, `reserved`.
        most: the most that may be spent; None for no limit.
    """

    def __init__(self, numbers: Numbers, most: float | None = None) -> None:
        self._numbers = numbers
        self._most = most

    def reserve(self, cost: float) -> None:
        """Put aside what a call may cost that begins.

        Raises:
            OverBudgetError: when that would pass the limit.
        """
        with self._numbers.change() as sums:
            reserved = sums.get("reserved", 0.0)
            spent = sums.get("cost", 0.0) + reserved
            if self._most is not None and spent + cost > self._most:
                raise OverBudgetError(spent, self._most, cost)
            sums["reserved"] = reserved + cost

    def settle(self, reserved: float, cost: float, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Pay what a call did cost, instead of what it reserved."""
        with self._numbers.change() as sums:
            paid = {"calls": 1, "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "cost": cost}
            for name, amount in paid.items():
                sums[name] = sums.get(name, 0.0) + amount
            sums["reserved"] = max(0.0, sums.get("reserved", 0.0) - reserved)

    def sums(self) -> dict[str, float]:
        """All that was paid so far: `calls`, `prompt_tokens`, `completion_tokens`, `cost`."""
        with self._numbers.change() as sums:
            return {name: sums.get(name, 0.0) for name in ("calls", "prompt_tokens", "completion_tokens", "cost")}

    def resume(self, sums: dict[str, float]) -> None:
        """Go on from an earlier process's sums."""
        with self._numbers.change() as own:
            for name, value in sums.items():
                own[name] = max(own.get(name, 0.0), float(value))
