"""`regex_extract` takes what GoogleSQL's REGEXP_EXTRACT would of the last match; `json_value` one field of a JSON object."""

import pytest

from rl_rewards.parsers import JsonValue, Regex, RegexExtract

LAST = [
    (r"\d+", "1 22 333", "333"),
    (r"\d*", "a12", "12"),  # no empty match behind the end of what was read
    (r"\d*", "12a", ""),
    (r"a*", "aab", ""),
    (r"$", "abc", ""),
    (r"x*", "é", ""),
    (r"x*", "", ""),
    (r"x+", "", None),
    (r"<a>(.*?)</a>", "<a>1</a><a>2</a>", "2"),
    (r"<a>(.*?)</a>", "<a>1</a><a>2", "1"),
    (r"(?s)<a>(.*?)</a>", "<a>1\n2</a>", "1\n2"),
    (r"(a)|b", "ab", None),
    (r"(a)|b", "ba", "a"),
    (r"a(b)?", "ab a", None),
    (r"^(x)", "x x", "x"),
    (r"\bx(.)", "xa bxb", "a"),
    (r"é(.)", "éü éß", "ß"),
    (r"\Qa.b\E(.)", "a.bc", "c"),
]


@pytest.mark.parametrize(("pattern", "text", "answer"), LAST)
def test_the_last_match_is_taken_and_its_own_group(pattern, text, answer):
    assert RegexExtract(pattern).extract(text) == answer


@pytest.mark.parametrize("pattern", [r"\d+", "<a>(.*?)</a>", "a(?:b|c)(.)", "(x)+y"])
@pytest.mark.parametrize("text", ["1 2", "<a>1</a> <a>2</a>", "abx acy", "xxy xy", "", "<a>" * 500])
def test_where_the_group_takes_part_it_reads_as_regex_does(pattern, text):
    assert RegexExtract(pattern).extract(text) == Regex(pattern).extract(text)


@pytest.mark.parametrize(
    ("pattern", "text", "answer"), [("(a)|b", "a" * 200_000 + "b", None), ("(a)|b", "b" * 200_000 + "a", "a"), ("<a>(.*?)</a>", "<a>" * 60_000, None)]
)
def test_long_texts_of_many_matches_take_linear_time(pattern, text, answer):
    assert RegexExtract(pattern).extract(text) == answer


def test_a_pattern_that_matches_nothing_too_often_is_an_error_and_no_answer():
    with pytest.raises(ValueError, match="can match no text at all, and matches too often"):
        RegexExtract("x?").extract("a" * 100_000)


@pytest.mark.parametrize(("pattern", "words"), [("(a)(b)", "2 groups"), ("", "empty"), ("a(?=b)c", "here: 'a>>(?=<<b)c'"), ("(", "missing )")])
def test_what_re2_or_googlesql_refuses_is_refused(pattern, words):
    with pytest.raises(ValueError) as caught:
        RegexExtract(pattern)
    assert words in str(caught.value)


VALUES = [
    ('{"k": "v"}', "v"),
    (' {"k": ""} \n', ""),
    ('{"k": 42}', "42"),
    ('{"k": -1.50e3}', "-1.50e3"),
    ('{"k": 12345678901234567890123}', "12345678901234567890123"),
    ('{"k": true}', "true"),
    ('{"k": "a", "k": "b"}', "b"),
    ('{"k": null}', None),
    ('{"k": {}}', None),
    ('{"k": ["v"]}', None),
    ('{"x": {"k": "v"}}', None),
    ('[{"k": "v"}]', None),
    ('"k"', None),
    ('{"k": "v"} and more', None),
    ('```json\n{"k": "v"}\n```', None),
    ("{'k': 'v'}", None),
    ('{"k": NaN}', None),
    ("", None),
    ("[" * 100_000, None),
    ('{"a":' * 100_000, None),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=lambda value: str(value)[:20])
def test_one_field_of_the_first_level_is_taken_as_text(text, value):
    assert JsonValue("k").extract(text) == value
