"""SkyRL-gym 0.4: an environment whose reward is a rubric. In the script that starts training, and wherever SkyRL makes environments:

    from rl_rewards.bridges.skyrl_gym import register

    register("rubric.yaml")  # environment.env_class=rl_rewards

A row's columns are its fields; `reward_spec.ground_truth` is a mapping of columns, or the one column that the rubric reads.
"""

from __future__ import annotations

import os
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.labels import references_of
from rl_rewards.bridges.scored_row import ScoredRow
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.rubric import Rubric
from rl_rewards.types import Sample

__all__ = ["CALLER", "Episode", "environment_class", "register"]

CALLER = Caller("SkyRL-gym", instead="an environment sees its own episode alone, and its reward must be a number")
_ITS_OWN = ("reward_spec", "prompt", "env_class", "max_turns", "extra_info")


def register(rubric: Rubric | str | os.PathLike[str], id: str = "rl_rewards", column: str | None = None) -> None:
    """Register an environment under `id` in SkyRL-gym.

    Args:
        column: the column that a ground truth is, where it is no mapping.
    """
    from skyrl_gym.envs import register as register_environment  # pyright: ignore[reportMissingImports]

    register_environment(id=id, entry_point=environment_class(rubric, column))


class Episode:
    """One episode: its prompt, what was said, and what that is worth."""

    def __init__(self, scoring: RubricScoring, extras: dict[str, Any], column: str | None) -> None:
        self._scoring = scoring
        spec = extras.get("reward_spec") or {}
        fields = {**(extras.get("extra_info") or {}), **{name: value for name, value in extras.items() if name not in _ITS_OWN}}
        self.references = references_of(spec.get("ground_truth"), fields, scoring.columns_read, column, "reward_spec.ground_truth")
        self.prompt: Any = extras.get("prompt")
        self.row: ScoredRow | None = None

    def score(self, action: str) -> ScoredRow:
        """Score what the policy said.

        Raises:
            RewardError: when it has no score.
        """
        if not isinstance(action, str):
            raise BridgeError(f"an action must be text, got {type(action).__name__}: {action!r:.80}")
        (self.row,) = self._scoring.score([Sample(self.prompt, action, action, self.references)])
        return self.row


def environment_class(rubric: Rubric | str | os.PathLike[str], column: str | None = None) -> Any:
    """A class of environments, SkyRL-gym's BaseTextEnv, of one turn; a subclass of it with more turns calls `self.episode.score(action)` in its last one."""
    from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput  # pyright: ignore[reportMissingImports]

    scoring = RubricScoring(rubric, CALLER)

    class RubricEnv(BaseTextEnv):
        def __init__(self, env_config: Any = None, extras: dict[str, Any] | None = None) -> None:
            super().__init__()
            self.episode = Episode(scoring, extras or {}, column)

        def init(self, prompt: Any) -> tuple[Any, dict[str, Any]]:
            self.episode.prompt = prompt
            return prompt, {}

        def step(self, action: str) -> Any:
            self.turns += 1
            row = self.episode.score(action)
            return BaseTextEnvStepOutput(observations=[], reward=row.total, done=True, metadata=row.present())

        def get_metrics(self) -> dict[str, Any]:
            return {} if self.episode.row is None else self.episode.row.present()

    return RubricEnv
