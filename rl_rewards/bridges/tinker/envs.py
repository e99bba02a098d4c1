"""Classes of rl_rewards.bridges.tinker that derive from the Tinker cookbook's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tinker  # pyright: ignore[reportMissingImports]
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, StepResult, Trajectory  # pyright: ignore[reportMissingImports]

from rl_rewards.bridges.plain import GroupScorer, RowScorer
from rl_rewards.bridges.tinker.messages import plain_message

__all__ = ["RubricEnv", "RubricGroupBuilder", "step_result"]


class RubricEnv(Env):
    """An environment of one turn. Alone it scores with a RowScorer; in a group, where `scorer` is None, its group is scored.

    Args:
        scorer: what scores it; None where its group is scored.
        renderer: the cookbook's.
        prompt: messages.
        columns: the row's columns.
    """

    def __init__(self, scorer: RowScorer | None, renderer: Any, prompt: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> None:
        self._scorer, self._renderer, self._prompt, self._columns = scorer, renderer, list(prompt), dict(columns)
        self.completion: list[Any] | None = None
        self.tokens: list[int] = []

    async def initial_observation(self) -> Any:
        return self._renderer.build_generation_prompt(self._prompt), self._renderer.get_stop_sequences()

    async def step(self, action: list[int], *, extra: Any = None) -> Any:
        message, _ = self._renderer.parse_response(action)
        self.completion, self.tokens = [plain_message(message)], list(action)
        stop = self._renderer.get_stop_sequences()
        if self._scorer is None:
            return StepResult(0.0, True, tinker.ModelInput.empty(), stop)
        return await step_result(self._scorer, self._prompt, self.completion, self._columns, stop)


async def step_result(scorer: RowScorer, prompt: Any, completion: Any, columns: Mapping[str, Any], stop: Any) -> Any:
    """The StepResult of a last step.

    Args:
        prompt, completion: text, or messages.
        stop: the renderer's stop sequences.

    Raises:
        RewardError: when the completion has no score.
    """
    total, numbers = await scorer.aio(prompt, completion, columns)
    return StepResult(total, True, tinker.ModelInput.empty(), stop, metrics=numbers)


@dataclass(frozen=True)
class RubricGroupBuilder(EnvGroupBuilder):
    """A group of completions to one prompt. Picklable."""

    scorer: GroupScorer
    """What scores the group: `group_scorer("rubric.yaml", unscorable="group_mean")`."""
    renderer: Any
    """The cookbook's renderer of the policy."""
    prompt: Sequence[Mapping[str, Any]]
    """Messages."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The row's columns."""
    size: int = 8
    """Completions."""
    tags: Sequence[str] = ("rl_rewards",)
    """Names that metrics are grouped by in the log."""

    async def make_envs(self) -> list[RubricEnv]:
        return [RubricEnv(None, self.renderer, self.prompt, self.columns) for _ in range(self.size)]

    async def compute_group_rewards(self, trajectory_group: list[Trajectory], env_group: Sequence[Any]) -> list[tuple[float, dict[str, float]]]:
        """Every completion's total and metrics.

        Raises:
            RewardError: when one has no score, with `unscorable` raise; when none has, with another.
        """
        completions = [env.completion if env.completion is not None else [{"role": "assistant", "content": ""}] for env in env_group]
        return await asyncio.to_thread(self.scorer, self.prompt, completions, self.columns, [env.tokens for env in env_group])

    def logging_tags(self) -> list[str]:
        return list(self.tags)
