import pytest

from rl_rewards.parsers import Boxed

ONE_BOX = [
    (r"\boxed{42}", "42"),
    (r"so $\boxed{42}$.", "42"),
    (r"\boxed{ 42 }", "42"),
    (r"\boxed {42}", "42"),
    ("\\boxed\n{42}", "42"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\boxed{\text{a {b} c}}", r"\text{a {b} c}"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    (r"\boxed{\left\{1\right.}", r"\left\{1\right."),
    (r"\boxed{a \\}", r"a \\"),
    (r"\boxed{}", ""),
    ("\\boxed{1\n2}", "1\n2"),
    ("\\boxed{\ud800\x00}", "\ud800\x00"),
]
SEVERAL_BOXES = [
    (r"\boxed{1} \boxed{2}", "2"),
    (r"\boxed{43}, no: \boxed{42}", "42"),
    (r"\boxed{\boxed{42}}", "42"),
    (r"\boxed{a} \boxed{b", "a"),
    (r"\boxed{a \boxed{b}", "b"),
    (r"\boxed{a} } } \boxed{b", "a"),
    (r"\boxed{a \boxed{b", None),
    (r"\boxed{1} the \boxed command", "1"),
    (r"\boxed{1} \boxed x {2}", "1"),
]
NO_BOX = [
    ("", None),
    ("42", None),
    (r"\boxed", None),
    (r"\boxed{", None),
    (r"\boxed{42", None),
    (r"\boxed 42", None),
    (r"\boxed}42{", None),
    (r"\boxed  }  {", None),
    ("\\boxed   }", None),
    (r"\boxed{42\}", None),
    (r"\fbox{42}", None),
    (r"boxed{42}", None),
]


@pytest.mark.parametrize(("text", "answer"), ONE_BOX + SEVERAL_BOXES + NO_BOX)
def test_the_last_complete_box_holds_the_answer(text, answer):
    assert Boxed().parse(text) == answer
