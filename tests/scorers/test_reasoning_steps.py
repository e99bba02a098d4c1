import pytest

from rl_rewards.scorers import ReasoningSteps
from rl_rewards.types import Sample


def steps(response, **options):
    [result] = ReasoningSteps(**options).score([Sample(None, response, response)], [response])
    return result.metrics["steps"]


STEPS = [
    ("1. add the two numbers\n2. halve what you have\n3. write the result down", 3),
    ("Step 1: add the two numbers\nStep 2: halve what you have", 2),
    ("**Step 1:** add the two numbers\n### Step 2. halve what you have", 2),
    ("- add the two numbers\n* halve what you have\n• write the result down", 3),
    ("First, add the two numbers.\nNext, halve what you have.\nFinally, write it down.", 3),
    ("  1) add the two numbers", 1),
    ("so we add the two numbers", 0),
    ("", 0),
]
FARMED = [
    ("\n-\n-\n-", 0),
    ("-\n*\n1.\n2.\nFirst,\nStep 1:", 0),
    ("- a\n- b\n- c", 0),
    ("- - - -\n* * * *\n1. 2 3 4", 0),
    ("1. we add the numbers\n2. we add the numbers\n3. We add the numbers", 1),
    ("1. so we add 1\n2. so we add 2\n3. so we add 3", 1),
    ("- add add add\n- add add add add", 0),
    ("1. add the numbers\n2. numbers the add", 1),
    ("First, Second, Next, Finally, Step 1: Step 2:", 1),
    ("\n-" * 30_000, 0),
    ("\n- \ud800\x00", 0),
]


@pytest.mark.parametrize(("response", "count"), STEPS + FARMED)
def test_steps_are_marked_lines_with_words_of_their_own(response, count):
    assert steps(response) == count


def test_the_score_grows_with_the_steps_up_to_the_number_wanted():
    scorer = ReasoningSteps(2, correct=1, wrong=-1)
    lines = ["- add the two numbers", "- halve what you have", "- write the result down"]
    responses = ["\n".join(lines[:n]) for n in range(4)]
    results = scorer.score([Sample(None, response, response) for response in responses], responses)
    assert [result.score for result in results] == [-1, 0, 1, 1]


@pytest.mark.parametrize("options", [{"steps": 0}, {"min_words": 0}])
def test_at_least_one_step_of_one_word_is_wanted(options):
    with pytest.raises(ValueError):
        ReasoningSteps(**options)


def test_steps_in_a_script_without_spaces_have_words():
    text = "1. 两边同时减三。\n2. 两边同时除以二。\n3. 好"
    [result] = ReasoningSteps(2).score([Sample(None, text, text)], [text])
    assert result.metrics == {"steps": 2.0}
