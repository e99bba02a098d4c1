"""What goes wrong in other libraries' metrics (masks, fields and golds are in test_token_f1.py)."""

import pickle

import numpy as np

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.aggregates.sums import SumTable, floats_of, keys_of
from rl_rewards.evaluation.summary import EvaluationSummary
from tests.aggregates.tables import FAILED, evaluated, numbers, row, rubric, summary


def test_the_mean_is_weighted_by_rows_not_by_batches():
    rows = [row("a", 1.0), row("b", 1.0), row("c", 0.0)]
    assert numbers(rows, batch=2)["mean"] == numbers(rows)["mean"] == 2 / 3


def test_half_the_responses_without_an_answer_halve_f1_as_they_halve_the_reward():
    rows = [row(i, float(i % 2), "x" if i % 2 else None, gold="x") for i in range(10)]
    found = numbers(rows, {"f1": {"reward": "r", "reference": "gold"}}, {"accuracy": {"reward": "r", "label": "gold"}})
    assert found["mean"] == found["f1_mean"] == found["accuracy"] == 0.5


@reward_function
def short(response: str) -> float:
    """A bare function."""
    return float(len(response) < 3)


@reward_function
async def long(response: str) -> float:
    """An asynchronous one."""
    return float(len(response) >= 3)


def test_a_bare_function_sync_or_async_has_a_mean_with_a_direction():
    of = Rubric([Reward("short", short), Reward("long", long)])
    counted = EvaluationSummary(of)
    counted.add(evaluated(of, [{"prompt": "p", "completion": text} for text in ("a", "abc", "abcd")]))
    assert [(result.numbers[0].value, result.numbers[0].direction) for result in counted.results()] == [(1 / 3, "up"), (2 / 3, "up")]


def test_parts_in_any_order_and_from_other_processes_make_the_same_numbers():
    generator = np.random.default_rng(0)
    rows = [row(generator.integers(0, 9), FAILED if generator.random() < 0.1 else float(generator.random() < 0.5), generator.choice(list("abc")), gold="a",
                label=int(generator.integers(0, 2)), other=float(generator.random())) for _ in range(120)]  # fmt: skip
    aggregates = [{"pass_at_k": {"reward": "r", "k": [1, 3]}}, {"maj_at_k": {"reward": "r", "k": 3}}, {"best_of_k": {"reward": "r", "by": "by", "k": 3}},
                  {"gap_at_k": {"reward": "r", "k": 2}}, {"solved": "r"}, {"f1": {"reward": "r", "reference": "gold"}}, {"auc": "by"},
                  {"accuracy": {"reward": "r", "label": "gold"}}]  # fmt: skip
    whole = summary(rows, *aggregates)
    parts = [summary(rows[start : start + 40], *aggregates) for start in (80, 0, 40)]
    merged = EvaluationSummary(rubric(*aggregates))
    for part in parts:
        merged.merge_state(pickle.loads(pickle.dumps(part.state)))
    for here, there in zip(whole.results(), merged.results(), strict=True):
        assert (here.coverage.rows, here.coverage.counted, here.coverage.failed) == (
            there.coverage.rows,
            there.coverage.counted,
            there.coverage.failed,
        )
        for one, other in zip(here.numbers, there.numbers, strict=True):
            assert np.isclose(one.value, other.value, rtol=1e-12, atol=0) and (one.of, one.note) == (other.of, other.note)


def test_sums_by_key_are_exact_whatever_the_order_and_hold_one_row_a_key():
    generator = np.random.default_rng(1)
    keys, values = generator.integers(0, 50, (200_000, 2)).astype(np.uint64), generator.integers(0, 10, (200_000, 1)).astype(float)
    table = SumTable(2, 1)
    for start in range(0, len(keys), 1000):
        table.add(keys[start : start + 1000], values[start : start + 1000])
    found_keys, found = table.rows()
    expected: dict = {}
    for key, value in zip(map(tuple, keys.tolist()), values[:, 0].tolist()):
        expected[key] = expected.get(key, 0.0) + value
    assert dict(zip(map(tuple, found_keys.tolist()), found[:, 0].tolist())) == expected
    assert floats_of(keys_of(np.array([-0.0, 1.5, -2.0]))).tolist() == [0.0, 1.5, -2.0] and keys_of(np.array([-0.0])) == keys_of(np.array([0.0]))
