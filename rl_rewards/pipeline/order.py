"""The order in which a rubric's rewards are finished: gates and formulas read others' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from rl_rewards.reward import Reward

__all__ = ["UncomputableError", "evaluation_order"]


class UncomputableError(ValueError):
    """A reward that is computed from others' scores cannot be: `reward` is its name."""

    def __init__(self, message: str, reward: str) -> None:
        super().__init__(message)
        self.reward = reward


def evaluation_order(rewards: Sequence[Reward]) -> list[Reward]:
    """The rewards, each after those that it needs the scores of: the one that decides its gate, those that its formula names.

    Raises:
        ValueError: when a gate or a formula names an unknown reward, itself, or one that in turn waits for it.
    """
    by_name = {reward.name: reward for reward in rewards}
    ordered: dict[str, Reward] = {}

    def visit(reward: Reward, waiting: tuple[str, ...]) -> None:
        if reward.name in waiting:
            circle = [*waiting[waiting.index(reward.name) :], reward.name]
            for name in circle:
                if by_name[name].score.traits.rewards:
                    raise UncomputableError(f"gates and formulas form a circle: {' -> '.join(circle)}", name)
            raise ValueError(f"gates form a circle: {' -> '.join(circle)}")
        if reward.name in ordered:
            return
        for needed, how in _needs(reward).items():
            if needed not in by_name:
                unknown = f"reward {reward.name!r} {how} {needed!r}, which does not exist; there are {sorted(by_name)}{_advice(needed, by_name)}"
                raise UncomputableError(unknown, reward.name) if needed in reward.score.traits.rewards else ValueError(unknown)
            visit(by_name[needed], (*waiting, reward.name))
        ordered[reward.name] = reward

    for reward in rewards:
        visit(reward, ())
    return list(ordered.values())


def _needs(reward: Reward) -> dict[str, str]:
    """The rewards whose scores this one needs, and in what way."""
    gate = {} if reward.gate is None else {reward.gate.reward: "is gated by"}
    return dict.fromkeys(sorted(reward.score.traits.rewards), "is computed from") | gate


def _advice(unknown: str, known: Mapping[str, Reward]) -> str:
    if near := get_close_matches(unknown, known, n=1):
        return f"; did you mean {near[0]!r}?"
    return "; in a formula '-' is the minus" if any(name.startswith(f"{unknown}-") or name.endswith(f"-{unknown}") for name in known) else ""
