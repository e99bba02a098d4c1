"""A rubric -> a grader."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from rl_rewards.formats.openai.config import WEIGHTED_SUM, weighted_sum
from rl_rewards.formats.openai.graders import BASE_URL, ENDPOINT_LIMITS, MULTI
from rl_rewards.formats.registry import ExportError, Refusal
from rl_rewards.parsers.identity import Identity
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.formula import Formula
from rl_rewards.scorers.graders.comparing import OUTPUT_TEXT, ComparingGrader
from rl_rewards.scorers.graders.label_model import LabelModel
from rl_rewards.scorers.graders.messages import GraderMessage
from rl_rewards.scorers.graders.python_grader import PythonGrader
from rl_rewards.scorers.graders.score_model import ScoreModel
from rl_rewards.scorers.graders.string_check import StringCheck
from rl_rewards.scorers.graders.template import as_item
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.string_match import StringMatch
from rl_rewards.scorers.text_similarity import TextSimilarity

__all__ = ["dump"]

_KEY = re.compile(r"[^\W\d]\w*")


class _NoFormError(Exception):
    """What has no form as a grader, and what must hold instead."""


def dump(rubric: Rubric, url: str | None) -> dict[str, Any]:
    """The grader of a rubric: of one reward its own, of several a multi grader.

    Args:
        url: address of `rl-rewards serve` with this rubric. A rubric that has no such form becomes Azure's endpoint grader, which calls it.

    Raises:
        ExportError: naming all that has no form.
    """
    refusals: list[Refusal] = []
    graders: dict[str, dict[str, Any]] = {}
    formulas = [reward for reward in rubric if isinstance(reward.score, Formula)]
    weighted = [reward for reward in rubric if reward.weight != 0]
    if formulas and (len(formulas) > 1 or weighted != formulas or formulas[0].weight != 1):
        refusals.append(Refusal(None, "a formula must be the only reward with a weight, 1, and no other formula beside it"))
    for reward in rubric:
        try:
            _check(reward, len(rubric) > 1)
            if reward not in formulas:
                graders[reward.name] = _grader(reward.name, reward.score)
        except _NoFormError as none:
            refusals.append(Refusal(reward.name, str(none)))
    if refusals:
        if url is not None:
            parts = urlsplit(url)  # a server of several rubrics is asked with ?rubric=NAME
            return {"type": "endpoint", "name": "rubric", "url": parts._replace(path=f"{parts.path.rstrip('/')}/grade").geturl()}
        raise ExportError("openai", refusals)
    if formulas:
        return {"type": MULTI, "name": formulas[0].name, "graders": graders, "calculate_output": formulas[0].score.formula}  # type: ignore[attr-defined]
    if len(rubric) == 1 and rubric.rewards[0].weight == 1:
        return graders[rubric.rewards[0].name]
    weights = {reward.name: reward.weight for reward in weighted} or {rubric.rewards[0].name: 0.0}
    return {"type": MULTI, "name": WEIGHTED_SUM, "graders": graders, "calculate_output": weighted_sum(weights)}


def _check(reward: Reward, of_several: bool) -> None:
    """Refuse what a grader has not, whatever its type."""
    if reward.parse != Identity():
        raise _NoFormError("parse has no form as a grader, which sees the whole output; leave it out, or address a field of sample.output_json")
    for option, advice in {"clip": "; use a formula with min and max", "gate": "; use a formula", "when": "", "timeout": "", "memory_mb": ""}.items():
        if getattr(reward, option) is not None:
            raise _NoFormError(f"{option} has no form as a grader{advice}")
    if reward.on_error != "skip" or reward.isolate:
        raise _NoFormError(f"{'isolate' if reward.isolate else 'on_error'} has no form as a grader")
    if of_several and not _KEY.fullmatch(reward.name):
        raise _NoFormError("its name must be one that calculate_output can use: letters, digits and '_'")


def _grader(name: str, scorer: Scorer) -> dict[str, Any]:
    write = _WRITERS.get(type(scorer))
    if write is None:
        known = ", ".join(sorted(cls.__name__ for cls in _WRITERS))
        raise _NoFormError(f"{type(scorer).__name__} has no form as a grader; those that have one are {known} and Formula")
    return write(name, scorer)


def _defaults(scorer: Any, *written: str) -> None:
    """Refuse options that differ from their defaults and are not written."""
    for option in fields(scorer):
        if option.name in written:
            continue
        declared = type(scorer).__pydantic_fields__[option.name]
        if getattr(scorer, option.name) != declared.get_default(call_default_factory=True):
            raise _NoFormError(f"option {option.name} has no form as a grader, got {getattr(scorer, option.name)!r:.80}")


def _string_check(name: str, scorer: StringCheck) -> dict[str, Any]:
    _defaults(scorer, "reference", "text", "input", "operation")
    return {"type": "string_check", "name": name, **_compared(scorer), "operation": scorer.operation}


def _string_match(name: str, scorer: StringMatch) -> dict[str, Any]:
    """string_match that compares letter by letter is a string_check."""
    _defaults(scorer, "reference", "equals", "contains", "ignore_case", "whitespace")
    if scorer.whitespace != "exact":
        raise _NoFormError(f"whitespace must be exact, as string_check compares letter by letter, got {scorer.whitespace!r}")
    if scorer.ignore_case and scorer.contains is None:
        raise _NoFormError("ignore_case has no form with equals; string_check has it (ilike) for contains alone")
    text = scorer.contains if scorer.contains is not None else scorer.equals
    reference = _reference(scorer.reference) if text is None else as_item(text)
    operation = "eq" if scorer.contains is None else "ilike" if scorer.ignore_case else "like"
    return {"type": "string_check", "name": name, "input": OUTPUT_TEXT, "reference": reference, "operation": operation}


def _text_similarity(name: str, scorer: TextSimilarity) -> dict[str, Any]:
    _defaults(scorer, "reference", "text", "input", "metric", "model", "pass_threshold")
    more = {key: value for key in ("model", "pass_threshold") if (value := getattr(scorer, key)) is not None}
    return {"type": "text_similarity", "name": name, **_compared(scorer), "evaluation_metric": scorer.metric, **more}


def _compared(scorer: ComparingGrader) -> dict[str, str]:
    return {"input": scorer.input, "reference": scorer.text if scorer.text is not None else _reference(scorer.reference)}


def _reference(reference: Any) -> str:
    if not isinstance(reference, str):
        raise _NoFormError("a reference that is parsed has no form as a grader")
    return as_item(reference) if "{{" in reference else f"{{{{ item.{reference} }}}}"


def _python(name: str, scorer: PythonGrader) -> dict[str, Any]:
    _defaults(scorer, "source", "image_tag", "pass_threshold")
    more = {key: value for key in ("image_tag", "pass_threshold") if (value := getattr(scorer, key)) is not None}
    return {"type": "python", "name": name, "source": scorer.source, **more}


def _score_model(name: str, scorer: ScoreModel) -> dict[str, Any]:
    _defaults(scorer, "model", "input", "range", "pass_threshold")
    more: dict[str, Any] = {} if scorer.pass_threshold is None else {"pass_threshold": scorer.pass_threshold}
    return {"type": "score_model", "name": name, **_asked(scorer.model, scorer.input), "range": list(scorer.range), **_sampling(scorer.model), **more}


def _label_model(name: str, scorer: LabelModel) -> dict[str, Any]:
    _defaults(scorer, "model", "input", "labels", "passing_labels")
    if _sampling(scorer.model):
        raise _NoFormError("sampling options of the model have no form in a label_model grader; set `temperature: null` and leave out the others")
    labels = {"labels": list(scorer.labels), "passing_labels": list(scorer.passing_labels)}
    return {"type": "label_model", "name": name, **_asked(scorer.model, scorer.input), **labels}


def _asked(model: ChatModel, messages: tuple[GraderMessage, ...]) -> dict[str, Any]:
    _defaults(model, "name", "base_url", "api_key_env", "temperature", "top_p", "max_tokens", "seed", "extra_body")
    usual = ChatModel.__pydantic_fields__["base_url"].get_default()  # type: ignore[attr-defined]
    if model.base_url not in (usual, os.environ.get(BASE_URL)):
        raise _NoFormError(f"the model must be one of the service's, asked at {usual} or {BASE_URL}, got {model.base_url}")
    return {"input": [_message(message) for message in messages], "model": model.name}


def _message(message: GraderMessage) -> dict[str, Any]:
    content = message.content
    written: Any = [_part(part) for part in content] if isinstance(content, tuple) else _part(content)
    return {"role": message.role, "content": written, **({"type": message.type} if message.type else {})}


def _part(part: str | Mapping[str, Any]) -> Any:
    return part if isinstance(part, str) else dict(part)


def _sampling(model: ChatModel) -> dict[str, Any]:
    found = {"seed": model.seed, "top_p": model.top_p, "temperature": model.temperature, "reasoning_effort": model.extra_body.get("reasoning_effort")}
    if set(model.extra_body) - {"reasoning_effort"}:
        raise _NoFormError("extra_body has no form as a grader, but for reasoning_effort")
    if model.max_tokens != type(model).__pydantic_fields__["max_tokens"].get_default():  # type: ignore[attr-defined]
        found["max_completions_tokens"] = model.max_tokens
    given = {name: value for name, value in found.items() if value is not None}
    return {"sampling_params": given} if given else {}


def _endpoint(name: str, scorer: Http) -> dict[str, Any]:
    _defaults(scorer, "url", "form", "headers", "headers_env", "requests_per_minute", "pass_threshold", "timeout", "retries")
    limits = {option: getattr(scorer, option) for option in ENDPOINT_LIMITS}
    if scorer.form != "openai":
        raise _NoFormError(f"form {scorer.form} has no form as a grader; an endpoint grader is form openai")
    if limits != ENDPOINT_LIMITS:
        raise _NoFormError(f"the limits of an endpoint are the service's, {ENDPOINT_LIMITS}, got {limits}")
    if scorer.headers:
        raise _NoFormError("headers hold values that are written to no file; name variables of the environment in headers_env")
    more: dict[str, Any] = {}
    if scorer.headers_env:
        more["headers"] = {header: f"${{{variable}}}" for header, variable in scorer.headers_env.items()}
    if scorer.requests_per_minute is not None:
        more["rate_limit"] = scorer.requests_per_minute / 60
    if scorer.pass_threshold is not None:
        more["pass_threshold"] = scorer.pass_threshold
    return {"type": "endpoint", "name": name, "url": scorer.url, **more}


_WRITERS: dict[type, Callable[[str, Any], dict[str, Any]]] = {
    StringCheck: _string_check,
    StringMatch: _string_match,
    TextSimilarity: _text_similarity,
    PythonGrader: _python,
    ScoreModel: _score_model,
    LabelModel: _label_model,
    Http: _endpoint,
}
