"""Our failure is no zero in the gradient: a row on which a weighted reward failed moves no other row's advantage, in any trainer.

The right advantages are computed here from the scores of the rows that are left, by the formulas of the papers; PPO's by a run without
the rows that failed.
"""

from __future__ import annotations

import math

import pytest

pytest.importorskip("trl")

import torch

from tests import forked
from tests.trainers.distributed_run import save_anchor
from tests.trl import gradient
from tests.trl.gradient import GROUP, GRPO, KINDS, PPO, RLOO, ROWS, SHARES, Case, run

EXACT = {"rel": 0, "abs": 1e-6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("gradient"))
    save_anchor(folder)
    return folder


def known(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def std(values: list[float]) -> float:
    """Of a sample; 0 for a single value, which has no spread."""
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)) if len(values) > 1 else 0.0


def groups(values: list) -> list[list]:
    return [values[start : start + GROUP] for start in range(0, len(values), GROUP)]


def grpo(scores: list[dict[str, float | None]], weights: dict[str, float], scale_rewards: str, multi_objective_aggregation: str) -> list[float]:
    """Advantages of rows that are left, None scores counting nothing: 2402.03300 section 4.1.2, without std 2503.20783, GDPO 2601.05242."""
    if multi_objective_aggregation == "normalize_then_sum":
        columns = {name: [] for name in weights}
        for group in groups(scores):
            for name, column in columns.items():
                present = known([row and row[name] for row in group])
                for row in group:
                    score = row and row[name]
                    column.append(0.0 if score is None or len(present) < 2 else (score - mean(present)) / (std(present) + 1e-4))
        totals = [sum(weights[name] * columns[name][i] for name in weights) if row else None for i, row in enumerate(scores)]
        middle, spread = mean(known(totals)), std(known(totals))
        return [0.0 if total is None else (total - middle) / (spread + 1e-4) for total in totals]
    totals = [sum(weights[name] * (row[name] or 0.0) for name in weights) if row else None for row in scores]
    advantages = []
    for group in groups(totals):
        present = known(group)
        spread = {"group": std(present) if present else 0.0, "batch": std(known(totals)), "none": 1 - 1e-4}[scale_rewards] + 1e-4
        # TRL knows no spread of a single row, and gives it no advantage.
        alone = scale_rewards == "group" and len(present) < 2
        advantages += [0.0 if total is None or alone else (total - mean(present)) / spread for total in group]
    return advantages


def rloo(scores: list[dict[str, float | None]], weights: dict[str, float], normalize_advantages: bool) -> list[float]:
    """2402.14740: the mean of the others that are left is the baseline."""
    totals = [sum(weights[name] * (row[name] or 0.0) for name in weights) if row else None for row in scores]
    advantages: list[float | None] = []
    for group in groups(totals):
        present = known(group)
        for total in group:
            alone = total is None or len(present) < 2
            advantages.append(None if alone else total - (math.fsum(present) - total) / (len(present) - 1))
    if normalize_advantages:
        middle, spread = mean(known(advantages)), std(known(advantages))
        advantages = [None if one is None else (one - middle) / (spread + 1e-4) for one in advantages]
    return [one or 0.0 for one in advantages]


def check(result: dict, case: Case, algorithm: str) -> None:
    """The rows left out are the case's, and the others have the advantages of the batch without them."""
    rows = result["rows"]
    weights = {reward.name: reward.weight for reward in case.rewards if reward.weight}
    scores = [None if i in case.left_out else row["scores"] for i, row in enumerate(rows)]
    expected = grpo(scores, weights, **GRPO[algorithm]) if algorithm in GRPO else rloo(scores, weights, **RLOO[algorithm])
    assert [row["advantage"] for row in rows] == pytest.approx(expected, **EXACT)
    assert all(rows[i]["advantage"] == 0.0 for i in case.left_out)


def check_ledger(result: dict, rows: int) -> None:
    for tally in result["tallies"].values():
        parts = {name: tally[name] for name in ("scored", "unparsed", "skipped", "failed", "left_out")}
        assert sum(parts.values()) == tally["rows"] == rows and min(parts.values()) >= 0, parts


@pytest.mark.parametrize("share", [*(pytest.param(share, marks=pytest.mark.slow) for share in list(SHARES)[:3]), list(SHARES)[3]])
@pytest.mark.parametrize("algorithm", [*GRPO, *RLOO])
def test_the_rows_that_did_not_fail_have_the_advantages_of_their_group_without_the_others(folder, algorithm, share):
    result = run(folder, algorithm, SHARES[share])
    check(result, SHARES[share], algorithm)
    check_ledger(result, ROWS)
    assert result["unscorable"] == len(SHARES[share].left_out)
    assert result["tallies"]["correct"]["failed"] == len(SHARES[share].left_out)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "algorithm",
    [
        "GRPO, sum_then_normalize, scaled by group",
        pytest.param("GRPO, normalize_then_sum, scaled by group", marks=pytest.mark.slow),
        pytest.param("RLOO", marks=pytest.mark.slow),
    ],
)
def test_what_leaves_a_row_out_and_what_does_not(folder, algorithm, kind):
    result = run(folder, algorithm, KINDS[kind])
    check(result, KINDS[kind], algorithm)
    check_ledger(result, ROWS)


@pytest.mark.parametrize("share", [*(pytest.param(share, marks=pytest.mark.slow) for share in list(SHARES)[:3]), list(SHARES)[3]])
@pytest.mark.parametrize("algorithm", PPO)
def test_ppo_gives_the_other_rows_the_advantages_of_a_batch_without_the_rows_that_failed(folder, algorithm, share):
    case = SHARES[share]
    result = run(folder, algorithm, case)
    check_ledger(result, ROWS)
    check_ppo(folder, result, algorithm, case)


def check_ppo(folder: str, result: dict, algorithm: str, case: Case) -> None:
    kept = [row for row in range(ROWS) if row not in case.left_out]
    without = run(folder, algorithm, case, kept=kept)
    for row, expected in zip(kept, without["rows"], strict=True):
        assert result["rows"][row]["advantage"] == pytest.approx(expected["advantage"], **EXACT), row
    assert all(set(result["rows"][row]["advantage"]) == {0.0} for row in case.left_out)


@pytest.mark.torchrun
def test_two_processes_give_the_same_advantages(folder):
    forked.run_ranks(2, "tests/trl/gradient.py", folder)
    results = torch.load(f"{folder}/advantages.pt", weights_only=True)
    assert set(results) == set(gradient.TWO)
    for (algorithm, name), result in results.items():
        case = {**SHARES, **KINDS}[name]
        assert len(result["rows"]) == ROWS
        check_ledger(result, ROWS // 2)
        assert result["unscorable"] == len(case.left_out), (algorithm, name)
        if algorithm in PPO:
            check_ppo(folder, result, algorithm, case)
        else:
            check(result, case, algorithm)
