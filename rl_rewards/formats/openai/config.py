"""A grader file -> a rubric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rl_rewards.formats.openai.graders import FIELDS, MULTI, reward_name, scorer_of, type_of
from rl_rewards.formats.reading import Fields, Reading
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import Path, listing, nearest
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.formula import Formula, expression

__all__ = ["WEIGHTED_SUM", "graders_in", "load", "looks_like", "place_of_grader", "weighted_sum"]

WEIGHTED_SUM = "weighted_sum"
"""Name of the multi grader that a rubric of weighted rewards is written as; one of this name with such a formula is read as weights."""
_SUM_PART = re.compile(r"(-?[0-9.]+(?:e[-+]?[0-9]+)?) \* ([^\W\d]\w*)")
_KEY = re.compile(r"[^\W\d]\w*")
_FIELDS_OF_GRADERS = ("calculate_output", "evaluation_metric", "graders", "passing_labels", "sampling_params", "image_tag", "operation")


def looks_like(data: Mapping[str, Any]) -> bool:
    """Whether a file's top mapping is a grader, or has one where the API has it; right or wrong."""
    return bool(place_of_grader(data)) or data.get("type") in FIELDS or ("type" in data and any(name in data for name in _FIELDS_OF_GRADERS))


def place_of_grader(data: Any) -> Path:
    """Where a file has its grader: at the top, or in what the API has around one."""
    for path in (("method", "reinforcement", "grader"), ("reinforcement", "grader"), ("grader",)):
        if _inside(data, path) is not None:
            return path
    return ()


def _inside(data: Any, path: Path) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def load(source: YamlSource) -> Rubric:
    """The rubric of a grader.

    A multi grader is a reward of weight 0 for each of its graders, named by its key, and a `formula` of them, named as the grader is. One
    that was written for weighted rewards is these again.

    Raises:
        RubricFileError: with every mistake that was found.
    """
    reading = Reading(source)
    path = place_of_grader(source.data)
    rewards = _rewards(reading, path, _inside(source.data, path))
    if reading.problems:
        reading.fail()
    return reading.finish(reading.made(path, lambda: Rubric(rewards)))


def _rewards(reading: Reading, path: Path, grader: Any) -> list[Reward]:
    kind = type_of(reading, path, grader)
    if kind is None:
        return []
    fields = reading.fields(path, grader, FIELDS[kind])
    name = reward_name(fields.text("name") or kind)
    if kind != MULTI:
        scorer = scorer_of(reading, fields, kind)
        return [] if scorer is None else _made(reading, fields.path_of("name"), name, scorer)
    graders = graders_in(reading, fields)
    formula = fields.text("calculate_output", required=True)
    if formula is None:
        return []
    place = fields.path_of("calculate_output")
    made = reading.made(place, lambda: Formula(formula))
    if made is None or reading.problems:
        return []
    if name == WEIGHTED_SUM and (weights := weights_of(formula)) is not None and weights.keys() <= graders.keys():
        return [reward for key, scorer in graders.items() for reward in _made(reading, fields.path, key, scorer, weights.get(key, 0.0))]
    if name in graders:
        reading.refuse(fields.path_of("name"), f"must differ from the keys of `graders`, got {name!r}")
    if unknown := sorted(expression(formula).names - graders.keys()):
        known = listing(graders)
        reading.refuse(place, f"must name graders of this multi grader, which are {known}; got {unknown[0]!r}{nearest(unknown[0], graders)}")
    parts = [reward for key, scorer in graders.items() for reward in _made(reading, fields.path, key, scorer, 0.0)]
    return [*parts, *_made(reading, place, name, made)]


def _made(reading: Reading, path: Path, name: str, scorer: Scorer, weight: float = 1.0) -> list[Reward]:
    reward = reading.made(path, lambda: Reward(name, scorer, weight=weight))
    return [] if reward is None else [reward]


def graders_in(reading: Reading, fields: Fields) -> dict[str, Scorer]:
    """The scorers of a multi grader by key; what is wrong is noted."""
    graders, place = fields.value("graders"), fields.path_of("graders")
    if graders is None:
        if fields.valid:
            reading.refuse(fields.path, "needs 'graders', which is a mapping of names to graders")
        return {}
    if not isinstance(graders, Mapping) or not graders:
        reading.refuse(place, f"must be a mapping of names to graders, such as {{correct: {{type: string_check, ...}}}}, got {_found(graders)}")
        return {}
    if isinstance(graders.get("type"), str):  # one grader alone, as the SDK's type has it
        name = graders.get("name")
        one = _one(reading, place, graders)
        return {} if one is None else {reward_name(name if isinstance(name, str) else graders["type"]): one}
    found: dict[str, Scorer] = {}
    for key, grader in graders.items():
        if not _KEY.fullmatch(key):
            reading.refuse((*place, key), f"a grader's key must be a name that calculate_output can use, letters, digits and '_', got {key!r}")
        elif (scorer := _one(reading, (*place, key), grader)) is not None:
            found[key] = scorer
    return found


def _one(reading: Reading, path: Path, grader: Any) -> Scorer | None:
    kind = type_of(reading, path, grader)
    if kind == MULTI:
        reading.refuse(path, "a multi grader must hold no multi grader")
    if kind is None or kind == MULTI:
        return None
    fields = reading.fields(path, grader, FIELDS[kind])
    fields.text("name")
    return scorer_of(reading, fields, kind)


def _found(graders: Any) -> str:
    return f"a list of {len(graders)}" if isinstance(graders, list) else "an empty mapping" if graders == {} else repr(graders)[:80]


def weights_of(formula: str) -> dict[str, float] | None:
    """The weights of a formula that `weighted_sum` wrote; None for any other."""
    parts = [_SUM_PART.fullmatch(part) for part in formula.split(" + ")]
    weights = {part[2]: float(part[1]) for part in parts if part is not None}
    return weights if len(weights) == len(parts) and weighted_sum(weights) == formula else None


def weighted_sum(weights: Mapping[str, float]) -> str:
    """The formula of a weighted sum, such as `1.0 * correct + 0.5 * style`."""
    return " + ".join(f"{weight!r} * {name}" for name, weight in weights.items())
