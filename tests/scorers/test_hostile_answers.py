"""Answers that stall a careless scorer: quadratic time on a megabyte is hours, so an alarm of a minute tells."""

import importlib.util
import signal

import pytest

from rl_rewards.scorers import scorer
from rl_rewards.types import Outcome, Sample

# meteor apart, which needs WordNet
SIMILARITIES = ("fuzzy_match", "bleu", "gleu", "rouge_2", "rouge_l") if importlib.util.find_spec("rapidfuzz") else ()
SCORERS = [
    ({"string_match": {"equals": "{{references.gold}}", "whitespace": "collapse", "ignore_case": True}}, "4"),
    ({"string_match": {"contains": "{{references.gold}}"}}, "a" * 50 + "b"),
    ({"regex_match": r"^(a+)+\s*(.*?)\s*{{references.gold}}$"}, "b"),
    ({"number_match": "gold"}, "4"),
    ({"multiple_choice": "gold"}, "A"),
    ({"exact_match": "gold"}, "big cat"),
    ({"token_f1": "gold"}, "big cat"),
    ({"json_match": "gold"}, {"a": 1}),
    ({"json_schema": {"schema": {"uniqueItems": True, "items": {"type": "integer"}}}}, "4"),
    ("tag_count", "4"),
    ("think_answer_format", "4"),
    ("think_format", "4"),
    ("reasoning_steps", "4"),
    ({"repetition": {"unit": "words"}}, "4"),
    ({"string_check": {"reference": "gold", "operation": "ilike"}}, "4"),
    ({"string_check": {"reference": "gold", "input": "{{ sample.output_json[0].a }}"}}, "4"),
    ({"tool_call_match": {"reference": "gold", "mode": "by_argument", "ordered": False}}, [{"name": "f", "arguments": {"a": 1}}]),
    *(({"text_similarity": {"reference": "gold", "metric": metric}}, "the big cat sat on it") for metric in SIMILARITIES),
    ({"soft_overlong": {"max_tokens": 9, "buffer_tokens": 3, "unit": "words"}}, "4"),
]
HOSTILE = {
    "empty": "",
    "a megabyte of spaces": " " * 1_000_000,
    "a megabyte of a": "a" * 1_000_000,
    "a megabyte of digits": "1" * 1_000_000,
    "a megabyte of groups of digits": "1" + ",111" * 250_000,
    "a megabyte of letters": "A " * 500_000,
    "a megabyte of answers": "answer: " * 125_000,
    "a megabyte of punctuation": "-1." * 300_000,
    "a megabyte of tags": "<think></think>" * 70_000,
    "a megabyte of list markers": "\n- " * 300_000,
    "a megabyte of steps": "\n- a b c" * 120_000,
    "a megabyte of lists": "[" * 1_000_000,
    "a megabyte of items": "[" + "1," * 400_000 + "1]",
    "a megabyte of lone surrogates": "\ud800" * 1_000_000,
    "a megabyte of NUL": "\x00" * 1_000_000,
    "a megabyte of tool calls": '<tool_call>{"name": "f"}</tool_call>' * 28_000,
    "a megabyte of opened tool calls": "<tool_call>" * 90_000,
    "a megabyte of Chinese": "一" * 1_000_000,
}


@pytest.fixture
def a_minute():
    def late(*_):
        raise AssertionError("still scoring after a minute of a processor: not linear in the answer")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, 60)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(("spec", "gold"), SCORERS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_scorer_gives_a_score_to_hostile_answers(a_minute, spec, gold, answer):
    [result] = scorer(spec).score([Sample(None, answer, answer, {"gold": gold})], [answer])
    assert result.score is not None and result.outcome in (Outcome.SCORED, Outcome.UNPARSED)
