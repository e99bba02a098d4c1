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
        super().__init__(Outcome.ERROR, f"not called: {spent:.4f} of max_cost {most:g} is spent, and this call may cost up to {needed:.4f}")


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
    """Adds up calls, tokens and cost. A call is charged what it may cost before it begins, and what it did cost once that is known.

    So calls side by side never pass the limit together, and a process that is killed has paid for the calls that it lost, as the provider
    takes it.

    Args:
        numbers: where the sums are kept: `calls`, `prompt_tokens`, `completion_tokens`, `cost`.
        most: the most that may be spent; None for no limit.
    """

    def __init__(self, numbers: Numbers, most: float | None = None) -> None:
        self._numbers = numbers
        self._most = most

    def charge(self, cost: float) -> None:
        """Pay for a call that begins.

        Raises:
            OverBudgetError: when that would pass the limit.
        """
        with self._numbers.change() as sums:
            spent = sums.get("cost", 0.0)
            if self._most is not None and spent + cost > self._most:
                raise OverBudgetError(spent, self._most, cost)
            sums["cost"] = spent + cost

    def settle(self, charged: float, cost: float, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        """Replace what a call was charged by what it did cost."""
        with self._numbers.change() as sums:
            sums["calls"] = sums.get("calls", 0.0) + 1
            sums["prompt_tokens"] = sums.get("prompt_tokens", 0.0) + prompt_tokens
            sums["completion_tokens"] = sums.get("completion_tokens", 0.0) + completion_tokens
            sums["cost"] = max(0.0, sums.get("cost", 0.0) + cost - charged)

    def sums(self) -> dict[str, float]:
        """All that was added up so far: `calls`, `prompt_tokens`, `completion_tokens`, `cost`."""
        with self._numbers.change() as sums:
            return {name: sums.get(name, 0.0) for name in ("calls", "prompt_tokens", "completion_tokens", "cost")}

    def resume(self, sums: dict[str, float]) -> None:
        """Go on from an earlier process's sums."""
        with self._numbers.change() as own:
            for name, value in sums.items():
                own[name] = max(own.get(name, 0.0), float(value))
