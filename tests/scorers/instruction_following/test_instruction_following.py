import json
import sys
from pathlib import Path

import pytest

from rl_rewards import Reward, Rubric
from rl_rewards.scorers import InstructionFollowing
from rl_rewards.types import Outcome, Sample

sys.path.insert(0, str(Path(__file__).parent))
from rows import ENGLISH, ROWS, STRICTER


def score(response, ids, kwargs, **options):
    [result] = InstructionFollowing(**options).score([Sample(None, "", "", {"instruction_id_list": ids, "kwargs": kwargs})], [response])
    return result


@pytest.mark.parametrize("kind", ROWS)
def test_each_kind_of_instruction_is_followed_or_not(kind):
    assert len(ROWS[kind]) >= 6
    found = [(kwargs, response[:60], score(response, [kind], [kwargs]).score) for kwargs, response, _ in ROWS[kind]]
    assert found == [(kwargs, response[:60], float(follows)) for kwargs, response, follows in ROWS[kind]]


def test_all_25_kinds_of_the_paper_are_there():
    assert len(ROWS) == 25


@pytest.mark.parametrize(("kind", "kwargs", "response", "follows"), STRICTER)
def test_nothing_is_followed_for_nothing_and_an_argument_is_text(kind, kwargs, response, follows):
    assert score(response, [kind], [kwargs]).score == follows


TWO = (["punctuation:no_comma", "length_constraints:number_words"], [{}, {"num_words": 3, "relation": "at least"}])


@pytest.mark.parametrize(
    ("response", "options", "expected"),
    [
        ("one two three", {}, 1.0),
        ("one two", {}, 0.0),
        ("one two", {"level": "instruction"}, 0.5),
        ("one, two", {"level": "instruction"}, 0.0),
        ("one two", {"level": "instruction", "wrong": -1.0}, 0.0),
        ("", {}, 0.0),
        (" \n", {"level": "instruction", "loose": True}, 0.0),
    ],
)
def test_the_score_is_that_of_the_prompt_or_the_share_of_its_instructions(response, options, expected):
    assert score(response, *TWO, **options).score == expected


def test_components_are_each_instruction_and_the_four_scores():
    result = score("Sure, here it is:\none two three", *TWO)
    assert result.metrics == {
        "punctuation:no_comma": 0.0,
        "length_constraints:number_words": 1.0,
        "prompt_strict": 0.0,
        "instruction_strict": 0.5,
        "prompt_loose": 1.0,
        "instruction_loose": 1.0,
    }
    assert result.reason == "not followed: punctuation:no_comma"


def test_an_instruction_that_is_given_twice_has_two_components():
    result = score("a b", ["keywords:existence"] * 2, [{"keywords": ["a"]}, {"keywords": ["c"]}])
    assert (result.metrics["keywords:existence"], result.metrics["keywords:existence 2"]) == (1.0, 0.0)


LOOSE = [
    ('Here you are:\n"quoted"', "startend:quotation", {}, True),
    ('"quoted"\nI hope it helps.', "startend:quotation", {}, True),
    ('Here:\n"quoted"\nBye.', "startend:quotation", {}, True),
    ('**"quoted"**', "startend:quotation", {}, True),
    ('Here:\n**"quoted"**\nBye.', "startend:quotation", {}, True),
    ('a\nb\n"quoted"', "startend:quotation", {}, False),
    ("one, two", "punctuation:no_comma", {}, False),
    ("**My answer** is yes.", "detectable_format:constrained_response", {}, True),
]


@pytest.mark.parametrize(("response", "kind", "kwargs", "follows"), LOOSE)
def test_loose_looks_past_asterisks_and_a_first_or_last_line(response, kind, kwargs, follows):
    assert score(response, [kind], [kwargs]).score == 0
    assert score(response, [kind], [kwargs], loose=True).score == follows


def test_the_columns_work_as_arrow_and_pandas_hand_them_over():
    padded = [
        {"num_words": None, "relation": None, "keywords": None},
        {"num_words": 3.0, "relation": "at least", "keywords": None},
    ]
    assert score("one two three", TWO[0], padded).score == 1
    assert score("one two three", TWO[0], json.dumps(padded)).score == 1
    assert score("one two three", tuple(TWO[0]), [None, padded[1]]).score == 1


def test_one_text_always_has_one_language():
    assert {score(ENGLISH[:24], ["language:response_language"], [{"language": "en"}]).score for _ in range(10)} in ({0.0}, {1.0})


WRONG = [
    (["keywords:existense"], [{"keywords": ["a"]}], "did you mean 'keywords:existence'"),
    (["keywords:existence"], [{}], "'keywords' is missing"),
    (["keywords:existence"], [{"keywords": "cat"}], "must be a list of texts"),
    (["length_constraints:number_words"], [{"num_words": 3, "relation": "exactly"}], "must be 'at least' or 'less than'"),
    (["length_constraints:number_words"], [{"num_words": 3.5, "relation": "at least"}], "must be a whole number"),
    (["keywords:letter_frequency"], [{"letter": "ab", "let_frequency": 1, "let_relation": "at least"}], "must be one letter"),
    (["language:response_language"], [{"language": "tlh"}], "must be one of af, ar"),
    (["punctuation:no_comma"], [{}, {}], "a list of 1 objects"),
    (["punctuation:no_comma"], [5], "must be an object"),
    ("punctuation:no_comma", [{}], "must be a list of ids"),
]


@pytest.mark.parametrize(("ids", "kwargs", "message"), WRONG)
def test_instructions_that_cannot_be_read_are_an_error_and_never_a_score(ids, kwargs, message):
    result = score("text", ids, kwargs)
    assert result.outcome == Outcome.ERROR and result.score is None and message in result.error


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(
    "text", ["[" * 200_000, "* " * 100_000, "\n" * 200_000 + "-", "a." * 100_000, "<<" * 100_000, "A'" * 100_000, "P. " * 70_000]
)
def test_hostile_responses_are_scored_in_linear_time(kind, text):
    assert score(text, [kind], [ROWS[kind][0][0]], loose=True).score in (0.0, 1.0)


def test_without_langdetect_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("rl_rewards.scorers.instruction_following.language.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"rl_rewards\[ifeval\]"):
        InstructionFollowing()


def test_a_dataset_with_the_public_columns_trains_as_it_is():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list([{"instruction_id_list": [kind], "kwargs": [table[0][0]]} for kind, table in ROWS.items()])
    rubric = Rubric((Reward("follows", "instruction_following"),))
    columns = {name: list(rows[name]) for name in rows.column_names}
    scores = rubric.reward_funcs[0](prompts=["q"] * len(ROWS), completions=[table[0][1] for table in ROWS.values()], **columns)
    assert scores == [float(table[0][2]) for table in ROWS.values()]
