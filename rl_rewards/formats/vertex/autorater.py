"""Vertex AI's autorater: ReinforcementTuningAutoraterScorer <-> an `autorater`, its model at Vertex AI's OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from rl_rewards.formats.reading import Fields, Reading, camel
from rl_rewards.formats.vertex.scoring import Scoring, parser_of, rewards_of, wrong_without_answer
from rl_rewards.parsers.base import Parser
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers.autorater import KEY, Autorater

__all__ = ["SCORER", "autorater", "model_path", "rater_of"]

SCORER = "autoraterScorer"
EXACT, CONVERSION = "exactMatchScorer", "parsedResponseConversionScorer"
REPLY_PARSER = "autoraterResponseParseConfig"
SAMPLES = 4  # Vertex AI's default
_SECONDS = 60.0
_MOST_SAMPLES = 32
_PATH = re.compile(
    r"projects/(?P<project>[^/]+)/locations/(?P<location>[a-z0-9-]+)/(?:publishers/(?P<publisher>[^/]+)/models/(?P<model>[^/]+)|endpoints/(?P<endpoint>[^/]+))"
)
_URL = re.compile(
    r"https://(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com/v1beta1/projects/(?P<project>[^/]+)/locations/(?P<location>[a-z0-9-]+)/endpoints/(?P<endpoint>[^/]+)"
)
_OPENAPI = "openapi"
_SETTINGS = {"temperature": "temperature", "topP": "top_p", "maxOutputTokens": "max_tokens", "seed": "seed"}
_EXTRA = {"stopSequences": "stop", "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty"}


def autorater(reading: Reading, fields: Fields, name: str, parser: Parser | None) -> Scoring | None:
    """The scorer of a config's autoraterScorer; None where it is wrong, with the problems noted."""
    names = ("autoraterPrompt", "autoraterConfig", REPLY_PARSER, EXACT, CONVERSION)
    config = fields.fields(name, names, camel)
    if config is None or not config.valid:
        return None
    prompt = config.text("autoraterPrompt", required=True)
    rater = _rater(reading, config)
    reply_parser = parser_of(reading, config, REPLY_PARSER)
    form = config.exactly_one((EXACT, CONVERSION), "scorer of the reply")
    options: dict[str, Any] | None = None
    if form == EXACT:
        options = _exact(reading, config)
    elif form == CONVERSION:
        config.fields(CONVERSION, (), camel)
        options = {} if parser is None else {"wrong": wrong_without_answer(parser)}
    if prompt is None or rater is None or reply_parser is None or options is None or parser is None:
        return None
    model, samples = rater
    made = reading.made(config.path_of("autoraterPrompt"), partial(Autorater, prompt, model=model, samples=samples, parse=reply_parser, **options))
    scores = (options["correct"], options["wrong"]) if form == EXACT else None
    return None if made is None else (made, parser, scores)


def _exact(reading: Reading, config: Fields) -> dict[str, Any] | None:
    exact = config.fields(EXACT, ("correctAnswerReward", "wrongAnswerReward", "expression"), camel)
    if exact is None or not exact.valid:
        return None
    scores, expression = rewards_of(reading, exact), exact.text("expression", required=True)
    return None if scores is None or expression is None else {"correct": scores[0], "wrong": scores[1], "equals": expression}


def _rater(reading: Reading, config: Fields) -> tuple[ChatModel, int] | None:
    """The model of an AutoraterConfig and how many replies are asked of it."""
    if "autoraterConfig" not in config:
        reading.refuse(config.path, "needs 'autoraterConfig' with 'autoraterModel'")
        return None
    rater = config.fields("autoraterConfig", ("autoraterModel", "samplingCount", "flipEnabled", "generationConfig"), camel)
    assert rater is not None  # it is given
    samples = rater.integer("samplingCount") if "samplingCount" in rater else SAMPLES
    if samples is not None and not 1 <= samples <= _MOST_SAMPLES:
        reading.refuse(rater.path_of("samplingCount"), f"must be from 1 to {_MOST_SAMPLES}, got {samples}")
        samples = None
    if rater.truth("flipEnabled"):
        reading.refuse(rater.path_of("flipEnabled"), "is for a rater that compares two responses, and this one rates one: leave it out")
    path = rater.text("autoraterModel", required=True)
    settings = _settings(reading, rater)
    if path is None or settings is None or samples is None:
        return None
    model = reading.made(rater.path_of("autoraterModel"), partial(rater_of, path, **settings))
    return None if model is None else (model, samples)


def _settings(reading: Reading, rater: Fields) -> dict[str, Any] | None:
    """The options of a ChatModel that a GenerationConfig says."""
    generation = rater.fields("generationConfig", (*_SETTINGS, *_EXTRA), camel)
    if generation is None:
        return {}
    numbers = {"temperature": generation.number, "topP": generation.number, "maxOutputTokens": generation.integer, "seed": generation.integer}
    settings: dict[str, Any] = {_SETTINGS[name]: read(name) for name, read in numbers.items() if name in generation}
    extra: dict[str, Any] = {_EXTRA[name]: generation.number(name) for name in ("presencePenalty", "frequencyPenalty") if name in generation}
    if "stopSequences" in generation:
        extra["stop"] = [item for _, item in generation.list("stopSequences")]
    if extra:
        settings["extra_body"] = extra
    return settings if generation.valid and None not in settings.values() else None


def rater_of(path: str, **settings: Any) -> ChatModel:
    """The ChatModel of an autoraterModel: a publisher's model, or a tuned model's endpoint.

    Raises:
        ValueError: when the path is not in full.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(
            f"must be the model's full path, projects/PROJECT/locations/LOCATION/publishers/google/models/MODEL or .../endpoints/ENDPOINT, got {path!r}"
        )
    host = "" if found["location"] == "global" else f"{found['location']}-"
    endpoint = found["endpoint"] or _OPENAPI
    url = f"https://{host}aiplatform.googleapis.com/v1beta1/projects/{found['project']}/locations/{found['location']}/endpoints/{endpoint}"
    name = f"{found['publisher']}/{found['model']}" if found["model"] else endpoint
    return ChatModel(name, base_url=url, api_key_env=KEY, timeout=_SECONDS, **{"temperature": None, **settings})


def model_path(model: ChatModel) -> str | None:
    """The autoraterModel of a ChatModel; None for a model elsewhere."""
    found = _URL.fullmatch(model.base_url)
    if found is None:
        return None
    where = f"projects/{found['project']}/locations/{found['location']}"
    if found["endpoint"] != _OPENAPI:
        return f"{where}/endpoints/{found['endpoint']}"
    publisher, _, name = model.name.partition("/")
    return f"{where}/publishers/{publisher}/models/{name}"


def generation_config(model: ChatModel) -> dict[str, Any]:
    """The GenerationConfig that gives a ChatModel's settings, where they differ from the service's."""
    default = ChatModel.__pydantic_fields__["max_tokens"].default  # pyright: ignore[reportAttributeAccessIssue] - of a pydantic dataclass
    kept = {name: getattr(model, option) for name, option in _SETTINGS.items()}
    kept = {name: value for name, value in kept.items() if value is not None and (name, value) != ("maxOutputTokens", default)}
    return kept | {name: model.extra_body[option] for name, option in _EXTRA.items() if option in model.extra_body}
