"""pass@k, pass^k, maj@k, best-of-k and their gaps are what counting all draws gives."""

from collections import Counter, defaultdict
from itertools import combinations
from math import comb, fsum

import numpy as np
import pytest

from rl_rewards.aggregates.maj_at_k import win_chances
from tests.aggregates.tables import FAILED, SKIPPED, numbers, row, summary

RANDOM = np.random.default_rng(0)


def table(problems=30, most=9):
    """Problems of 1 to `most` completions with a score, another score and an answer, some of them none."""
    rows = []
    for problem in range(problems):
        ease = RANDOM.random()
        for _ in range(RANDOM.integers(1, most + 1)):
            answer = RANDOM.choice(["a", "b", "c", "d", None], p=[0.35, 0.25, 0.15, 0.15, 0.1])
            rows.append(row(problem, float(RANDOM.random() < ease), answer, other=float(RANDOM.integers(0, 4))))
    RANDOM.shuffle(rows)
    return rows


def drawn(rows, k, value):
    """The mean over problems, and over all draws of k of a problem's rows, of `value(draw)`."""
    groups = defaultdict(list)
    for each in rows:
        groups[each["prompt"]].append(each)
    means = [fsum(map(value, combinations(group, k))) / comb(len(group), k) for group in groups.values() if len(group) >= k]
    return fsum(means) / len(means)


def majority(draw):
    votes = Counter(each["completion"] for each in draw if each["completion"] != "no idea")
    first = [answer for answer, count in votes.items() if count == max(votes.values())]
    # The winning answer is as right as its completions are, in the whole problem: RIGHT holds that share.
    return fsum(RIGHT[draw[0]["prompt"], answer] for answer in first) / len(first) if first else 0.0


RIGHT: dict = {}


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_each_is_the_mean_over_all_draws_of_k(k):
    rows = table()
    for prompt, completion in {(each["prompt"], each["completion"]) for each in rows}:
        scores = [each["score"] for each in rows if (each["prompt"], each["completion"]) == (prompt, completion)]
        RIGHT[prompt, completion] = sum(scores) / len(scores)
    found = numbers(
        rows,
        {"pass_at_k": {"reward": "r", "k": k}},
        {"pass_hat_k": {"reward": "r", "k": k}},
        {"maj_at_k": {"reward": "r", "k": k}},
        {"best_of_k": {"reward": "r", "k": k, "by": "by"}},
        batch=7,
    )

    def best(draw):
        top = max(each["other"] for each in draw)
        scores = [each["score"] for each in draw if each["other"] == top]
        return sum(scores) / len(scores)

    assert found[f"pass@{k}"] == pytest.approx(drawn(rows, k, lambda draw: max(each["score"] for each in draw)), abs=1e-12)
    assert found[f"pass^{k}"] == pytest.approx(drawn(rows, k, lambda draw: min(each["score"] for each in draw)), abs=1e-12)
    assert found[f"maj@{k}"] == pytest.approx(drawn(rows, k, majority), abs=1e-12)
    assert found[f"best@{k}"] == pytest.approx(drawn(rows, k, best), abs=1e-12)


def test_a_gap_is_taken_problem_by_problem():
    rows = table()
    of = ["pass_at_k", "pass_hat_k", "maj_at_k"]
    found = numbers(rows, *({kind: {"reward": "r", "k": 3}} for kind in of), {"gap_at_k": {"reward": "r", "k": 3}},
                    {"gap_at_k": {"reward": "r", "k": 3, "between": ["pass_at_k", "maj_at_k"], "name": "vote"}})  # fmt: skip
    assert found["pass@3-pass^3"] == pytest.approx(found["pass@3"] - found["pass^3"], abs=1e-12)
    assert found["vote/pass@3-maj@3"] == pytest.approx(found["pass@3"] - found["maj@3"], abs=1e-12)


@pytest.mark.parametrize(
    ("sizes", "silent", "k", "chances"),
    [
        ((1,), 0, 1, {1: 1.0}),
        ((1, 1), 0, 1, {1: 0.5}),
        ((1, 2), 0, 3, {1: 0.0, 2: 1.0}),
        ((2, 2), 0, 4, {2: 0.5}),
        ((1,), 3, 1, {1: 0.25}),  # three draws of four are silent
        ((1,), 3, 4, {1: 1.0}),  # one vote wins over silence
        ((), 4, 2, {}),
        ((1, 2), 0, 2, {1: 1 / 3, 2: 2 / 3}),  # two of one: 1/3; one each: 2/3, shared
    ],
)
def test_chances_of_a_vote(sizes, silent, k, chances):
    assert win_chances(sizes, silent, k) == pytest.approx(chances, abs=1e-12)


@pytest.mark.parametrize("n", [64, 1024, 5000])
def test_chances_of_a_large_vote_add_up_to_one(n):
    sizes = (1, 2, n // 8, n // 4, n - n // 8 - n // 4 - 3)
    for k in (1, 8, min(n // 2, 64)):
        found = win_chances(sizes, 0, k)
        assert fsum(found[size] * sizes.count(size) for size in found) == pytest.approx(1.0, abs=1e-9)


def test_problems_with_fewer_than_k_completions_are_left_out_and_shown():
    rows = [row("a", 1), row("a", 0), row("b", 0)]
    [_, result] = [each for each in summary(rows, {"pass_at_k": {"reward": "r", "k": [1, 2]}}).results() if each.reward == "r"]
    one, two = result.numbers
    assert (one.value, one.of, one.note) == (0.25, 2, None)
    assert (two.value, two.of, two.note) == (1.0, 1, "1 of 2 problems have fewer than 2 scored completions")


def test_equal_prompts_are_one_problem_wherever_they_are():
    rows = [row(problem, float(problem == draw)) for draw in range(4) for problem in range(8)]  # one completion of all problems after the other
    assert numbers(rows, {"pass_at_k": {"reward": "r", "k": 4}}, batch=5)["pass@4"] == 0.5


def test_solved_never_solved_and_mixed_add_up_to_one():
    rows = [row(p, s) for p, scores in {"a": [1, 1], "b": [0, 0], "c": [1, 0], "d": [1, 0, 1], "e": [0]}.items() for s in scores]
    found = numbers(rows, {"solved": "r"})
    assert {name: found[name] for name in ("solved", "never_solved", "mixed")} == pytest.approx({"solved": 0.2, "never_solved": 0.4, "mixed": 0.4})


def test_right_is_a_threshold():
    rows = [row("a", 0.4), row("a", 0.6), row("b", -1), row("b", 0.5)]
    assert numbers(rows, {"pass_at_k": {"reward": "r", "right": 0.5}})["pass@1"] == 0.5


def test_a_response_without_an_answer_is_wrong_in_every_aggregate_and_a_failed_row_counts_in_none():
    rows = [row("a", 1, "x"), row("a", 0, None), row("a", FAILED, "x"), row("a", SKIPPED, "x"), row("b", 1, "x"), row("b", 1, "x")]
    found = summary(rows, {"pass_at_k": {"reward": "r"}}, {"maj_at_k": {"reward": "r"}}, {"best_of_k": {"reward": "r"}}, {"solved": "r"},
                    {"f1": {"reward": "r", "reference": "prompt_word"}}, {"accuracy": {"reward": "r", "label": "gold"}})  # fmt: skip
    for result in found.results():
        if result.reward == "r" and result.kind not in ("f1", "accuracy"):
            coverage = result.coverage
            assert (coverage.rows, coverage.counted, coverage.failed, coverage.skipped) == (6, 4, 1, 1), result.kind
            assert coverage.problem == "r: the server is down"
    assert found.values()["rewards/r/mean"] == 0.75 and found.values()["rewards/r/maj@1"] == 0.75


def test_where_every_row_failed_there_is_no_number_and_the_reason_is_shown():
    for result in summary([row("a", FAILED)], {"pass_at_k": "r"}, {"solved": "r"}, {"maj_at_k": "r"}, {"best_of_k": "r"}).results():
        if result.reward == "r":
            assert result.incomplete
            assert all(number.value is None and "the server is down" in number.note for number in result.numbers)
