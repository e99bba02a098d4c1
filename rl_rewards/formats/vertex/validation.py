"""What Vertex AI's tuningJobs:validateReinforcementTuningReward answers, computed here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.formats.reading import camel
from rl_rewards.formats.vertex.config import load, names_in
from rl_rewards.pipeline.columns import RewardColumn
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import RubricFileError
from rl_rewards.rubric_files.json_source import JsonSource
from rl_rewards.rubric_files.sources import source_of
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.scorers.http import Http
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe
from rl_rewards.types.contents import response_messages, row_of_example
from rl_rewards.types.rows import RowError
from rl_rewards.types.sample import response_of

__all__ = ["answer_of", "error_answer", "validate_reward"]

# google.rpc.Code
INVALID_ARGUMENT, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL = 3, 2, 4, 12, 13
_CODES = {Outcome.TIMEOUT: DEADLINE_EXCEEDED, Outcome.CRASHED: INTERNAL, Outcome.UNSUPPORTED: UNIMPLEMENTED}
_EXAMPLE = ("contents", "systemInstruction", "references", "tools")


def validate_reward(config: Any, example: Any, response: Any) -> dict[str, Any]:
    """The rewards of one response, in the shape of ValidateReinforcementTuningRewardResponse.

    Args:
        config: a Single- or CompositeReinforcementTuningRewardConfig: a mapping in camelCase or snake_case, JSON or YAML text, or the
            google-genai SDK's object.
        example: a ReinforcementTuningExample in ProtoJSON: contents, systemInstruction, references, tools.
        response: a Content in ProtoJSON: {role: model, parts: [{text}]}.

    Returns:
        {overallReward, rewardInfoDetails: {name: {reward, userRequestedAuxInfo, errorStatus}}, errorStatus}; what does not apply is None, a
        status is {code, message} with google.rpc's codes. It never raises for a wrong config, example or response: errorStatus says what is
        wrong (3, INVALID_ARGUMENT), and so it does where a reward failed.
    """
    try:
        source = _source(config)
        return answer_of(load(source), sample_of(example, response), names_in(source.data))
    except RubricFileError as error:
        lines = isinstance(config, (str, bytes))
        return error_answer("\n".join(f"{f'line {p.line}: ' if lines else ''}{p.field + ': ' if p.field else ''}{p.message}" for p in error.problems))
    except (RowError, _ArgumentError) as error:
        return error_answer(str(error))
    except Exception as error:  # never a raise: the caller validates what others wrote
        return error_answer(describe(error), INTERNAL)


class _ArgumentError(ValueError):
    """An argument that cannot be read."""


def sample_of(example: Any, response: Any) -> Sample:
    """The sample of an example and a response.

    Raises:
        ValueError: when one of them is wrong.
    """
    row, said = _plain(example, "example"), _plain(response, "response")
    if unknown := sorted(str(name) for name in row if camel(str(name)) not in _EXAMPLE):
        raise RowError(f"{unknown[0]!r} is no field of an 'example', which has {', '.join(_EXAMPLE)}")
    given = [name for name in row if camel(name) == "contents" and row[name]]
    columns = row_of_example(row if given else {**row, "contents": [{"role": "user", "parts": [{"text": ""}]}]})
    prompt = columns.pop("prompt")
    prompt = prompt if given else [turn for turn in prompt if turn["role"] == "system"]
    completion = response_messages(said)
    return Sample(prompt, completion, response_of(completion), columns)


def answer_of(rubric: Rubric, sample: Sample, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The answer about one sample, of any rubric.

    Args:
        names: what its rewards are called in the answer; by default by their own names.
    """
    evaluated = rubric.evaluate([sample]).columns
    columns = dict(zip(names or evaluated, evaluated.values(), strict=True))
    details = {name: _detail(column) for name, column in columns.items()}
    counted = [column for column in columns.values() if column.reward.weight != 0]
    failed = {name: details[name]["errorStatus"] for name, column in columns.items() if column.reward.weight != 0 and column.scores[0] is None}
    if failed:
        first = next(iter(failed.values()))
        message = "; ".join(f"reward {name!r}: {status['message'] if status else 'does not apply'}" for name, status in failed.items())
        return _answer(None, details, {"code": first["code"] if first else INVALID_ARGUMENT, "message": message})
    weights = [column.reward.weight for column in counted]
    total = math.fsum(weight * (column.scores[0] or 0.0) for weight, column in zip(weights, counted, strict=True))
    return _answer(total / math.fsum(weights) if math.fsum(weights) else total, details, None)


def error_answer(message: str, code: int = INVALID_ARGUMENT) -> dict[str, Any]:
    """The answer where nothing could be scored."""
    return _answer(None, {}, {"code": code, "message": message})


def _answer(overall: float | None, details: dict[str, Any], status: dict[str, Any] | None) -> dict[str, Any]:
    return {"overallReward": overall, "rewardInfoDetails": details, "errorStatus": status}


def _detail(column: RewardColumn) -> dict[str, Any]:
    """A ReinforcementTuningRewardInfo."""
    result, score = column.results[0], column.scores[0]
    info = result.reason if isinstance(column.reward.score, Http) and result.outcome is Outcome.SCORED else None
    status = None if score is not None else {"code": _code(result), "message": result.error or result.reason or result.outcome.value}
    return {"reward": score, "userRequestedAuxInfo": info, "errorStatus": status}


def _code(result: EvaluateResult) -> int:
    return _CODES.get(result.outcome, UNKNOWN)


def _source(config: Any) -> YamlSource:
    """A config, given as text, a mapping or an object of the SDK, as a source.

    Raises:
        ValueError: when it is none of these, or holds what is no plain data.
    """
    if isinstance(config, (str, bytes)):
        return source_of(config.encode("utf-8", "surrogatepass") if isinstance(config, str) else config, "config")
    plain = _plain(config, "config")
    try:
        text = json.dumps(plain, default=_unreadable)
    except (TypeError, ValueError, RecursionError) as error:
        raise _ArgumentError(f"'config' must be plain data: {error}") from None
    return JsonSource(text.encode(), "config")


def _plain(value: Any, name: str) -> dict[str, Any]:
    """A mapping, given as one, as JSON text or as an object of the SDK.

    Raises:
        ValueError: when it is something else.
    """
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_none=True, by_alias=True)
    if isinstance(value, (str, bytes)):
        try:
            value = JsonSource(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value, name).data
        except RubricFileError as error:
            first = error.problems[0]
            raise _ArgumentError(f"{name!r}, line {first.line}: {first.field + ': ' if first.field else ''}{first.message}") from None
    if not isinstance(value, Mapping):
        raise _ArgumentError(f"{name!r} must be an object, got {type(value).__name__}: {value!r:.80}")
    return dict(value)


def _unreadable(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} is none: {value!r:.80}")
