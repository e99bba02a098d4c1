"""random_few_shot on the toy, whose best three examples are known, and how it draws."""

import random

import pytest
from toy_server import toy

from rl_rewards.generation import Example, Prompt, Sampling
from rl_rewards.optimizers import RandomFewShot, optimize

BEST = 21 / 36  # the share of questions of the three commonest kinds


def shown(prompt):
    return toy.solved_kinds(
        [turn for each in prompt.examples for turn in ({"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.completion})]
    )


def test_the_optimum_of_the_toy_is_found_within_the_budget(task, split, server):
    found = optimize(task, split, RandomFewShot(), 2000, seed=1)
    assert shown(found.best.prompt) == set(toy.BEST_EXAMPLES) and len(found.best.prompt.examples) == 3
    assert found.best.mean == found.test.mean == pytest.approx(BEST)
    assert found.spent <= 2000 and server[1][0] == found.spent + 2 * 36
    assert found.gain.mean == pytest.approx(found.test.mean - found.test_start.mean)
    assert found.test.low < found.test.mean < found.test.high


def test_candidates_are_told_apart_by_their_examples_and_measured_on_held_out_rows(task, split):
    logged = []
    found = optimize(task, split, RandomFewShot(), 500, log=lambda spent, facts: logged.append((spent, facts)))
    assert found.candidates == len(logged) == len({spent for spent, _ in logged}) > 10
    held_out = {row.number for row in split.validation}
    assert found.best.rewards.keys() <= held_out
    assert {row.prompt for row in split.train} >= {example.prompt for example in found.best.prompt.examples}
    assert all(0 < len(each.prompt.examples) <= 3 for each in [found.best]) and found.start.prompt == Prompt()
    bounds = [facts["best/lower_bound"] for _, facts in logged if facts["best/rows"] == 36]
    assert bounds[-1] >= bounds[0]


def test_every_example_earned_more_than_the_mean(task, split):
    found = optimize(task, split, RandomFewShot(nb_min_examples=2, nb_max_examples=2), 300)
    answers = {row.prompt: row.values["answer"] for row in split.train}
    assert len(found.best.prompt.examples) == 2
    assert all(f"<answer>{answers[each.prompt]}</answer>" == each.completion for each in found.best.prompt.examples)


def test_a_search_that_nothing_was_earned_in_says_so_and_keeps_its_start(task, split):
    said = []
    task.sampling = Sampling(temperature=0, seed=0)
    for row in split.train + split.validation + split.test:
        row.values["answer"] = "another"
    found = optimize(task, split, RandomFewShot(), 150, say=said.append)
    assert found.best is found.start and said[0].startswith("every completion to a training row earned the same")


def test_instructions_and_system_of_the_start_are_kept(task, split):
    found = optimize(task, split, RandomFewShot(), 150, start=Prompt("Be brief.", "Solve this."))
    assert (found.best.prompt.system, found.best.prompt.instructions) == ("Be brief.", "Solve this.")


@pytest.mark.parametrize(
    ("sampling", "often", "seldom"),
    [("best", 1.0, 1.0), ("softmax", 0.75, 0.98), ("random", 0.2, 0.3)],
)
def test_examples_are_drawn_as_sampling_says(sampling, often, seldom):
    rng, options = random.Random(0), RandomFewShot(sampling=sampling)
    rewards = [0.0, 0.0, 0.0, 1.0]  # softmax at 0.3: e^(1 / 0.3) = 28 against 3
    drawn = [options.choose(rewards, 1, rng)[0] for _ in range(2000)]
    assert often <= drawn.count(3) / 2000 <= seldom + 1e-9


def test_softmax_draws_with_its_probabilities():
    rng, options = random.Random(1), RandomFewShot(sampling_temperature=0.5)
    drawn = [tuple(options.choose([0.0, 0.5, 1.0], 2, rng)) for _ in range(20_000)]
    weights = [1.0, 2.718281828, 7.389056099]
    for first in range(3):
        assert sum(pair[0] == first for pair in drawn) / 20_000 == pytest.approx(weights[first] / sum(weights), abs=0.02)
    assert all(len(set(pair)) == 2 for pair in drawn)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nb_min_examples": 0}, "at least 1, got 0"),
        ({"nb_min_examples": 4}, "nb_min_examples must be at most nb_max_examples, got 4 and 3"),
        ({"sampling": "greedy"}, "sampling"),
        ({"sampling_temperature": 0}, "above 0, got 0"),
        ({"population_size": 0}, "at least 1"),
        ({"k": 3}, "k"),
    ],
)
def test_options_out_of_their_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RandomFewShot(**options)


def test_two_examples_of_one_question_are_not_shown_together():
    from rl_rewards.optimizers.random_few_shot import _Drawing

    class Search:
        seed, start = 0, Prompt()

        class split:
            train, validation = [], []

    drawing = _Drawing(RandomFewShot(), Search)
    drawing.pool = {Example("q", str(number)): 1.0 for number in range(5)} | {Example("p", "1"): 1.0}
    for _ in range(20):
        assert sorted(example.prompt for example in drawing.draw(3)) == ["p", "q"]
