import pytest

from rl_rewards.scorers import RegexMatch
from rl_rewards.types import Outcome, Sample


def score(scorer, answer, **references):
    [result] = scorer.score([Sample(None, "", "", references)], [answer])
    return result


PATTERNS = [
    (r"\d", "search", "a 4", 1),
    (r"\d", "full", "a 4", 0),
    (r"\d", "full", "4", 1),
    (r"a|ab", "full", "ab", 1),
    (r"^4$", "search", "4\n", 0),
    (r"a.b", "search", "a\nb", 0),
    (r"(?s)a.b", "search", "a\nb", 1),
    (r"(?i)yes", "search", "YES", 1),
    (r"^.$", "search", "\ud800", 1),
    (r"\x00", "search", "\x00", 1),
    (r"(?s)\A<think>.+</think>\s*<answer>[^<]+</answer>\z", "search", "<think>a\nb</think>\n<answer>4</answer>", 1),
    (r"(?s)\A<think>.+</think>\s*<answer>[^<]+</answer>\z", "search", "<think></think><answer>4</answer>", 0),
]


@pytest.mark.parametrize(("pattern", "mode", "answer", "expected"), PATTERNS)
def test_a_pattern_matches_somewhere_or_everything(pattern, mode, answer, expected):
    assert score(RegexMatch(pattern, mode=mode), answer).score == expected


REFERENCES = [
    ("{{references.gold}}", True, "1+1=2", "1+1=2", 1),
    ("{{references.gold}}", True, "1.5", "125", 0),
    ("^(?:{{references.gold}})$", True, ["NYC", "New York"], "New York", 1),
    ("^{{references.gold}}$", True, ["a", "b"], "b", 1),
    ("^{{references.gold}}+$", True, "ab", "abab", 1),
    ("{{references.gold}}", True, "\x00é数", "é\x00é数", 1),
    ("{{references.gold}}", False, ".*Yes.*", "oh Yes", 1),
    ("^{{references.gold}}$", False, "a|b", "b", 1),
    ("{{references.gold}} m", True, 4, "4 m", 1),
]


@pytest.mark.parametrize(("pattern", "escape", "reference", "answer", "expected"), REFERENCES)
def test_a_reference_in_a_pattern_matches_itself_unless_it_is_to_be_a_pattern(pattern, escape, reference, answer, expected):
    assert score(RegexMatch(pattern, escape=escape), answer, gold=reference).score == expected


@pytest.mark.parametrize("references", [{}, {"gold": ""}, {"gold": [""]}, {"gold": {"a": 1}}])
def test_a_row_without_a_usable_reference_is_an_error(references):
    assert score(RegexMatch("{{references.gold}}"), "x", **references).outcome == Outcome.ERROR


def test_a_reference_that_is_no_pattern_where_it_must_be_one_is_an_error():
    result = score(RegexMatch("{{references.gold}}", escape=False), "x", gold="(?=x)")
    assert result.outcome == Outcome.ERROR and "(?=x)" in result.error


@pytest.mark.parametrize("pattern", ["", "(", "({{references.gold}}", "{{gold}}", "(?=a)"])
def test_a_pattern_that_cannot_work_is_refused(pattern):
    with pytest.raises(ValueError):
        RegexMatch(pattern)


def test_patterns_that_stall_other_engines_do_not_stall_this_one():
    assert score(RegexMatch("^(a+)+$"), "a" * 100_000 + "!").score == 0
    assert score(RegexMatch(".*<a>.*<b>.*<c>"), "<a><b>" * 20_000).score == 0
