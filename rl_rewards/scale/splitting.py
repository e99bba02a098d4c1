"""Which rewards may be scored where, by their traits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl_rewards.rubric import Rubric

__all__ = ["Split", "split_of"]


@dataclass(frozen=True)
class Split:
    """The names of a rubric's rewards by where they are scored. Those that are computed from others are in none.

    Attributes:
        rules: anywhere, in as many processes as there are; what runs in worker processes (code, mathematics, isolated rewards) is among them.
        models: where a model is loaded once.
        servers: in one process, whose limits and budget are the run's.
        ordered: rewards whose scores depend on the rows that came before, such as those normalised by running moments.
        grouped: those that compare the completions of a group, each also in one of the others.
    """

    rules: tuple[str, ...]
    models: tuple[str, ...]
    servers: tuple[str, ...]
    ordered: tuple[str, ...]
    grouped: tuple[str, ...]

    @property
    def undivided(self) -> str | None:
        """Why rows are to be scored in one process of this machine; None where they may be scored in several."""
        for names, why in (
            (self.ordered, "depends on the rows that came before"),
            (self.models, "loads a model, which every process would load again"),
            (self.servers, "calls a server, whose limits and budget are one process's"),
        ):
            if names:
                return f"reward {names[0]!r} {why}"
        return None


def split_of(rubric: Rubric) -> Split:
    """The split of a rubric's rewards."""
    rules, models, servers, ordered = [], [], [], []
    for reward in rubric:
        traits = reward.score.traits
        if _has_values(reward.score.state_dict()):
            ordered.append(reward.name)
        if traits.rewards:
            continue
        (models if traits.holds_model else servers if traits.calls_server else rules).append(reward.name)
    grouped = tuple(reward.name for reward in rubric if reward.score.traits.needs_groups)
    return Split(tuple(rules), tuple(models), tuple(servers), tuple(ordered), grouped)


def _has_values(state: Any) -> bool:
    if isinstance(state, Mapping):
        return any(map(_has_values, state.values()))
    return any(map(_has_values, state)) if isinstance(state, (list, tuple)) else True
