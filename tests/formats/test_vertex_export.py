"""A rubric as a Vertex AI config: read again it is equal; what has no such form is refused by name."""

import json
import random
import socket
import threading

import pytest
from google.genai import types

from rl_rewards import Reward, Rubric, Sample, load_rubric
from rl_rewards.formats import ExportError, export
from rl_rewards.formats.vertex.autorater import rater_of
from rl_rewards.formats.vertex.patterns import reads_as_regex
from rl_rewards.formats.vertex.scoring import cloud_run_scorer
from rl_rewards.parsers import Chain, Identity, JsonValue, Regex, RegexExtract
from rl_rewards.scorers import Autorater, PythonReward, RegexMatch, StringMatch
from tests.formats.test_vertex_config import ALL, written
from tests.formats.vertex_cases import MODEL

CLIP = (-1.0, 1.0)
SNIPPET = "def evaluate(example, response):\n    return 0.5\n"


def again(tmp_path, rubric):
    return load_rubric(written(tmp_path, export(rubric, "vertex")))


def parsers(draw):
    pattern = draw.choice(["<a>(.*?)</a>", r"\d+", r"(?s)\{.*\}", "(?:x|y)(z)", r"a\|(b)", "(?i)[(|]([^)]+)"])
    return draw.choice([Identity(), Regex(pattern), RegexExtract("a(b)?"), RegexExtract(r"\d*"), RegexExtract("(a)|b")])


def rewards(draw):
    """A reward of a kind that Vertex AI has a form for, with options drawn at random, and what its clip must be."""
    parse = parsers(draw)
    answers = {"correct": draw.choice([1.0, 0.5, 3.0, 0.1 + 0.2]), "wrong": draw.choice([0.0, -1.0, -0.25, -4.0])}
    lowest = 0.0 if parse == Identity() else -1.0
    text = draw.choice(["yes", "{{references.answer}}", 'a "b"\n\\d é{{references.x_1}}😀', "  x "])
    kind = draw.choice(["equals", "contains", "regex", "plain", "json", "code", "http", "number", "words"])
    key = draw.choice(["k", "a.b", "ключ"])
    in_range = abs(answers["correct"]) <= 1 and abs(answers["wrong"]) <= 1
    clip = None if in_range else CLIP
    if kind in ("equals", "contains"):
        return StringMatch(**{kind: text}, whitespace="exact", **answers), parse, clip
    if kind == "json":
        return (
            StringMatch(equals=text, whitespace="exact", **answers),
            JsonValue(key) if parse == Identity() else Chain((parse, JsonValue(key))),
            clip,
        )
    if kind == "regex":
        return RegexMatch(draw.choice(["^a|b$", r"\p{L}+", "(?s)x.*y"]), **answers), parse, clip
    if kind == "plain":
        return RegexMatch("^{{references.answer}}$", plain=True, **answers), parse, clip
    if kind == "code":
        return PythonReward(SNIPPET, wrong=lowest, timeout=100, memory_mb=1024), parse, CLIP
    if kind == "http":
        return cloud_run_scorer("https://x.run.app/score?v=1", lowest), parse, CLIP
    model = rater_of(MODEL, temperature=draw.choice([None, 0.5]), max_tokens=draw.choice([2048, 100]))
    common = {"model": model, "samples": draw.randint(1, 32), "parse": parsers(draw)}
    if kind == "words":
        return Autorater("{{response}} {{references.q}}", equals=text, **answers, **common), parse, clip
    return Autorater("Rate {{response}} for {{prompt}}", wrong=lowest, **common), parse, CLIP


@pytest.mark.parametrize("seed", range(60))
def test_reading_what_was_exported_gives_an_equal_rubric(tmp_path, seed):
    draw = random.Random(seed)
    number = draw.randint(1, 6)
    weights = [draw.choice([0.0, 0.1, 0.3, 1.0, -0.2]) for _ in range(number - 1)]
    weights.append(1.0 - sum(weights))
    rubric = Rubric([Reward(f"r{i}", score, parse, weight, clip) for i, weight in enumerate(weights) for score, parse, clip in [rewards(draw)]])
    config = export(rubric, "vertex")
    assert again(tmp_path, rubric) == rubric
    assert export(again(tmp_path, rubric), "vertex") == config
    sdk = types.SingleReinforcementTuningRewardConfig if number == 1 else types.CompositeReinforcementTuningRewardConfig
    sdk.model_validate(config)


def test_exporting_what_was_read_gives_the_config_with_its_weights_as_shares(tmp_path):
    rubric = load_rubric(written(tmp_path, ALL))
    config = export(rubric, "vertex")
    shares = [each["weight"] for each in config["weightedRewardConfigs"]]
    assert shares == [0.25] + [0.125] * 6
    for here, there in zip(ALL["weightedRewardConfigs"], config["weightedRewardConfigs"], strict=True):
        here = json.loads(json.dumps(here["rewardConfig"]))
        if "autoraterScorer" in here:
            here["autoraterScorer"]["autoraterConfig"].pop("flipEnabled", None)  # false, as by default
            here["autoraterScorer"]["autoraterConfig"].setdefault("samplingCount", 4)
        assert there["rewardConfig"] == here


def test_a_clip_that_changes_nothing_and_the_long_name_of_a_parser_are_another_spelling(tmp_path):
    exact = StringMatch(equals="x", whitespace="exact")
    assert again(tmp_path, Rubric([Reward("r", exact, RegexExtract("a(b)"), clip=CLIP)])) == Rubric([Reward("r", exact, Regex("a(b)"))])


ALWAYS = [
    "x",
    "(x)",
    "a(x)b",
    "a(?:b|c)(x)",
    "(a|b)",
    "(?:(x))+",
    r"\((x)\)",
    "[(](x)[)]?",
    r"\Q(|\E(x)",
    "(?P<n>x)",
    "(?i)a(x)",
    "(x){2}",
    "(?:a(x)b)",
    "(?:a|b)*(x)",
]
SOMETIMES = ["(x)|a", "a(x)?", "a(x)*", "a(?:(x))?", "a(?:b(x)|c)", "a(x){0,2}", "a|(x)", "(?:(x)y|z)w", "x*", "(x*)"]


@pytest.mark.parametrize("pattern", ALWAYS + SOMETIMES)
def test_a_group_that_may_take_no_part_is_known(pattern):
    assert reads_as_regex(pattern) == (pattern in ALWAYS)


REFUSED = [
    ({"score": {"math_verify": "answer"}}, "its scorer MathVerify has no such form"),
    ({"score": {"string_match": "answer"}}, "write equals: '{{references.answer}}' with whitespace: exact"),
    ({"score": {"string_match": {"equals": "x"}}}, "score.whitespace must be 'exact', which is Vertex AI's, got 'strip'"),
    ({"score": {"string_match": {"equals": "x", "whitespace": "exact", "ignore_case": True}}}, "score.ignore_case must be False"),
    ({"score": {"string_match": {"equals": "{{references.a.b}}", "whitespace": "exact"}}}, "without white space and further dots"),
    ({"score": {"regex_match": "{{references.answer}}"}}, "score.plain must be True"),
    ({"score": {"regex_match": {"pattern": "x", "mode": "full"}}}, "score.mode must be 'search'"),
    ({"parse": {"tag": "answer"}}, "write regex: '(?s)<answer>(.*?)</answer>'"),
    ({"parse": "boxed"}, "has no such form; allowed are identity, regex"),
    ({"parse": {"regex": "a(b)?"}}, "write regex_extract"),
    ({"parse": {"regex": {"pattern": "a(b)", "thinking": "keep"}}}, "parse.thinking must be None"),
    ({"clip": [0, 1]}, "clip must be None"),
    ({"when": {"task": "x"}}, "when must be None"),
    ({"on_error": 0.0}, "on_error must be 'skip'"),
    ({"score": {"python_reward": SNIPPET}}, "score.timeout must be 100.0, which is Vertex AI's, got 10.0"),
    ({"score": {"http": {"url": "http://h/", "form": "openrlhf"}}}, "score.form must be cloud_run"),
    ({"score": {"http": "http://h/"}}, "score.timeout must be 300.0"),
    ({"score": {"autorater": {"prompt": "{{response}}", "model": {"name": "m", "base_url": "http://h/v1"}}}}, "must be at a Vertex AI endpoint"),
    ({"weight": 2.0}, "the weights must sum to 1, for Vertex AI takes the weighted mean, got [2.0]: write 1"),
]
PLAIN = {"name": "r", "score": {"string_match": {"equals": "x", "whitespace": "exact"}}}


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_what_has_no_such_form_is_refused_by_name(options, words):
    with pytest.raises(ExportError) as caught:
        export(Rubric([Reward(**{**PLAIN, **options})]), "vertex")
    assert words in str(caught.value) and str(caught.value).startswith("not written as vertex: ")


def test_all_refusals_are_named_at_once():
    rubric = Rubric([Reward("a", {"math_verify": "x"}, weight=0.5), Reward("b", {"string_match": "x"}, "boxed", weight=1.0)], error_window=3)
    with pytest.raises(ExportError) as caught:
        export(rubric, "vertex")
    found = [(refusal.reward, refusal.message) for refusal in caught.value.refusals]
    assert [name for name, _ in found] == [None, None, "a", "b"]
    assert "write 0.333333, 0.666667" in found[0][1] and "error_window must be left at 10" in found[1][1]


def test_with_a_url_what_has_no_form_calls_the_server():
    rubric = Rubric([Reward("a", {"math_verify": "x"}, weight=0.5), Reward("b", **{k: v for k, v in PLAIN.items() if k != "name"}, weight=0.5)])
    first, second = export(rubric, "vertex", "https://serve.example.com/cloud_run")["weightedRewardConfigs"]
    assert first["rewardConfig"] == {"rewardName": "a", "cloudRunRewardScorer": {"cloudRunUri": "https://serve.example.com/cloud_run?reward=a"}}
    assert "stringMatchRewardScorer" in second["rewardConfig"]


def test_an_exported_rubric_scores_as_the_rubric_does(tmp_path):
    rubric = Rubric(
        [
            Reward("a", StringMatch(equals="{{references.answer}}", whitespace="exact", wrong=-1.0), Regex("<a>(.*?)</a>"), 0.75),
            Reward("b", RegexMatch("^<a>"), weight=0.25),
        ]
    )
    rows = [{"prompt": "q", "completion": text, "answer": "4"} for text in ("<a>4</a>", "<a>5</a>", "4", "x <a>4</a>", "")]
    samples = [Sample.from_row(row, i) for i, row in enumerate(rows)]
    assert again(tmp_path, rubric).evaluate(samples).totals() == rubric.evaluate(samples).totals() == [1.0, -0.5, -0.75, 0.75, -0.75]


def test_what_has_no_form_of_its_own_is_scored_by_a_server_with_the_rubric(tmp_path):
    uvicorn = pytest.importorskip("uvicorn")
    from rl_rewards.serving import create_app

    rubric = Rubric(
        [
            Reward("sum", {"number_match": "answer"}, {"tag": "a"}, 0.5),
            Reward("short", {"length_window": {"min_tokens": 1, "max_tokens": 3, "unit": "words"}}, weight=0.5),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(create_app({"rubric": rubric}), port=0, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        config = export(rubric, "vertex", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert all("cloudRunRewardScorer" in each["rewardConfig"] for each in config["weightedRewardConfigs"])
        rows = [{"prompt": "2+2?", "completion": text, "answer": "4"} for text in ("<a>4</a>", "<a>5</a>", "that is <a>4</a> I think", "no")]
        samples = [Sample.from_row(row, i) for i, row in enumerate(rows)]
        found = load_rubric(written(tmp_path, config)).evaluate(samples)
        server.should_exit = True
        thread.join()
    assert found.totals() == rubric.evaluate(samples).totals() == [1.0, 0.5, 0.5, 0.5]
