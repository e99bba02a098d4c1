import pytest

from rl_rewards.parsers import Tag

LAST_PAIR = [
    ("<answer>4</answer>", "4"),
    ("so <answer> 4 </answer>.", "4"),
    ("<answer>\nline one\nline two\n</answer>", "line one\nline two"),
    ("<answer>1</answer> no, <answer>2</answer>", "2"),
    ("<answer></answer>", ""),
    ("<answer>a < b and b > c</answer>", "a < b and b > c"),
    ("<answer>naïve 数 \U0001f600</answer>", "naïve 数 \U0001f600"),
    ("<answer>a\x00b</answer>", "a\x00b"),
    ("<answer>\ud800</answer>", "\ud800"),
]
INCOMPLETE = [
    ("<answer>1</answer> <answer>2", "1"),
    ("<answer>1</answer></answer>", "1"),
    ("1</answer> <answer>2</answer>", "2"),
    ("<answer>1</answer> </answer> <answer>2", "1"),
    ("</answer><answer>", None),
    ("<answer>4", None),
    ("4</answer>", None),
    ("4", None),
    ("", None),
]
NESTED = [
    ("<answer>a <answer>b</answer></answer>", "b"),
    ("<answer>a <answer>b</answer>", "b"),
    ("<answer><answer><answer>", None),
]
OTHER_TAGS = [
    ("<Answer>4</Answer>", None),
    ("<answer id='1'>4</answer>", None),
    ("<answers>4</answers>", None),
    ("< answer>4</answer>", None),
    ("<answer>4</ answer>", None),
]


@pytest.mark.parametrize(("text", "answer"), LAST_PAIR + INCOMPLETE + NESTED + OTHER_TAGS)
def test_the_last_complete_pair_of_tags_holds_the_answer(text, answer):
    assert Tag("answer").parse(text) == answer


def test_white_space_is_kept_where_it_is_wanted():
    assert Tag("answer", strip=False).parse("<answer> 4\n</answer>") == " 4\n"


@pytest.mark.parametrize("name", ["", "a b", "<a>", "/a", "a\n"])
def test_a_name_that_cannot_be_a_tag_is_refused(name):
    with pytest.raises(ValueError, match="A tag's name"):
        Tag(name)
