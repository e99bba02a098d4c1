"""gepa, the real package, on the toy: the reflection model reads the rewards' reasons and writes rules."""

import pytest
from toy_server import toy

pytest.importorskip("gepa")

from rl_rewards.generation import Example, GenerationError, Prompt, load_model
from rl_rewards.optimizers import Gepa, optimize
from rl_rewards.optimizers.candidates import Measured
from rl_rewards.optimizers.gepa_search import feedback
from rl_rewards.user_errors import UserError


def test_the_optimum_of_the_toy_is_found_within_the_budget(task, split, reflector):
    found = optimize(task, split, Gepa(reflection_model=reflector), 800, seed=0)
    assert found.best.mean == found.test.mean == 1.0 and found.spent <= 800
    assert all(rule in found.best.prompt.system for rule, _ in toy.RULES.values())
    assert found.best.prompt.system.startswith("You are a helpful assistant.") and found.test_start.mean < 0.6


def test_the_texts_of_the_start_are_rewritten_and_its_examples_stay(task, split, reflector):
    start = Prompt(instructions="Solve the task.", examples=(Example("Task reverse: ab", "<answer>ba</answer>"),))
    found = optimize(task, split, Gepa(reflection_model=reflector, frontier="hybrid"), 500, start=start)
    assert found.best.prompt.instructions.startswith("Solve the task.\nFor ") and found.best.prompt.system is None
    assert found.best.prompt.examples == start.examples and found.best.mean > found.start.mean


def test_a_budget_that_no_step_fits_is_refused(task, split, reflector):
    with pytest.raises(UserError, match="must be at least 42 completions, for 36 held-out rows and two minibatches of 3, got 41"):
        optimize(task, split, Gepa(reflection_model=reflector), 41)


def test_a_reflection_model_that_fails_ends_the_search_and_is_named(task, split):
    broken = load_model("toy-reflector", base_url="http://127.0.0.1:9/v1", retries=0, timeout=1)
    with pytest.raises(GenerationError, match="toy-reflector failed"):
        optimize(task, split, Gepa(reflection_model=broken), 500)


def test_feedback_says_what_the_rewards_say():
    measured = Measured(
        1,
        "q",
        "<answer>5</answer>",
        0.2,
        {"correct": 0.0, "format": 1.0, "sums": None, "judge": None},
        {"correct": "scored", "format": "scored", "sums": "skipped", "judge": "timeout"},
        {"correct": "5 is not 4", "format": None, "sums": "not selected", "judge": "no reply within 3 s"},
        {"correct": "5", "format": None, "sums": None, "judge": None},
    )
    assert feedback(measured, {"answer": "4", "task": None, "other": 1}, ["answer", "task"]).splitlines() == [
        "total reward: 0.2",
        "correct: 0 (scored, parsed answer '5'): 5 is not 4",
        "format: 1 (scored)",
        "judge: no score (timeout): no reply within 3 s",
        "answer in the data: 4",
    ]
