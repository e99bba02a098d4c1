"""A Rubric -> a reward config of Vertex AI.

Each reward is written, read again and compared: what does not come back equal has no such form, and is refused by the name of the option. Two
spellings of one thing are equal here: a clip to [-1, 1] that changes nothing, and `regex_extract` with a pattern that `regex` reads the same.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from rl_rewards.formats.reading import Reading
from rl_rewards.formats.registry import ExportError, Refusal
from rl_rewards.formats.vertex import scoring
from rl_rewards.formats.vertex.autorater import CONVERSION, EXACT, REPLY_PARSER, SCORER, generation_config, model_path
from rl_rewards.formats.vertex.config import CLIP, COMPOSITE, PARSE, single
from rl_rewards.formats.vertex.patterns import reads_as_regex
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.chain import Chain
from rl_rewards.parsers.identity import Identity
from rl_rewards.parsers.json_value import JsonValue
from rl_rewards.parsers.regex import Regex
from rl_rewards.parsers.regex_extract import RegexExtract
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.sources import source_of
from rl_rewards.scorers.autorater import Autorater
from rl_rewards.scorers.base import AnswerScorer
from rl_rewards.scorers.code.python_reward import PythonReward
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.regex_match import RegexMatch
from rl_rewards.scorers.string_match import StringMatch

__all__ = ["dump"]

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"references\.[^\s.{}]+")
_SUM_IS_ONE = 1e-9


class _NoFormError(ValueError):
    """What Vertex AI has no form for."""


def dump(rubric: Rubric, url: str | None) -> dict[str, Any]:
    """The Single- or CompositeReinforcementTuningRewardConfig of a rubric, in camelCase.

    Args:
        url: where `rl-rewards serve` serves the rubric with Cloud Run's contract: a reward that has no form of its own calls it there, named
            in the query (`?reward=NAME`).

    Raises:
        ExportError: with all that has no such form.
    """
    refusals = list(_of_the_rubric(rubric))
    configs = []
    for reward in rubric:
        wrong = list(_of_the_reward(reward))
        if wrong and url is not None:
            configs.append({"rewardName": reward.name, scoring.CLOUD_RUN: {"cloudRunUri": _with_name(url, reward.name)}})
        elif wrong:
            refusals += [Refusal(reward.name, message) for message in wrong]
        else:
            configs.append(_config(reward))
    if refusals:
        raise ExportError("vertex", refusals)
    if len(configs) == 1:
        return configs[0]
    return {COMPOSITE: [{"rewardConfig": config, "weight": reward.weight} for config, reward in zip(configs, rubric, strict=True)]}


def _with_name(url: str, name: str) -> str:
    url = url if urlsplit(url).path else urlsplit(url)._replace(path="/").geturl()
    return f"{url}{'&' if '?' in url else '?'}reward={quote(name, safe='')}"


def _of_the_rubric(rubric: Rubric) -> list[Refusal]:
    """What of the rubric itself has no such form."""
    weights = rubric.reward_weights
    found = []
    if abs(math.fsum(weights) - 1.0) > _SUM_IS_ONE:
        total = math.fsum(weights)
        remedy = f": write {', '.join(f'{weight / total:.6g}' for weight in weights)}" if total > 0 else ""
        found.append(Refusal(None, f"the weights must sum to 1, for Vertex AI takes the weighted mean, got {weights}{remedy}"))
    for field in fields(rubric):
        default = type(rubric).__pydantic_fields__[field.name].get_default(call_default_factory=True)  # pyright: ignore[reportAttributeAccessIssue]
        if field.name != "rewards" and getattr(rubric, field.name) != default:
            found.append(Refusal(None, f"{field.name} must be left at {default!r}, got {getattr(rubric, field.name)!r}"))
    return found


def _of_the_reward(reward: Reward) -> list[str]:
    """What of a reward has no such form."""
    try:
        config = _config(reward)
    except _NoFormError as error:
        return [str(error)]
    reading = Reading(source_of(json.dumps(config).encode(), "exported.json"))
    again = single(reading, (), config, reward.weight)
    if again is None:
        return [problem.message for problem in reading.problems]
    return list(_differences(_canonical(reward), _canonical(again), ""))


def _canonical(reward: Reward) -> Reward:
    """The reward in the spelling that reading gives it."""
    parse, clip = reward.parse, reward.clip
    if isinstance(parse, RegexExtract) and reads_as_regex(parse.pattern):
        parse = Regex(parse.pattern, thinking=parse.thinking)
    if clip == CLIP and isinstance(reward.score, AnswerScorer) and max(abs(reward.score.correct), abs(reward.score.wrong)) <= 1:
        clip = None
    options = {field.name: getattr(reward, field.name) for field in fields(reward)}
    return Reward(**{**options, "parse": parse, "clip": clip})


def _differences(here: Any, there: Any, path: str) -> Any:
    """What of a value comes back as something else: the option, what it must be, what it is."""
    if here == there:
        return
    if type(here) is type(there) and is_dataclass(here):
        for field in fields(here):
            yield from _differences(getattr(here, field.name), getattr(there, field.name), f"{path}.{field.name}".removeprefix("."))
    else:
        yield f"{path} must be {there!r}, which is Vertex AI's, got {here!r}"


def _config(reward: Reward) -> dict[str, Any]:
    """A SingleReinforcementTuningRewardConfig that says as much of the reward as it can.

    Raises:
        _NoFormError: when its parser or its scorer has no counterpart.
    """
    write = _WRITERS.get(type(reward.score))
    if write is None:
        kinds = "string_match, regex_match, python_reward, http and autorater"
        raise _NoFormError(f"its scorer {type(reward.score).__name__} has no such form; allowed are {kinds}, or any with the URL of a server")
    parser, key = _without_key(reward.parse)
    if key is not None and not isinstance(reward.score, (StringMatch, RegexMatch)):
        raise _NoFormError("parser json_value is allowed with string_match and regex_match alone")
    parse = _parse_config(parser)
    return {"rewardName": reward.name, **({PARSE: parse} if parse else {}), **write(reward.score, key)}


def _without_key(parser: Parser) -> tuple[Parser, str | None]:
    """A parser in the part that parseResponseConfig says, and the key of jsonMatchExpression."""
    if isinstance(parser, JsonValue):
        return Identity(thinking=parser.thinking), parser.key
    if isinstance(parser, Chain) and len(parser.parsers) == 2 and isinstance(parser.parsers[1], JsonValue):
        return parser.parsers[0], parser.parsers[1].key
    return parser, None


def _parse_config(parser: Parser) -> dict[str, Any]:
    if isinstance(parser, Identity) and parser.thinking is None:
        return {}
    if isinstance(parser, RegexExtract) or (isinstance(parser, Regex) and reads_as_regex(parser.pattern)):
        return {"parseType": scoring.EXTRACT, "regexExtractExpression": parser.pattern}
    if isinstance(parser, Regex):
        raise _NoFormError(f"the group of {parser.pattern!r} may take no part in the last match, where `regex` looks further: write regex_extract")
    tag = getattr(parser, "name", None) if type(parser).__name__ == "Tag" else None
    remedy = f"; write regex: '(?s)<{tag}>(.*?)</{tag}>'" if tag else ""
    raise _NoFormError(f"its parser {parser!r} has no such form; allowed are identity, regex, regex_extract and json_value{remedy}")


def _string_match(scorer: StringMatch, key: str | None) -> dict[str, Any]:
    if scorer.reference is not None:
        column = scorer.reference if isinstance(scorer.reference, str) else "COLUMN"
        raise _NoFormError(f"score.reference has no such form: write equals: '{{{{references.{column}}}}}' with whitespace: exact")
    if scorer.equals is not None:
        return _matched(scorer, scoring.EXACT, scorer.equals, key)
    return _matched(scorer, scoring.PARTIAL, scorer.contains or "", key)


def _regex_match(scorer: RegexMatch, key: str | None) -> dict[str, Any]:
    return _matched(scorer, scoring.REGEX, scorer.pattern, key)


def _matched(scorer: AnswerScorer, operation: str, text: str, key: str | None) -> dict[str, Any]:
    expression = {"matchOperation": operation, "expression": _checked(text)}
    form = (
        {"stringMatchExpression": expression} if key is None else {"jsonMatchExpression": {"keyName": key, "valueStringMatchExpression": expression}}
    )
    return {scoring.STRING: {"correctAnswerReward": scorer.correct, "wrongAnswerReward": scorer.wrong, **form}}


def _checked(text: str) -> str:
    """Text whose placeholders are spelled as Vertex AI spells them."""
    for match in _PLACEHOLDER.finditer(text):
        if not _REFERENCE.fullmatch(match[1]):
            raise _NoFormError(f"a placeholder must be {{{{references.COLUMN}}}}, without white space and further dots, got {match[0]!r}")
    return text


def _python_reward(scorer: PythonReward, key: str | None) -> dict[str, Any]:
    return {scoring.CODE: {"pythonCodeSnippet": scorer.snippet}}


def _http(scorer: Http, key: str | None) -> dict[str, Any]:
    if scorer.form != "cloud_run":
        raise _NoFormError(f"score.form must be cloud_run, got {scorer.form!r}")
    return {scoring.CLOUD_RUN: {"cloudRunUri": scorer.url}}


def _autorater(scorer: Autorater, key: str | None) -> dict[str, Any]:
    path = model_path(scorer.model)
    if path is None:
        raise _NoFormError(f"score.model must be at a Vertex AI endpoint, got {scorer.model.base_url!r}")
    rater: dict[str, Any] = {"autoraterModel": path, "samplingCount": scorer.samples}
    if generation := generation_config(scorer.model):
        rater["generationConfig"] = generation
    config: dict[str, Any] = {"autoraterPrompt": scorer.prompt, "autoraterConfig": rater}
    if parse := _parse_config(scorer.parse):
        config[REPLY_PARSER] = parse
    if scorer.equals is None:
        config[CONVERSION] = {}
    else:
        config[EXACT] = {"correctAnswerReward": scorer.correct, "wrongAnswerReward": scorer.wrong, "expression": _checked(scorer.equals)}
    return {SCORER: config}


_WRITERS: dict[type, Callable[[Any, str | None], dict[str, Any]]] = {
    StringMatch: _string_match,
    RegexMatch: _regex_match,
    PythonReward: _python_reward,
    Http: _http,
    Autorater: _autorater,
}
