import pytest

from rl_rewards.scorers import TagCount, ThinkAnswerFormat, ThinkFormat
from rl_rewards.types import Sample


def score(scorer, answer):
    [result] = scorer.score([Sample(None, answer, answer)], [answer])
    return result


GOOD = "<think>two and two</think>\n<answer>4</answer>"
STRICT = [
    (GOOD, 1),
    (f"\n{GOOD}\n", 1),
    ("<think>\na\n</think><answer>\nb\n</answer>", 1),
    ("<think>\ud800\x00</think><answer>b</answer>", 1),
    ("", 0),
    ("hello", 0),
    ("<think></think><answer>4</answer>", 0),
    ("<think>a</think><answer> \n</answer>", 0),
    (f"{GOOD} and more", 0),
    (f"so {GOOD}", 0),
    ("<think>a</think> so <answer>4</answer>", 0),
    (GOOD * 2, 0),
    ("<think>a</think><answer>4</answer><answer>5</answer>", 0),
    ("<think>a</think>b</think><answer>4</answer>", 0),
    ("<think><think>a</think></think><answer>4</answer>", 0),
    ("<think>a<answer>4</answer></think>", 0),
    ("<answer>4</answer><think>a</think>", 0),
    ("<think>a<answer></think>4</answer>", 0),
    ("</think>a<think><answer>4</answer>", 0),
    ("<think>a</think><answer>4", 0),
    ("<think>a</think>4</answer>", 0),
    ("<Think>a</Think><answer>4</answer>", 0),
    ("<think>" * 4_000, 0),
]


@pytest.mark.parametrize(("response", "expected"), STRICT)
def test_the_format_is_reasoning_and_an_answer_with_content_and_nothing_else(response, expected):
    result = score(ThinkAnswerFormat(), response)
    assert result.score == expected
    assert (result.reason is None) == bool(expected)


OPENED = [
    ("two and two</think><answer>4</answer>", 1),
    (GOOD, 0),
    ("</think><answer>4</answer>", 0),
    ("<answer>4</answer>", 0),
]


@pytest.mark.parametrize(("response", "expected"), OPENED)
def test_the_opening_tag_can_stand_in_the_prompt(response, expected):
    assert score(ThinkAnswerFormat(opened=True), response).score == expected


def test_the_tags_can_have_other_names():
    assert score(ThinkAnswerFormat("r", answer="a"), "<r>x</r><a>y</a>").score == 1


@pytest.mark.parametrize("names", [("think", "think"), ("", "a"), ("a b", "a")])
def test_names_that_cannot_be_two_tags_are_refused(names):
    with pytest.raises(ValueError):
        ThinkAnswerFormat(names[0], answer=names[1])


COUNTS = [
    (GOOD, 1.0),
    ("<think>a</think>", 0.5),
    ("<think>", 0.25),
    ("<think></think><answer></answer>", 0.5),
    ("<think>a</think><answer>", 0.75),
    ("</think></answer>", 0.0),
    ("</think>a<think>", 0.25),
    ("<think>a</think>" * 2, 0.0),
    ("<think>a</think></think>", 0.25),
    ("", 0.0),
]


@pytest.mark.parametrize(("response", "expected"), COUNTS)
def test_tags_count_when_they_stand_once_in_order_with_content(response, expected):
    assert score(TagCount(), response).score == expected


def test_each_name_is_a_component():
    assert score(TagCount(("think", "answer")), "<think>a</think><answer>").metrics == {"think": 1.0, "answer": 0.5}


@pytest.mark.parametrize("names", [(), ("a", "a"), ("a b",)])
def test_names_of_counted_tags_are_different_and_can_be_tags(names):
    with pytest.raises(ValueError):
        TagCount(names)


# As trl.rewards.think_format_reward scores them, which runs beside.
THINKING = [
    "<think>two and two</think>4",
    "<think>\ntwo and\ntwo\n</think>\n4",
    "<think>a <b>c</b></think>4",
    "<think></think>4",
    "<think>a</think>",
    "<think>a</think></think>4",
    "<think>a</think><answer>4</answer>",
    "<think>a\n4",
    "4",
    "",
    "a</think>4",
    "so <think>a</think>4",
    "\n<think>a</think>4",
    "<think>a<think>b</think></think>4",
    "<think>a</think>\n<think>b</think>4",
    "</think>a<think>4",
    "<Think>a</Think>4",
    "<think >a</think>4",
    "<think>a</think >4",
    "<think>" * 4_000,
]


@pytest.mark.parametrize("response", THINKING)
def test_closed_thinking_and_any_answer_is_the_format_that_trl_has(response):
    rewards = pytest.importorskip("trl.rewards")
    result = score(ThinkFormat(), response)
    assert [result.score] == rewards.think_format_reward([[{"role": "assistant", "content": response}]])
    assert (result.reason is None) == bool(result.score)


def test_think_format_options():
    assert score(ThinkFormat(empty=False), "<think> \n</think>4").score == 0
    assert score(ThinkFormat(empty=False), "<think>a</think>4").score == 1
    assert score(ThinkFormat(opened=True), "a</think>4").score == 1
    assert score(ThinkFormat(opened=True), "<think>a</think>4").score == 0
    assert score(ThinkFormat("reason"), "<reason>a</reason>4").score == 1
    assert ThinkFormat().traits.reads_thinking
    with pytest.raises(ValueError, match="tag"):
        ThinkFormat("a b")
