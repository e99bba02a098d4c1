"""A config of Vertex AI as a rubric: what each part becomes, and where each mistake is."""

import json

import pytest
from google.genai import types

from rl_rewards import load_rubric
from rl_rewards.parsers import Chain, Identity, JsonValue, Regex, RegexExtract
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.scorers import Autorater, Http, PythonReward, RegexMatch, StringMatch
from tests.formats.vertex_cases import ANS, cloud_run, code, composite, rater, string

ALL = composite(
    (string("EXACT_MATCH", "{{references.answer}}", "exact", extract=ANS), 2),
    (string("PARTIAL_MATCH", "x", "partial", key="k"), 1),
    (string("REGEX_CONTAINS", "{{references.answer}}$", "regex", 3, -1, extract="a(x)?", key="k"), 1),
    (code("return 1.0", "code", extract=ANS), 1),
    (cloud_run("https://a.run.app/score", "cloud"), 1),
    (rater("Rate {{response}}", "number", samplingCount=2, generationConfig={"temperature": 0.5, "maxOutputTokens": 64, "stopSequences": ["."]}), 1),
    (rater("Is {{response}} {{references.answer}}?", "words", equals="yes", reply="<v>(.*?)</v>", flipEnabled=False), 1),
)


def written(tmp_path, config, name="config.json"):
    path = tmp_path / name
    path.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))
    return path


def test_each_part_of_a_config_becomes_a_part_of_a_rubric(tmp_path):
    rubric = load_rubric(written(tmp_path, ALL))
    assert rubric.reward_weights == [0.25] + [0.125] * 6
    found = {reward.name: (reward.parse, reward.score, reward.clip) for reward in rubric}
    assert found["exact"] == (Regex(ANS), StringMatch(equals="{{references.answer}}", whitespace="exact", wrong=-1), None)
    assert found["partial"] == (JsonValue("k"), StringMatch(contains="x", whitespace="exact", wrong=-1), None)
    chain = Chain((RegexExtract("a(x)?"), JsonValue("k")))
    assert found["regex"] == (chain, RegexMatch("{{references.answer}}$", plain=True, correct=3, wrong=-1), (-1, 1))
    snippet = "def evaluate(example, response):\n    return 1.0\n"
    assert found["code"] == (Regex(ANS), PythonReward(snippet, wrong=-1, timeout=100, memory_mb=1024), (-1, 1))
    assert found["cloud"] == (Identity(), Http("https://a.run.app/score", timeout=300, retries=5, backoff=2), (-1, 1))
    number, words = found["number"][1], found["words"][1]
    assert isinstance(number, Autorater) and isinstance(words, Autorater)
    assert (number.samples, number.equals, number.model.temperature, number.model.max_tokens) == (2, None, 0.5, 64)
    assert number.model.extra_body == {"stop": ["."]} and number.model.name == "google/gemini-2.5-flash"
    assert number.model.base_url == "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/endpoints/openapi"
    assert (words.samples, words.equals, words.parse, words.wrong, found["words"][2]) == (4, "yes", Regex("<v>(.*?)</v>"), -1, None)


def test_the_tests_configs_are_of_the_types_of_the_google_genai_sdk():
    types.CompositeReinforcementTuningRewardConfig.model_validate(ALL)


def changed(path, value, config=None):
    """ALL, or a config, with one value changed; `...` takes the key away."""
    config = json.loads(json.dumps(ALL if config is None else config))
    *above, last = path
    place = config
    for step in above:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config


LIST = "weightedRewardConfigs"
ONE = string("EXACT_MATCH", "x", extract=ANS)
MATCH = ("stringMatchRewardScorer", "stringMatchExpression")
RATER = rater("Rate {{response}}")
WRONG = [
    (changed(("codeExecutionRewardScorer",), code("return 1")["codeExecutionRewardScorer"], ONE), "exactly one scorer", "codeExecutionRewardScorer"),
    (changed(("stringMatchRewardScorer",), ..., ONE), "exactly one scorer", ""),
    (changed(("rewardNmae",), "x", ONE), "did you mean 'rewardName'?", "rewardNmae"),
    (changed(("reward_name",), "x", ONE), "given twice, as rewardName", "reward_name"),
    (changed(("rewardName",), 3, ONE), "must be text, got number 3; write it in quotes", "rewardName"),
    (changed(("parseResponseConfig", "parseType"), "REGEX", ONE), "did you mean 'REGEX_EXTRACT'?", "parseResponseConfig.parseType"),
    (changed(("parseResponseConfig", "parseType"), "IDENTITY", ONE), "REGEX_EXTRACT alone", "parseResponseConfig.regexExtractExpression"),
    (changed(("parseResponseConfig", "regexExtractExpression"), ..., ONE), "needs 'regexExtractExpression'", "parseResponseConfig"),
    (string("EXACT_MATCH", "x", extract="(a)(b)"), "2 groups", "parseResponseConfig.regexExtractExpression"),
    (string("EXACT_MATCH", "x", extract="x(?=y)"), "at character 2, here: 'x>>(?=<<y)'", "parseResponseConfig.regexExtractExpression"),
    (string("REGEX_CONTAINS", r"(a)\1"), "no lookahead, lookbehind or backreferences", ".".join((*MATCH, "expression"))),
    (string("MATCH_OPERATION_UNSPECIFIED", "x"), "must be one of EXACT_MATCH", ".".join((*MATCH, "matchOperation"))),
    (string("EXACT", "x"), "did you mean 'EXACT_MATCH'?", ".".join((*MATCH, "matchOperation"))),
    (changed((*MATCH, "matchOperation"), ..., ONE), "needs 'matchOperation'", ".".join(MATCH)),
    (changed((*MATCH, "expression"), 4, ONE), "write it in quotes", ".".join((*MATCH, "expression"))),
    (string("EXACT_MATCH", "It is {{references.answer}"), "must end with '}}', got '{{references.answer}'", ".".join((*MATCH, "expression"))),
    (rater("{{response}} {{references.answer"), "must end with '}}'", "autoraterScorer.autoraterPrompt"),
    (string("EXACT_MATCH", "{{answer}}"), "Unknown placeholder '{{answer}}'", ".".join((*MATCH, "expression"))),
    (string("EXACT_MATCH", "x", correct="1"), "a finite number, got text '1'", "stringMatchRewardScorer.correctAnswerReward"),
    (string("EXACT_MATCH", "x", correct=True), "a finite number, got true", "stringMatchRewardScorer.correctAnswerReward"),
    (string("EXACT_MATCH", "x", correct=0.0, wrong=0.0), "must differ", "stringMatchRewardScorer"),
    (changed(("stringMatchRewardScorer", "jsonMatchExpression"), {}, ONE), "exactly one expression", "stringMatchRewardScorer.jsonMatchExpression"),
    (changed(MATCH, ..., ONE), "exactly one expression", "stringMatchRewardScorer"),
    (string("EXACT_MATCH", "x", key=""), "must not be empty", "stringMatchRewardScorer.jsonMatchExpression.keyName"),
    ({"rewardName": "r", "codeExecutionRewardScorer": {"pythonCodeSnippet": "x = 1\ndef evaluate(a, b:\n  pass"}}, "def evaluate(a, b:", None),
    ({"rewardName": "r", "codeExecutionRewardScorer": {"pythonCodeSnippet": "reward = 1.0"}}, "must define `def evaluate", None),
    (cloud_run("ftp://x"), "http://", "cloudRunRewardScorer.cloudRunUri"),
    (cloud_run("https://user:secret@x.run.app"), "no user or password", "cloudRunRewardScorer.cloudRunUri"),
    (rater("Rate it"), "must have {{response}}", "autoraterScorer.autoraterPrompt"),
    (rater("{{response}} {{example}}"), "got '{{example}}'", "autoraterScorer.autoraterPrompt"),
    (rater("{{response}}", flipEnabled=True), "compares two responses", "autoraterScorer.autoraterConfig.flipEnabled"),
    (rater("{{response}}", samplingCount=33), "from 1 to 32", "autoraterScorer.autoraterConfig.samplingCount"),
    (rater("{{response}}", autoraterModel="gemini-2.5-flash"), "full path", "autoraterScorer.autoraterConfig.autoraterModel"),
    (changed(("autoraterScorer", "autoraterConfig", "autoraterModel"), ..., RATER), "needs 'autoraterModel'", "autoraterScorer.autoraterConfig"),
    (changed(("autoraterScorer", "autoraterConfig"), ..., RATER), "needs 'autoraterConfig'", "autoraterScorer"),
    (changed(("autoraterScorer", "parsedResponseConversionScorer"), ..., RATER), "exactly one scorer of the reply", "autoraterScorer"),
    (
        rater("{{response}}", generationConfig={"responseMimeType": "x"}),
        "unknown field",
        "autoraterScorer.autoraterConfig.generationConfig.responseMimeType",
    ),
    (changed((LIST, 0, "weight"), ...), "needs 'weight'", f"{LIST}[0]"),
    (changed((LIST, 0, "weight"), "2"), "a finite number", f"{LIST}[0].weight"),
    (changed((LIST, 0, "weight"), -6), "a sum above 0", LIST),
    (changed((LIST, 0, "weight"), -7), "a sum above 0", LIST),
    (changed((LIST, 1, "rewardConfig", "rewardName"), "exact"), "must be unique, got 'exact'", f"{LIST}[1].rewardConfig.rewardName"),
    (changed((LIST, 1, "rewardConfig"), ...), "needs 'rewardConfig'", f"{LIST}[1]"),
    ({LIST: []}, "at least one", LIST),
    ({LIST: [{"rewardConfig": string("EXACT_MATCH", "x", f"r{i}"), "weight": 1} for i in range(17)]}, "at most 16 rewards, got 17", LIST),
    ({"singleRewardConfig": ONE, "compositeRewardConfig": ALL}, "exactly one reward config", "compositeRewardConfig"),
    ({"hyperParameters": {}}, "exactly one reward config", ""),
    ({"singleRewardConfig": ONE, "hyperParameters": {"epochs": 3}}, "did you mean 'epochCount'?", "hyperParameters.epochs"),
    ({"singleRewardConfig": ONE, "hyperParameters": {"adapterSize": "ADAPTER_SIZE_TEN"}}, "must be one of", "hyperParameters.adapterSize"),
    ({"singleRewardConfig": ONE, "hyperParameters": {"learningRateMultiplier": 5}}, "0.25 to 4", "hyperParameters.learningRateMultiplier"),
    ({"singleRewardConfig": ONE, "hyperParameters": {"stepCount": "many"}}, "a whole number", "hyperParameters.stepCount"),
]


@pytest.mark.parametrize(("config", "words", "field"), WRONG)
def test_a_mistake_is_named_with_file_line_and_its_own_field(tmp_path, config, words, field):
    path = written(tmp_path, config)
    with pytest.raises(RubricFileError) as caught:
        load_rubric(path)
    problem = next(problem for problem in caught.value.problems if words in problem.message)
    assert field is None or problem.field == field
    name = problem.field.rpartition(".")[2]
    assert not name or name.endswith("]") or name in path.read_text().splitlines()[problem.line - 1]
    assert str(caught.value).startswith(f"{path}:{caught.value.problems[0].line}: ")


def test_all_mistakes_are_found_at_once(tmp_path):
    config = changed((LIST, 0, "weight"), "x", changed((LIST, 1, "rewardConfig", "bogus"), 1, changed((LIST, 4, "rewardConfig", "rewardName"), 7)))
    with pytest.raises(RubricFileError) as caught:
        load_rubric(written(tmp_path, config))
    assert {problem.field for problem in caught.value.problems} >= {
        f"{LIST}[0].weight",
        f"{LIST}[1].rewardConfig.bogus",
        f"{LIST}[4].rewardConfig.rewardName",
    }


def test_a_wrong_config_is_taken_for_one_and_not_for_a_rubric_file(tmp_path):
    path = written(tmp_path, "reward_name: x\nstring_match_scorer:\n  x: 1\n", "config.yaml")
    with pytest.raises(RubricFileError, match=r"config.yaml:2: string_match_scorer: unknown field; .* did you mean 'stringMatchRewardScorer'\?"):
        load_rubric(path)


def test_a_config_runs_no_code_of_this_process_so_it_loads_without(tmp_path):
    assert len(load_rubric(written(tmp_path, ALL), code=False)) == 7


def test_a_tuned_model_rates_at_its_own_endpoint(tmp_path):
    config = rater("{{response}}", autoraterModel="projects/p/locations/global/endpoints/123")
    score = load_rubric(written(tmp_path, config)).rewards[0].score
    assert isinstance(score, Autorater)
    assert score.model.base_url == "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/endpoints/123"
