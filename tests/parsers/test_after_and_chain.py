import pytest

from rl_rewards.parsers import After, Boxed, Chain, Json, Tag, parser

AFTER = [
    ("<think>a</think> b ", "b"),
    ("a</think>b</think>c", "c"),
    ("a</think>", ""),
    ("a", None),
    ("", None),
    ("</think>\ud800\x00", "\ud800\x00"),
]


@pytest.mark.parametrize(("text", "answer"), AFTER)
def test_what_follows_the_last_delimiter_is_the_answer(text, answer):
    assert After("</think>").parse(text) == answer


def test_white_space_after_the_delimiter_is_kept_where_it_is_wanted():
    assert After("####", strip=False).parse("#### 4\n") == " 4\n"


def test_an_empty_delimiter_is_refused():
    with pytest.raises(ValueError, match="empty"):
        After("")


CHAINED = [
    (r"<think>\boxed{1}</think> \boxed{2}", "2"),
    (r"<think>\boxed{42}</think> I do not know", None),
    (r"\boxed{1}", None),
]


@pytest.mark.parametrize(("text", "answer"), CHAINED)
def test_each_parser_of_a_list_reads_the_answer_of_the_one_before(text, answer):
    assert parser([{"after": "</think>"}, "boxed"]).parse(text) == answer


def test_an_object_can_end_a_list():
    assert parser([{"tag": "answer"}, {"json": ["a"]}]).parse('<answer>{"a": 1, "b": 2}</answer>') == {"a": 1}


@pytest.mark.parametrize(
    ("parsers", "message"),
    [
        ((), "at least one"),
        ((Json(), Boxed()), "can only be the last"),
        ((Chain((Boxed(),)), Tag("a")), "no list in it"),
        (("boxd",), "Did you mean 'boxed'"),
    ],
)
def test_a_list_that_cannot_work_is_refused(parsers, message):
    with pytest.raises(ValueError, match=message):
        Chain(parsers)
