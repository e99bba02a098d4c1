"""OpenRLHF 0.11: `--reward.remote_url file.py`, where the file holds

    from rl_rewards.bridges.openrlhf import reward_function

    reward_func = reward_function("rubric.yaml")

Its executor catches what a reward function raises, and trains on with a reward of None; so a row without a score raises what it does not catch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.labels import references_of
from rl_rewards.bridges.scored_row import ScoredRow, component_key, reward_key
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.rubric import Rubric
from rl_rewards.thinking import without_residue
from rl_rewards.types import Sample

__all__ = ["CALLER", "RewardFunction", "StopTraining", "response_in", "reward_function"]

CALLER = Caller(
    "OpenRLHF",
    ("raise", "drop_group"),
    instead="it hands over one completion at a time; drop_group leaves the prompt out (with --algo.dynamic_filtering_enable)",
)
_LEAST = 16  # characters of a prompt's end by which a cut prompt is recognised


class StopTraining(BaseException):
    """A reward failed. No Exception: OpenRLHF's executor would log it and go on without the reward."""


def reward_function(
    rubric: Rubric | str | os.PathLike[str], unscorable: str = "raise", column: str | None = None, components: Sequence[str] = ()
) -> RewardFunction:
    """A rubric as OpenRLHF's reward function.

    Args:
        rubric: a Rubric, or a rubric file.
        unscorable: raise, or drop_group: the reward is NaN, for which OpenRLHF's dynamic filtering draws another prompt.
        column: the column that a label is; by default a label is a JSON object of columns, or the one column that the rubric reads.
        components: names such as correct/near of components that are logged; OpenRLHF needs the same names on every row.
    """
    return RewardFunction(RubricScoring(rubric, CALLER, unscorable), column, tuple(components))


class RewardFunction:
    """What OpenRLHF calls with N queries, prompts and labels; it passes one at a time."""

    def __init__(self, scoring: RubricScoring, column: str | None, components: tuple[str, ...]) -> None:
        self.scoring, self._column, self._components = scoring, column, components
        self.__name__ = "reward_func"
        names = [reward.name for reward in scoring.rubric.rewards]
        for name in components:
            if name.partition("/")[0] not in names or not name.partition("/")[2]:
                raise BridgeError(f"components must be names such as REWARD/COMPONENT of the rubric's rewards {names}, got {name!r}")

    def __reduce__(self) -> tuple[type[RewardFunction], tuple[RubricScoring, str | None, tuple[str, ...]]]:
        return RewardFunction, (self.scoring, self._column, self._components)

    def __call__(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        """Score N completions.

        Args:
            queries: N texts of prompt and response, special tokens included.
            prompts: N prompts.
            labels: N labels.

        Returns:
            `rewards` and `scores` (N floats), and `extra_logs`: N floats under the same names for every row; a reward without a score there is 0, and
            `rewards/NAME/scored` 0 beside it.

        Raises:
            StopTraining: when a row has no score (with `unscorable` raise), or cannot be scored.
        """
        import torch  # OpenRLHF is built on it

        try:
            rows = self.scoring.score(self._samples(queries, prompts, labels))
        except Exception as error:
            raise StopTraining(f"{type(error).__name__}: {error}") from error
        totals = torch.tensor([float("nan") if row.total is None else row.total for row in rows], dtype=torch.float64)
        logged = [self._logged(row) for row in rows]
        return {
            "rewards": totals,
            "scores": totals,
            "extra_logs": {name: torch.tensor([row[name] for row in logged], dtype=totals.dtype) for name in logged[0]},
        }

    def _samples(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> list[Sample]:
        if not len(queries) == len(prompts) == len(labels):
            raise BridgeError(f"queries, prompts and labels must have as many items each, got {len(queries)}, {len(prompts)} and {len(labels)}")
        samples = []
        for query, prompt, label in zip(queries, prompts, labels, strict=True):
            response = _without_special_tokens(response_in(query, prompt))
            references = references_of(label, {}, self.scoring.columns_read, self._column, "a label")
            samples.append(Sample(prompt, response, response, references, index=len(samples)))
        return samples

    def _logged(self, row: ScoredRow) -> dict[str, float]:
        logged: dict[str, float] = {"rewards/unscorable": float(row.total is None)}
        for name, score in row.rewards.items():
            key = reward_key(name)
            logged[key], logged[f"{key}/scored"] = (0.0, 0.0) if score is None else (score, 1.0)
        for name in self._components:
            reward, _, component = name.partition("/")
            value = row.components.get((reward, component))
            key = component_key(reward, component)
            logged[key], logged[f"{key}/scored"] = (0.0, 0.0) if value is None else (value, 1.0)
        return logged


def _without_special_tokens(response: str) -> str:
    """The response as trainers decode it that skip special tokens, with the white space before them."""
    said = without_residue(response)
    rest = response[len(said) :]
    return said + rest[: len(rest) - len(rest.lstrip())] if rest.strip() else response


def response_in(query: str, prompt: str) -> str:
    """The response in a query; a prompt that was too long has lost its beginning there.

    Raises:
        BridgeError: when the query does not begin with the prompt, or with its end.
    """
    if query.startswith(prompt):
        return query[len(prompt) :]
    start = prompt.find(query[:_LEAST]) if len(query) >= _LEAST else -1
    while start >= 0:
        if query.startswith(prompt[start:]):
            return query[len(prompt) - start :]
        start = prompt.find(query[:_LEAST], start + 1)
    raise BridgeError(f"a query must begin with its prompt, so that the response is what follows it, got {query!r:.80} for {prompt!r:.80}")
