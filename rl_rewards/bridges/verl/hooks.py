"""verl's trainer with a rubric: curves of every reward and component, and rows without a score.

    export VERL_USE_EXTERNAL_MODULES=rl_rewards.bridges.verl.hooks

verl imports this module wherever it is itself imported. A reward worker has one float to say what a row is worth; NaN marks a row whose group is to
be dropped, infinity one that is to get its group's mean. Written to verl 0.9.1: `metric_utils.compute_data_metrics`, `process_validation_metrics`,
`get_metric_data_with_optional_routed_experts`, and the advantage estimators of `core_algos`.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rl_rewards.bridges.unscorable import Substitutes
from rl_rewards.reward import RewardError

__all__ = ["DROP_GROUP", "GROUP_MEAN", "component_curves", "hooks_are_on", "install"]

DROP_GROUP = math.nan
GROUP_MEAN = math.inf
_VARIABLE = "VERL_USE_EXTERNAL_MODULES"
_PREFIX = "rewards/"
_rows = threading.local()


def hooks_are_on() -> bool:
    """Whether this process's verl imports the hooks, and so its trainer's does."""
    return __name__ in os.environ.get(_VARIABLE, "").split(",")


def component_curves(infos: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Mean, lowest and highest of every reward and component over rows, and the share of rows without a score.

    Args:
        infos: what `row_info` gave for each row.
    """
    found: dict[str, list[float]] = {}
    for info in infos:
        for name, value in _numbers(info):
            found.setdefault(name, []).append(value)
    curves: dict[str, float] = {}
    for name, values in found.items():
        mean = math.fsum(values) / len(values)
        if name == "rewards/unscorable":
            curves["rewards/unscorable_rate"] = mean
        else:
            curves |= {f"{name}/mean": mean, f"{name}/min": min(values), f"{name}/max": max(values)}
    return curves


def _numbers(info: Mapping[str, Any]) -> list[tuple[str, float]]:
    numbers: dict[str, float] = {}
    for name, value in info.items():
        if not name.startswith(_PREFIX) or value is None:
            continue
        if name == "rewards/components":
            for reward, components in json.loads(value).items():
                numbers |= {f"rewards/{reward}/components/{component}": number for component, number in components.items()}
        else:
            numbers[name] = float(value)
    return list(numbers.items())


def install() -> None:
    """Put the hooks into the verl of this process; a second call changes nothing."""
    from verl.trainer.ppo import core_algos, metric_utils  # pyright: ignore[reportMissingImports]

    if getattr(metric_utils, "_rl_rewards", False):
        return
    metric_utils._rl_rewards = True
    metric_utils.get_metric_data_with_optional_routed_experts = _keeping_rows(metric_utils.get_metric_data_with_optional_routed_experts)
    metric_utils.compute_data_metrics = _with_curves(metric_utils.compute_data_metrics)
    metric_utils.process_validation_metrics = _with_components(metric_utils.process_validation_metrics)
    for name, estimator in list(core_algos.ADV_ESTIMATOR_REGISTRY.items()):
        filled = _without_marks(estimator)
        core_algos.ADV_ESTIMATOR_REGISTRY[name] = filled
        if getattr(core_algos, estimator.__name__, None) is estimator:  # some are called by name
            setattr(core_algos, estimator.__name__, filled)


def _keeping_rows(fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Fetch what the reward workers said of each row, too, for the curves that are computed next."""

    @functools.wraps(fetch)
    def fetched(*args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(fetch).bind(*args, **kwargs).arguments
        fields = given["kv_batch_get"](keys=given["keys"], partition_id=given["partition_id"], select_fields=["extra_fields"])
        extra = fields.get("extra_fields")
        extra = extra.tolist() if hasattr(extra, "tolist") else extra
        _rows.infos = [each.get("reward_extra_info") or {} for each in extra if isinstance(each, Mapping)]
        return fetch(*args, **kwargs)

    return fetched


def _with_curves(compute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @functools.wraps(compute)
    def computed(batch: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        infos, _rows.infos = getattr(_rows, "infos", None), None
        if infos is None:  # the older trainer has a column for each name
            names = [name for name in batch.non_tensor_batch if name.startswith(_PREFIX)]
            infos = [dict(zip(names, row, strict=True)) for row in zip(*(batch.non_tensor_batch[name] for name in names), strict=True)]
        for name in ("token_level_scores", "token_level_rewards"):
            _average_marks(batch.batch, name)
        return {**compute(batch, *args, **kwargs), **component_curves(infos)}

    return computed


def _average_marks(tensors: Any, name: str) -> None:
    """Give marked rows the mean of the others: a curve of totals is that of the rows which have one."""
    if tensors.get(name) is None:
        return
    marked = _marked(tensors[name])
    if bool(marked.any()) and not bool(marked.all()):
        scores = tensors[name].clone()
        scores[marked] = _spread(scores[marked], float(scores[~marked].sum(-1).mean()))
        tensors[name] = scores


def _with_components(process: Callable[..., Any]) -> Callable[..., Any]:
    """Validation metrics with a name for each component, and without the marks of rows that have no score."""

    @functools.wraps(process)
    def processed(data_sources: Any, sample_uids: Any, infos_dict: Mapping[str, Sequence[Any]], *args: Any, **kwargs: Any) -> Any:
        infos: dict[str, Any] = {name: [_finite(value) for value in values] for name, values in infos_dict.items() if name != "rewards/components"}
        texts = infos_dict.get("rewards/components", ())
        for row, text in enumerate(texts):
            for name, value in _numbers({"rewards/components": text}):
                infos.setdefault(name, [None] * len(texts))[row] = value
        return process(data_sources, sample_uids, infos, *args, **kwargs)

    return processed


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _without_marks(estimator: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(estimator)

    @functools.wraps(estimator)
    def estimated(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        rewards = bound.arguments.get("token_level_rewards")
        if rewards is not None and bool((marked := _marked(rewards)).any()):
            index = bound.arguments.get("index", bound.arguments.get("kwargs", {}).get("index"))
            if index is None:
                raise RewardError(
                    f"{estimator.__name__} compares no groups, so that a row without a score must stop the run: unscorable must be raise"
                )
            bound.arguments["token_level_rewards"] = _filled(rewards, marked, list(index))
        return estimator(*bound.args, **bound.kwargs)

    return estimated


def _marked(rewards: Any) -> Any:
    """(N, T) -> N: whether a row has no score."""
    return ~rewards.isfinite().all(-1)


def _filled(rewards: Any, marked: Any, index: list[Any]) -> Any:
    """Token rewards in which marked rows, and those of dropped groups, hold a substitute at the last place that has a value."""
    drops = rewards.isnan().any(-1).tolist()
    groups = {uid: number for number, uid in enumerate(dict.fromkeys(index))}
    numbers = [groups[uid] for uid in index]
    rewards, scorable = rewards.clone(), [not bad for bad in marked.tolist()]
    totals = [float(row.sum()) if ok else None for row, ok in zip(rewards, scorable, strict=True)]
    dropped = {number for number, drop in zip(numbers, drops, strict=True) if drop}
    means = Substitutes().fill([totals], scorable, numbers, "group_mean")[0]
    flat = Substitutes().fill([totals], scorable, numbers, "drop_group")[0]
    for row, number in enumerate(numbers):
        total = flat[row] if number in dropped else means[row]
        if not scorable[row] or number in dropped:
            rewards[row] = _spread(rewards[row : row + 1], float(total or 0.0))[0]
    return rewards


def _spread(rows: Any, total: float) -> Any:
    """Rows whose only value is `total`, at the end: estimators sum over tokens."""
    filled = rows.new_zeros(rows.shape)
    filled[:, -1] = total
    return filled


if hooks_are_on():
    install()
