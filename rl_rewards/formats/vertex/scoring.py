"""The two stages of a Vertex AI reward: parseResponseConfig -> a parser, and three of its scorers.

Each function of a scorer returns (scorer, parser, the scores that it can give; None where these may be any), or None where the config is
wrong, with the problems noted.
"""

from __future__ import annotations

from functools import partial

from rl_rewards.formats.reading import Fields, Reading, camel
from rl_rewards.formats.vertex.patterns import reads_as_regex
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.chain import Chain
from rl_rewards.parsers.identity import Identity
from rl_rewards.parsers.json_value import JsonValue
from rl_rewards.parsers.regex import Regex
from rl_rewards.parsers.regex_extract import RegexExtract
from rl_rewards.references import template
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.code.python_reward import PythonReward
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.regex_match import RegexMatch
from rl_rewards.scorers.string_match import StringMatch

__all__ = ["CLOUD_RUN", "CODE", "STRING", "Scoring", "cloud_run", "code_execution", "parser_of", "string_match"]

Scoring = tuple[Scorer, Parser, tuple[float, ...] | None]

STRING, CODE, CLOUD_RUN = "stringMatchRewardScorer", "codeExecutionRewardScorer", "cloudRunRewardScorer"
IDENTITY, EXTRACT = "IDENTITY", "REGEX_EXTRACT"
PARSE_TYPES = ("RESPONSE_PARSE_TYPE_UNSPECIFIED", IDENTITY, EXTRACT)
EXACT, PARTIAL, REGEX = "EXACT_MATCH", "PARTIAL_MATCH", "REGEX_CONTAINS"
OPERATIONS = (EXACT, PARTIAL, REGEX)
LOWEST = -1.0
"""Score of a response in which the parser finds nothing, where the scorer has no score for wrong answers: the lowest that Vertex AI gives."""
SANDBOX_SECONDS, SANDBOX_MB = 100.0, 1024
CLOUD_RUN_SECONDS, CLOUD_RUN_RETRIES, CLOUD_RUN_BACKOFF = 300.0, 5, 2.0


def parser_of(reading: Reading, fields: Fields, name: str) -> Parser | None:
    """The parser of a ReinforcementTuningParseResponseConfig; without one the response is taken as it is."""
    config = fields.fields(name, ("parseType", "regexExtractExpression"), camel)
    if config is None:
        return Identity()
    kind = config.choice("parseType", PARSE_TYPES)
    if not config.valid or ("parseType" in config and kind is None):
        return None
    if kind != EXTRACT:
        if config.value("regexExtractExpression") not in (None, ""):  # ProtoJSON may write out what is not set
            reading.refuse(config.path_of("regexExtractExpression"), f"is used with parseType {EXTRACT} alone, got {kind or 'no parseType'}")
            return None
        return Identity()
    pattern = config.text("regexExtractExpression", required=True)
    return None if pattern is None else reading.made(config.path_of("regexExtractExpression"), partial(_extract, pattern))


def _extract(pattern: str) -> Parser:
    extract = RegexExtract(pattern)
    return Regex(pattern) if reads_as_regex(pattern) else extract


def rewards_of(reading: Reading, config: Fields) -> tuple[float, float] | None:
    """correctAnswerReward and wrongAnswerReward. ProtoJSON leaves out 0, so one of them may be absent; the two must differ."""
    names = ("correctAnswerReward", "wrongAnswerReward")
    values = [config.number(name) for name in names]
    if any(value is None and name in config for name, value in zip(names, values, strict=True)):
        return None
    correct, wrong = (value or 0.0 for value in values)
    if correct == wrong:
        reading.refuse(config.path, f"correctAnswerReward and wrongAnswerReward must differ, got {correct:g} for both (absent is 0)")
        return None
    return correct, wrong


def string_match(reading: Reading, fields: Fields, name: str, parser: Parser | None) -> Scoring | None:
    """ReinforcementTuningStringMatchRewardScorer: a `string_match` or a `regex_match`, of a field of the JSON answer where it says so."""
    forms = ("stringMatchExpression", "jsonMatchExpression")
    config = fields.fields(name, ("correctAnswerReward", "wrongAnswerReward", *forms), camel)
    if config is None or not config.valid:
        return None
    scores = rewards_of(reading, config)
    form = config.exactly_one(forms, "expression")
    key = None
    if form == forms[1]:
        json_match = config.fields(form, ("keyName", "valueStringMatchExpression"), camel)
        assert json_match is not None  # it is given
        key = json_match.text("keyName", required=True)
        if key is not None:
            path = json_match.path_of("keyName")
            first: Parser | None = reading.made(path, partial(JsonValue, key))
            parser = None if parser is None or first is None else first if parser == Identity() else Chain((parser, first))
        if "valueStringMatchExpression" not in json_match and json_match.valid:
            reading.refuse(json_match.path, "needs 'valueStringMatchExpression'")
        expression = json_match.fields("valueStringMatchExpression", ("matchOperation", "expression"), camel)
    elif form is not None:
        expression = config.fields(form, ("matchOperation", "expression"), camel)
    else:
        return None
    scorer = None if expression is None or scores is None else _matcher(reading, expression, *scores)
    return None if scorer is None or parser is None or scores is None else (scorer, parser, scores)


def _matcher(reading: Reading, expression: Fields, correct: float, wrong: float) -> Scorer | None:
    operation = expression.choice("matchOperation", OPERATIONS, required=True)
    text = expression.text("expression", required=True)
    if operation is None or text is None:
        return None
    return reading.made(expression.path_of("expression"), partial(_match, operation, text, correct, wrong))


def _match(operation: str, text: str, correct: float, wrong: float) -> Scorer:
    if operation == REGEX:
        return RegexMatch(text, plain=bool(template(text).columns), correct=correct, wrong=wrong)
    if operation == PARTIAL:
        return StringMatch(contains=text, whitespace="exact", correct=correct, wrong=wrong)
    return StringMatch(equals=text, whitespace="exact", correct=correct, wrong=wrong)


def code_execution(reading: Reading, fields: Fields, name: str, parser: Parser | None) -> Scoring | None:
    """ReinforcementTuningCodeExecutionRewardScorer: a `python_reward` with the limits of Vertex AI's sandbox."""
    config = fields.fields(name, ("pythonCodeSnippet",), camel)
    snippet = None if config is None else config.text("pythonCodeSnippet", required=True)
    if config is None or snippet is None or parser is None:
        return None
    options = {"wrong": wrong_without_answer(parser), "timeout": SANDBOX_SECONDS, "memory_mb": SANDBOX_MB}
    scorer = reading.made(config.path_of("pythonCodeSnippet"), lambda: PythonReward(snippet, **options))
    return None if scorer is None else (scorer, parser, None)


def cloud_run(reading: Reading, fields: Fields, name: str, parser: Parser | None) -> Scoring | None:
    """ReinforcementTuningCloudRunRewardScorer: an `http` scorer with Cloud Run's contract."""
    config = fields.fields(name, ("cloudRunUri",), camel)
    url = None if config is None else config.text("cloudRunUri", required=True)
    if config is None or url is None or parser is None:
        return None
    scorer = reading.made(config.path_of("cloudRunUri"), lambda: cloud_run_scorer(url, wrong_without_answer(parser)))
    return None if scorer is None else (scorer, parser, None)


def cloud_run_scorer(url: str, wrong: float) -> Http:
    """The `http` scorer that a config's cloudRunUri stands for, with the deadline and the retries of the service."""
    return Http(url, wrong=wrong, timeout=CLOUD_RUN_SECONDS, retries=CLOUD_RUN_RETRIES, backoff=CLOUD_RUN_BACKOFF)


def wrong_without_answer(parser: Parser) -> float:
    """The score of a response without an answer, for scorers that have none for wrong answers; a parser that takes all always has one."""
    return 0.0 if parser == Identity() else LOWEST
