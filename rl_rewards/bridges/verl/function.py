"""verl's custom reward function, and what a row becomes for verl."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.bridges.caller import Caller, check_options
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.labels import references_of
from rl_rewards.bridges.scored_row import ScoredRow, component_key, reward_key
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.bridges.verl.hooks import DROP_GROUP, GROUP_MEAN, hooks_are_on
from rl_rewards.types import Sample

__all__ = ["CALLER", "OPTIONS", "compute_score", "row_info", "scoring_for_verl", "verl_score"]

OPTIONS = ("rubric", "unscorable", "components", "column")
_FROM_VERL = ("reward_router_address", "reward_model_tokenizer")
CALLER = Caller(
    "verl's custom reward function",
    ("raise", "drop_group", "group_mean"),
    instead="use the reward manager rl_rewards.bridges.verl RubricRewardManager, which waits for the group",
)


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """verl's `reward.custom_reward_function`, with path pkg://rl_rewards.bridges.verl, name compute_score, and the options in `reward_kwargs`.

    Args:
        solution_str: the response.
        ground_truth, extra_info: the row's columns: a mapping's (or its JSON text's) keys are columns, another ground truth is the one column
            that the rubric reads and extra_info lacks.
        options: rubric (a file), unscorable (raise, drop_group, group_mean), components (names such as correct/near that get columns of their
            own), column (the column that the ground truth is).

    Returns:
        `score`, the weighted total, and what `row_info` returns.

    Raises:
        RewardError: where a row has no score, with `unscorable` raise.
        BridgeError, RubricDataError: options, or a row, that the rubric cannot be used with.
    """
    check_options(options, OPTIONS, _FROM_VERL, "reward_kwargs")
    with _one_at_a_time:
        scoring = _scoring(options.get("rubric"), options.get("unscorable", "raise"))
    fields = {**(extra_info or {}), "data_source": data_source}
    prompt = fields.get("prompt")
    references = references_of(ground_truth, fields, scoring.columns_read, options.get("column"), "ground_truth")
    if not isinstance(solution_str, str):
        raise BridgeError(f"solution_str must be text, got {type(solution_str).__name__}: {solution_str!r:.80}")
    sample = Sample(prompt if isinstance(prompt, (str, list)) else None, solution_str, solution_str, references)
    (row,) = scoring.score([sample])
    return {"score": verl_score(row, scoring.unscorable), **row_info(row, options.get("components") or ())}


_one_at_a_time = threading.RLock()  # verl calls from several threads, which would each load the rubric, and count its failures apart


@functools.lru_cache(maxsize=32)
def _scoring(rubric: str | None, unscorable: str) -> RubricScoring:
    return scoring_for_verl(rubric, unscorable, CALLER)


def scoring_for_verl(rubric: Any, unscorable: str, caller: Caller) -> RubricScoring:
    """A rubric for verl; a policy that its trainer carries out needs the hooks in the trainer.

    Raises:
        BridgeError: without a rubric, and where the hooks are not on.
    """
    if not rubric:
        raise BridgeError("reward_kwargs must name a rubric: +reward.custom_reward_function.reward_kwargs.rubric=rubric.yaml")
    scoring = RubricScoring(rubric, caller, unscorable)
    if unscorable != "raise" and not hooks_are_on():
        raise BridgeError(
            f"unscorable {unscorable!r} is carried out in verl's trainer: set VERL_USE_EXTERNAL_MODULES=rl_rewards.bridges.verl.hooks in its environment"
        )
    return scoring


def verl_score(row: ScoredRow, unscorable: str) -> float:
    """A row's total; a mark for the hooks where it has none."""
    if row.total is not None:
        return row.total
    return GROUP_MEAN if unscorable == "group_mean" else DROP_GROUP


def row_info(row: ScoredRow, components: Sequence[str] = ()) -> dict[str, float | str | None]:
    """What verl logs of a row, under names that are the same on every row.

    Args:
        components: names such as `correct/near` of components with a column of their own.
    """
    info: dict[str, float | str | None] = {reward_key(name): score for name, score in row.rewards.items()}
    info["rewards/unscorable"] = float(row.total is None)
    for name in components:
        reward, _, component = name.partition("/")
        if reward not in row.rewards or not component:
            raise BridgeError(f"components must be names such as REWARD/COMPONENT of the rubric's rewards {list(row.rewards)}, got {name!r}")
        info[component_key(reward, component)] = row.components.get((reward, component))
    info["rewards/components"] = row.components_json()
    return info
