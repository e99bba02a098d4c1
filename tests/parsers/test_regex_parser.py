import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_rewards.parsers import Regex
from rl_rewards.patterns import compile_pattern

LAST_MATCH = [
    (r"<answer>(.*?)</answer>", "<answer>1</answer> <answer>2</answer>", "2"),
    (r"#### (-?[0-9.,]+)", "#### 1 then #### -2,000.", "-2,000."),
    (r"\d+", "12 34", "34"),
    (r"(\d+)", "1234", "1234"),
    (r"(?i)answer: (\w+)", "ANSWER: b", "b"),
    (r"(?:a|ab)(c)", "abc ac", "c"),
    (r"\d+", "none", None),
    (r"\d+", "", None),
    (r"<a>(.*)</a>", "<a></a>", ""),
    (r"é+", "caféé!", "éé"),
    (r"数(.)", "数\U0001f600", "\U0001f600"),
    (r"a(.)", "a\x00", "\x00"),
]
LINES = [
    (r"<a>(.*)</a>", "<a>1\n2</a>", None),
    (r"(?s)<a>(.*)</a>", "<a>1\n2</a>", "1\n2"),
    (r"(?m)^(\w+)$", "one\ntwo", "two"),
    (r"(\w+)\z", "one\ntwo\n", None),
]
GROUP_LEFT_OUT = [
    (r"a|(b)", "b a", "b"),
    (r"a|(b)", "a", None),
]
SURROGATES = [
    (r"<a>(.*)</a>", "<a>\ud800x</a>", "\ud800x"),
    (r"(\d)", "\udfff 4 \ud800", "4"),
    (r"\d", "\ud800" * 10, None),
    (r"a(..)b", "a\ud83d\ude00b", "\ud83d\ude00"),
]
OPEN_QUOTE = [
    (r"\Qa.b", "a.b axb", "a.b"),
    (r"(\d)\Q)", "1) 2", "1"),
]


@pytest.mark.parametrize(("pattern", "text", "answer"), LAST_MATCH + LINES + GROUP_LEFT_OUT + SURROGATES + OPEN_QUOTE)
def test_the_last_match_is_the_answer(pattern, text, answer):
    assert Regex(pattern).parse(text) == answer


REFUSED = [
    ("", "is empty"),
    ("(a)(b)", r"has 2 groups, allowed is one: write the others as \(\?:"),
    ("(?P<a>x)|(?P<b>y)", "has 2 groups"),
    ("(a", r"RE2 refuses the pattern '\(a': missing \)"),
    ("(?=a)", "no lookahead"),
    (r"(a)\1", "no lookahead, lookbehind or backreferences"),
    (r"a\Z", r"writes the end of the text as \\z"),
    ("a{2000}", "at most 1000 times"),
    ("\ud800", "lone surrogates"),
    (r"\d*", "can match no text at all"),
    (r"(?s)(.*)", "can match no text at all"),
    (r"(\w*)\b", "can match no text at all"),
    ("(?m)^|a", "can match no text at all"),
    ("a?$", "can match no text at all"),
]


@pytest.mark.parametrize(("pattern", "message"), REFUSED)
def test_a_pattern_that_cannot_work_is_refused_with_its_reason(pattern, message):
    with pytest.raises(ValueError, match=message):
        Regex(pattern)


def test_a_refused_pattern_writes_nothing_to_stderr(capfd):
    with pytest.raises(ValueError):
        Regex("(a")
    assert capfd.readouterr() == ("", "")


@settings(deadline=None)
@given(
    st.sampled_from(["a", "ab?", "[ab]+", "a(b+)", "(a|ab)c?", "b(?:.*c)?", "(?m)^(.)", r"\bc", "a??b"]),
    st.text("abc \n", max_size=60),
)
def test_it_finds_what_a_backtracking_engine_finds_last(pattern, text):
    matches = [match[match.re.groups] for match in re.finditer(pattern, text) if match[0] and match[match.re.groups] is not None]
    assert compile_pattern(pattern).last(text) == (matches[-1] if matches else None)


@settings(deadline=None)
@given(
    st.sampled_from(["a", "ab?", "[ab]+", "a(b+)", "(a|ab)c?", "b(?:.*c)?", "(?m)^(.)", r"\bc", "a??b", "(a)|b"]),
    st.text("abc \n", max_size=60),
)
def test_a_sweep_finds_what_a_walk_from_match_to_match_finds(pattern, text):
    walking = compile_pattern(pattern)
    swept = walking.prepare_last().match(text.encode())[1]
    assert (None if swept is None else swept.decode()) == walking.last(text)


def test_so_many_matches_that_the_rest_is_swept_do_not_change_the_answer():
    text = "x1 " * 30_000 + "y2"
    assert Regex(r"[xy](\d)").parse(text) == "2"
    assert Regex(r"x(\d)").parse(text) == "1"
    assert Regex(r"x\d(?:.*y\d)?").parse(text) == text
