"""Text that stalls a backtracking or restarting parser: quadratic time on a megabyte is hours, so an alarm of a minute tells."""

import signal

import pytest

from rl_rewards.parsers import parser

PARSERS = [
    "identity",
    {"tag": "answer"},
    {"after": "</think>"},
    "boxed",
    "json",
    {"json": {"keep": ["a.b"], "drop": ["c"]}},
    {"regex": r"<answer>\s*(.*?)\s*</answer>"},
    {"regex": r"^(a+)+$"},
    {"regex": r"(?s)a(?:.*z)?"},
    {"regex": r"\\boxed\{((?:[^{}]+|\{[^{}]*\})*)\}"},
    [{"after": "</think>"}, "boxed"],
]
HOSTILE = {
    "empty": "",
    "60,000 spaces": " " * 60_000,
    "a tag and 60,000 spaces": "<answer>" + " " * 60_000,
    "4,000 open tags": "<answer>" * 4_000,
    "4,000 closing tags": "</answer>" * 4_000,
    "3,000 open braces": "{" * 3_000,
    "3,000 open boxes": "\\boxed{" * 3_000,
    "a megabyte of open boxes": "\\boxed{" * 150_000,
    "a megabyte of boxes without braces": "\\boxed" * 170_000,
    "a megabyte of spaces behind boxes": ("\\boxed" + " " * 1_000) * 1_000,
    "a megabyte of braces in a box": "\\boxed{" + "{}" * 500_000,
    "a megabyte of closing braces": "}" * 1_000_000,
    "a megabyte of backslashes in a box": "\\boxed{" + "\\" * 1_000_000 + "}",
    "a megabyte of nested objects": '{"a":' * 200_000,
    "a megabyte of nested lists": '{"a":' + "[" * 1_000_000 + "}",
    "a megabyte of objects": '{"a":1}' * 150_000,
    "a megabyte of fences": "```{" * 250_000,
    "a megabyte of digits": '{"a":' + "1" * 1_000_000 + "}",
    "a megabyte of open tags": "<answer>" * 125_000,
    "a megabyte of delimiters": "</think>" * 125_000,
    "a megabyte of a": "a" * 1_000_000,
    "a megabyte of lone surrogates": "\ud800" * 1_000_000,
    "a megabyte of NUL": "\x00" * 1_000_000,
    "ten megabytes of words": "so we add the numbers " * 460_000,
}


@pytest.fixture
def a_minute():
    def late(*_):
        raise AssertionError("still parsing after a minute of a processor: not linear in the text")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, 60)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("spec", PARSERS, ids=repr)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_parser_comes_to_an_end_on_hostile_text(a_minute, spec, text):
    answer = parser(spec).parse(text)
    assert answer is None or answer is text or isinstance(answer, (str, dict))


FOUND = [
    ({"tag": "answer"}, "<answer>4</answer>", "4"),
    ("boxed", "\\boxed{4}", "4"),
    ({"after": "####"}, "#### 4", "4"),
    ({"regex": r"<answer>(\d)</answer>"}, "<answer>4</answer>", "4"),
    ("json", '```json {"a": 4} ```', {"a": 4}),
]


@pytest.mark.parametrize(("spec", "end", "answer"), FOUND, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("padding", [" " * 60_000, "<answer>" * 4_000, "{" * 3_000, "\\boxed{" * 3_000, "\ud800\x00" * 1_000])
def test_an_answer_behind_hostile_text_is_found(spec, end, answer, padding):
    assert parser(spec).parse(padding + end) == answer
