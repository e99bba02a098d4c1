"""A reward config of Vertex AI -> a Rubric.

Every reward is clipped to [-1, 1]; where its scorer can give nothing outside, no clip is written. A composite's total is the weighted mean, so
weights are divided by their sum. Field names and rules are those of the REST reference of v1beta1; what it leaves open is decided here, in
`scoring.py` and in the table of ../README.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from rl_rewards.formats.reading import Fields, Reading, camel
from rl_rewards.formats.vertex.autorater import SCORER as AUTORATER
from rl_rewards.formats.vertex.autorater import autorater
from rl_rewards.formats.vertex.hyperparameters import HYPER, hyper_parameters
from rl_rewards.formats.vertex.scoring import CLOUD_RUN, CODE, STRING, cloud_run, code_execution, parser_of, string_match
from rl_rewards.reward import LARGEST_SCORE, Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import Path
from rl_rewards.rubric_files.yaml_source import YamlSource

__all__ = ["CLIP", "COMPOSITE", "PARSE", "SPEC", "load", "looks_like", "names_in", "reward_name", "single", "spec_of"]

CLIP = (-1.0, 1.0)
NAME, PARSE = "rewardName", "parseResponseConfig"
SCORERS = {STRING: string_match, CODE: code_execution, CLOUD_RUN: cloud_run, AUTORATER: autorater}
SINGLE_FIELDS = (NAME, PARSE, *SCORERS)
COMPOSITE = "weightedRewardConfigs"
SPEC_REWARDS = ("singleRewardConfig", "compositeRewardConfig")
SPEC = ("trainingDatasetUri", "validationDatasetUri", HYPER, *SPEC_REWARDS)
JOB = "reinforcementTuningSpec"
DEFAULT_NAME = "reward"
_MOST_REWARDS = 16
_SUM_IS_ONE = 1e-9


def looks_like(data: Mapping[str, Any]) -> bool:
    """Whether a mapping is a reward config, a ReinforcementTuningSpec or a tuning job of Vertex AI, right or wrong."""
    keys = {camel(key) for key in data if isinstance(key, str)}
    return bool(keys & {*SINGLE_FIELDS, COMPOSITE, *SPEC, JOB})


def load(source: YamlSource) -> Rubric:
    """The rubric of a Vertex AI config.

    Raises:
        RubricFileError: with all that is wrong with it.
    """
    reading = Reading(source)
    rewards = _rewards(reading, (), source.data)
    if reading.problems or not rewards:
        reading.fail()
    return reading.finish(reading.made((), lambda: Rubric(rewards)))


def spec_of(data: Any) -> tuple[Path, Mapping[str, Any]] | None:
    """The ReinforcementTuningSpec in a file's data, or in the tuning job that it is, with its place; None where there is none."""
    place: Path = ()
    while isinstance(data, Mapping):
        names = {camel(key): key for key in data}
        if JOB in names:
            place, data = (*place, names[JOB]), data[names[JOB]]
        else:
            return (place, data) if names.keys() & {*SPEC_REWARDS, HYPER} else None
    return None


def _rewards(reading: Reading, path: Path, data: Any) -> list[Reward]:
    """The rewards of whichever form the data is."""
    if (found := spec_of(data)) is not None:
        spec = reading.fields(*found, SPEC, camel)
        hyper_parameters(reading, spec)
        form = spec.exactly_one(SPEC_REWARDS, "reward config")
        return [] if form is None else _rewards(reading, spec.path_of(form), spec.value(form))
    if isinstance(data, Mapping) and any(camel(key) == COMPOSITE for key in data):
        return _composite(reading, path, data)
    reward = single(reading, path, data)
    return [] if reward is None else [reward]


def single(reading: Reading, path: Path, data: Any, weight: float = 1.0) -> Reward | None:
    """The reward of a SingleReinforcementTuningRewardConfig; None where it is wrong, with its problems noted."""
    fields = reading.fields(path, data, SINGLE_FIELDS, camel)
    name = fields.text(NAME)
    parser = parser_of(reading, fields, PARSE)
    kind = fields.exactly_one(tuple(SCORERS), "scorer")
    made = None if kind is None else SCORERS[kind](reading, fields, kind, parser)
    if made is None or parser is None:
        return None
    scorer, parser, scores = made
    clip = None if scores is not None and all(CLIP[0] <= score <= CLIP[1] for score in scores) else CLIP
    place = fields.path_of(NAME) if NAME in fields else fields.path
    return reading.made(place, partial(Reward, reward_name(name), scorer, parser, weight, clip))


def reward_name(name: str | None) -> str:
    """A reward's name here: that of the config, with `_` for what is neither letter, digit, `_`, `.` nor `-`, since it names metrics and columns."""
    return re.sub(r"[^A-Za-z0-9_.-]|^[.-]", "_", name) if name else DEFAULT_NAME


def names_in(data: Any) -> list[str]:
    """The names of a right config's rewards as it spells them, in order."""
    if (found := spec_of(data)) is not None:
        data = next(value for key, value in found[1].items() if camel(key) in SPEC_REWARDS and value is not None)
    fields = {camel(key): value for key, value in data.items()}
    configs = [{camel(key): value for key, value in item.items()}["rewardConfig"] for item in fields.get(COMPOSITE) or ()]
    singles = [{camel(key): value for key, value in config.items()} for config in configs] or [fields]
    return [single.get(NAME) or DEFAULT_NAME for single in singles]


def _composite(reading: Reading, path: Path, data: Any) -> list[Reward]:
    fields = reading.fields(path, data, (COMPOSITE,), camel)
    items = [reading.fields(place, item, ("rewardConfig", "weight"), camel) for place, item in fields.list(COMPOSITE)]
    if not items:
        reading.refuse(fields.path_of(COMPOSITE), "must have at least one reward")
    if len(items) > _MOST_REWARDS:
        reading.refuse(fields.path_of(COMPOSITE), f"must have at most {_MOST_REWARDS} rewards, got {len(items)}")
    weights = [item.number("weight") if "weight" in item else _no_weight(reading, item) for item in items]
    for item, weight in zip(items, weights, strict=True):
        if weight is not None and abs(weight) > LARGEST_SCORE:
            reading.refuse(item.path_of("weight"), f"must be at most {LARGEST_SCORE:g} in size, got {weight:g}")
    rewards = [_weighted(reading, item) for item in items]
    known = [weight for weight in weights if weight is not None]
    total = math.fsum(known) if max(map(abs, known), default=0) <= LARGEST_SCORE else 1.0
    if items and len(known) == len(items) and not total > 0:
        reading.refuse(fields.path_of(COMPOSITE), f"the weights must have a sum above 0, since the total is their mean, got {total:g} from {known}")
    _check_names(reading, items, rewards)
    if reading.problems:
        return []
    scale = 1.0 if abs(total - 1.0) <= _SUM_IS_ONE else total
    return [_with_weight(reward, weight / scale) for reward, weight in zip(rewards, known, strict=True) if reward is not None]


def _no_weight(reading: Reading, item: Fields) -> None:
    if item.valid:
        reading.refuse(item.path, "needs 'weight'; ProtoJSON leaves out a weight of 0: write 0 for a reward that is not to count")


def _weighted(reading: Reading, item: Fields) -> Reward | None:
    if "rewardConfig" not in item:
        if item.valid:
            reading.refuse(item.path, "needs 'rewardConfig'")
        return None
    return single(reading, item.path_of("rewardConfig"), item.value("rewardConfig"))


def _with_weight(reward: Reward, weight: float) -> Reward:
    return Reward(reward.name, reward.score, reward.parse, weight, reward.clip)


def _check_names(reading: Reading, items: list[Fields], rewards: list[Reward | None]) -> None:
    """Names are unique: they are keys of the answer, and of the metrics."""
    first: dict[str, Path] = {}
    for item, reward in zip(items, rewards, strict=True):
        if reward is None:
            continue
        config = item.value("rewardConfig")
        key = next((key for key in config if camel(key) == NAME), None)
        place = (*item.path_of("rewardConfig"), key) if key else item.path_of("rewardConfig")
        if reward.name in first:
            line = reading.source.line(first[reward.name])
            reading.refuse(place, f"the names of rewards must be unique, got {reward.name!r}, first in line {line}")
        else:
            first[reward.name] = place
