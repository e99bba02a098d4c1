"""What a text shows only to deny it is no answer; what stands beside a denial of something else is one."""

import pytest

from rl_rewards.parsers import Boxed, Json, Tag

# {} is where the answer is shown.
DENIED = [
    "The answer is not {}",
    "The answer is not {}.",
    "The answer is not: {}",
    "The answer is not\n\n{}",
    "The answer isn't {}",
    "The answer isn’t ${}$",
    "It is not true that the answer is {}.",
    "It is false that the answer is {}",
    "It is wrong to say that the answer is {}",
    "The wrong answer is {}",
    "An incorrect result: {}",
    "I do not think that it is {}",
    "I don't believe the final answer is {}",
    "It cannot be {}",
    "It is never equal to {}",
    "I doubt that the answer is {}",
    "We found x = 3 rather than {}",
    "It is anything but {}",
    "The sum is 7, not {}",
    "{} is not the answer.",
    "{} is wrong",
    "{}, which is incorrect",
    "{} isn't the right answer",
    "**{}** cannot be correct",
]
SAID = [
    "{}",
    "The answer is {}",
    "No, the answer is {}",
    "It is not 41, it is {}",
    "The answer is not 41 but {}",
    "Bob is wrong, the answer is {}",
    "That was false. The answer is {}",
    "I could not verify it, but the answer is {}",
    "I am not sure the answer is {}",
    "This is not hard: {}",
    "It is not prime {}",
    "The claim is wrong {}",
    "Whether it is prime or not {}",
    "If that does not hold, the answer is {}",
    "not only this but {}",
    "Nothing else. {}",
    "Note: {}",
    "The knot is {}",
    "{} is not 41",
    "{} is not a prime number",
    "{} is the answer",
    "{}. It is not hard.",
]
FORMS = [(Tag("answer"), "<answer>42</answer>", "42"), (Boxed(), r"\boxed{42}", "42"), (Json(), '{"a": 42}', {"a": 42})]
FORMS_IDS = ["tag", "boxed", "json"]


@pytest.mark.parametrize(("parser", "shown", "answer"), FORMS, ids=FORMS_IDS)
@pytest.mark.parametrize("sentence", DENIED)
def test_what_is_denied_is_no_answer(parser, shown, answer, sentence):
    assert parser.parse(sentence.replace("{}", shown)) is None


@pytest.mark.parametrize(("parser", "shown", "answer"), FORMS, ids=FORMS_IDS)
@pytest.mark.parametrize("sentence", SAID)
def test_what_is_said_beside_a_denial_of_something_else_is_an_answer(parser, shown, answer, sentence):
    assert parser.parse(sentence.replace("{}", shown)) == answer


@pytest.mark.parametrize(("parser", "shown"), [(Tag("answer"), "<answer>{}</answer>"), (Boxed(), r"\boxed{{{}}}")], ids=["tag", "boxed"])
def test_the_last_answer_that_is_not_denied_counts(parser, shown):
    assert parser.parse(f"It is {shown.format(42)}, not {shown.format(41)}.") == "42"
    assert parser.parse(f"Not {shown.format(41)}, it is {shown.format(42)}.") == "42"


def test_an_object_in_a_block_behind_a_denial_is_none_either():
    assert Json().parse('The answer is not\n```json\n{"a": 42}\n```') is None
    assert Json().parse('It is {this}:\n```json\n{"a": 42}\n```') == {"a": 42}
