"""The graders' types: their fields, and the scorers that they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rl_rewards.formats.reading import Fields, Reading
from rl_rewards.rubric_files.errors import Path, listing, nearest
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.graders.label_model import LabelModel
from rl_rewards.scorers.graders.messages import GraderMessage
from rl_rewards.scorers.graders.python_grader import PythonGrader
from rl_rewards.scorers.graders.score_model import ScoreModel
from rl_rewards.scorers.graders.string_check import StringCheck
from rl_rewards.scorers.graders.template import grader_template, has_placeholder
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.text_similarity import TextSimilarity

__all__ = ["BASE_URL", "ENDPOINT_LIMITS", "FIELDS", "MULTI", "reward_name", "scorer_of", "type_of"]

MULTI = "multi"
BASE_URL = "OPENAI_BASE_URL"
"""The environment variable that the official client reads: where the models of model graders are asked, instead of OpenAI."""

FIELDS: dict[str, tuple[str, ...]] = {
    "string_check": ("type", "name", "input", "reference", "operation"),
    "text_similarity": ("type", "name", "input", "reference", "evaluation_metric", "pass_threshold", "model"),
    "score_model": ("type", "name", "input", "model", "range", "sampling_params", "pass_threshold"),
    "label_model": ("type", "name", "input", "model", "labels", "passing_labels"),
    "python": ("type", "name", "source", "image_tag", "pass_threshold"),
    "endpoint": ("type", "name", "url", "headers", "rate_limit", "pass_threshold"),
    MULTI: ("type", "name", "graders", "calculate_output"),
}
"""Type -> its fields. `model` of text_similarity is ours: the embedding model of cosine."""
ENDPOINT_LIMITS: dict[str, Any] = {"timeout": 600.0, "retries": 3}
"""What the service grants an endpoint, in seconds and attempts after the first."""
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_SAMPLING: dict[str, tuple[str | None, Callable[[Fields, str], Any]]] = {
    "seed": ("seed", Fields.integer),
    "top_p": ("top_p", Fields.number),
    "temperature": ("temperature", Fields.number),
    "max_completions_tokens": ("max_tokens", Fields.integer),
    "reasoning_effort": (None, Fields.text),
}
"""Name -> the option of a ChatModel (none: a field of the request), and how it is read."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def type_of(reading: Reading, path: Path, grader: Any) -> str | None:
    """The type of a grader; None where it is none, which is noted."""
    if not isinstance(grader, Mapping):
        reading.fields(path, grader, FIELDS[MULTI])
        return None
    found = grader.get("type")
    if isinstance(found, str) and found in FIELDS:
        return found
    place, near = ((*path, "type"), nearest(found, FIELDS)) if "type" in grader else (path, "")
    reading.refuse(place, f"the type of a grader must be one of {listing(FIELDS)}, got {found!r}{near}")
    return None


def reward_name(name: str) -> str:
    """A grader's name as a reward's: other characters than letters, digits, '_', '.' and '-' are each a '_'."""
    return _NOT_IN_A_NAME.sub("_", name).strip("_") or "grader"


def scorer_of(reading: Reading, fields: Fields, kind: str) -> Scorer | None:
    """The scorer that a grader is; None where it is wrong, which is noted at its fields."""
    return _READERS[kind](reading, fields)


def _string_check(reading: Reading, fields: Fields) -> Scorer | None:
    operation = _choice(reading, fields, "operation", ("eq", "ne", "like", "ilike"))
    made = _compared(reading, fields, StringCheck, operation=operation or "eq")
    return None if operation is None else made


def _text_similarity(reading: Reading, fields: Fields) -> Scorer | None:
    metrics = ("fuzzy_match", "bleu", "gleu", "meteor", "cosine", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l")
    metric = _choice(reading, fields, "evaluation_metric", metrics)
    more = {"model": fields.text("model"), "pass_threshold": fields.number("pass_threshold")}
    if metric == "cosine" and "model" not in fields:
        reading.refuse(fields.path_of("evaluation_metric"), "cosine must name its embedding model: add `model`, a directory or a hub id")
        return None
    made = _compared(reading, fields, TextSimilarity, metric=metric or "fuzzy_match", **more)
    return None if metric is None else made


def _compared(reading: Reading, fields: Fields, cls: Callable[..., Scorer], **options: Any) -> Scorer | None:
    """A grader that compares `input` with `reference`, both templates."""
    texts = {name: fields.text(name, required=True) for name in ("input", "reference")}
    templates = [reading.made(fields.path_of(name), partial(grader_template, text)) for name, text in texts.items() if text is not None]
    given, reference = texts["input"], texts["reference"]
    if given is None or reference is None or None in templates:
        return None
    target = {"reference": reference} if has_placeholder(reference) else {"text": reference}
    place = fields.path if reference.strip() else fields.path_of("reference")
    return reading.made(place, lambda: cls(input=given, **target, **options))


def _python(reading: Reading, fields: Fields) -> Scorer | None:
    source, tag = fields.text("source", required=True), fields.text("image_tag")
    threshold = fields.number("pass_threshold")
    if source is None:
        return None
    return reading.made(fields.path_of("source"), lambda: PythonGrader(source, image_tag=tag, pass_threshold=threshold))


def _score_model(reading: Reading, fields: Fields) -> Scorer | None:
    model, messages = _chat_model(reading, fields), _messages(reading, fields)
    bounds = [item for _, item in fields.list("range")] if "range" in fields else [0.0, 1.0]
    threshold = fields.number("pass_threshold")
    if len(bounds) != 2 or not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in bounds):
        reading.refuse(fields.path_of("range"), f"must be two numbers, [lowest, highest], got {bounds!r:.80}")
        return None
    if model is None or messages is None:
        return None
    return reading.made(fields.path_of("range"), lambda: ScoreModel(model, messages, range=(bounds[0], bounds[1]), pass_threshold=threshold))


def _label_model(reading: Reading, fields: Fields) -> Scorer | None:
    model, messages = _chat_model(reading, fields), _messages(reading, fields)
    labels, passing = (tuple(item for _, item in fields.list(name, required=True)) for name in ("labels", "passing_labels"))
    if model is None or messages is None or not labels or "passing_labels" not in fields:
        return None
    return reading.made(fields.path_of("passing_labels"), lambda: LabelModel(model, messages, labels=labels, passing_labels=passing))


def _messages(reading: Reading, fields: Fields) -> tuple[GraderMessage, ...] | None:
    """The messages of a model grader; None where one of them is wrong, or there is none."""
    items = fields.list("input", required=True)
    if "input" in fields and not items and isinstance(fields.value("input"), list):
        reading.refuse(fields.path_of("input"), "must have at least one message, got an empty list")
    made = [reading.made(path, partial(_message, item)) for path, item in items]
    return tuple(message for message in made if message is not None) if made and None not in made else None


def _message(item: Any) -> GraderMessage:
    if not isinstance(item, Mapping):
        raise ValueError(f"a message must be a mapping of role and content, got {item!r:.80}")
    if unknown := sorted(map(str, item.keys() - {"role", "content", "type"})):
        raise ValueError(f"a message must have role, content and type alone, got {unknown[0]!r}")
    if missing := [name for name in ("role", "content") if name not in item]:
        raise ValueError(f"a message needs {missing[0]!r}")
    return GraderMessage(**item)


def _endpoint(reading: Reading, fields: Fields) -> Scorer | None:
    """Azure's endpoint grader, with the service's limits: ten minutes, three retries, a reply of a megabyte."""
    url, rate, threshold = fields.text("url", required=True), fields.number("rate_limit"), fields.number("pass_threshold")
    headers = fields.value("headers")
    if headers is not None and not (isinstance(headers, Mapping) and all(isinstance(value, str) for value in headers.values())):
        reading.refuse(fields.path_of("headers"), f"must be a mapping of names to text, got {type(headers).__name__}")
        return None
    if rate is not None and rate <= 0:
        reading.refuse(fields.path_of("rate_limit"), f"must be above 0, got {rate:g}")
        return None
    if url is None:
        return None
    variables = {name: variable[1] for name, value in (headers or {}).items() if (variable := _VARIABLE.fullmatch(value))}
    options: dict[str, Any] = {
        "headers": {name: value for name, value in (headers or {}).items() if name not in variables},
        "headers_env": variables,
        "requests_per_minute": None if rate is None else 60 * rate,
        "pass_threshold": threshold,
    }
    return reading.made(fields.path_of("url"), lambda: Http(url, form="openai", **ENDPOINT_LIMITS, **options))


def _chat_model(reading: Reading, fields: Fields) -> ChatModel | None:
    """The model of a grader, asked where the official client would ask it; its sampling is the server's where the grader says nothing."""
    name = fields.text("model", required=True)
    options: dict[str, Any] = {"temperature": None}
    sampling = fields.fields("sampling_params", _SAMPLING) if "sampling_params" in fields else None
    for given, (option, read) in _SAMPLING.items():
        value = None if sampling is None else read(sampling, given)
        if value is not None:
            options |= {"extra_body": {"reasoning_effort": value}} if option is None else {option: value}
    if url := os.environ.get(BASE_URL):
        options["base_url"] = url
        options["api_key_env"] = "OPENAI_API_KEY" if os.environ.get("OPENAI_API_KEY") else None
    if name is None:
        return None
    return reading.made(fields.path_of("sampling_params" if sampling else "model"), lambda: ChatModel(name, **options))


def _choice(reading: Reading, fields: Fields, name: str, choices: tuple[str, ...]) -> str | None:
    value = fields.text(name, required=True)
    if value is None or value in choices:
        return value
    reading.refuse(fields.path_of(name), f"must be one of {listing(choices)}, got {value!r:.80}{nearest(value, choices)}")
    return None


_READERS: dict[str, Callable[[Reading, Fields], Scorer | None]] = {
    "string_check": _string_check,
    "text_similarity": _text_similarity,
    "score_model": _score_model,
    "label_model": _label_model,
    "python": _python,
    "endpoint": _endpoint,
}
