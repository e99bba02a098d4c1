"""Every row of the truth tables, scored in one batch as a trainer does."""

from __future__ import annotations

import pytest

pytest.importorskip("math_verify")

import truth_around
import truth_families
import truth_numbers
import truth_siblings
import truth_spellings
import truth_statements
import truth_structures
import truth_table
import truth_wordings

from rl_rewards.scorers.math import MathVerify
from rl_rewards.types import EvaluateResult, Outcome, Sample

TABLES = (
    truth_table,
    truth_around,
    truth_families,
    truth_structures,
    truth_numbers,
    truth_statements,
    truth_spellings,
    truth_siblings,
    truth_wordings,
)
ROWS = [(origin, *row) for table in TABLES for origin, rows in table.TABLE.items() for row in rows]


@pytest.fixture(scope="module")
def results() -> list[EvaluateResult]:
    samples = [Sample("a question", response, response, {"answer": reference}) for _, reference, response, _ in ROWS]
    return MathVerify("answer", timeout=60.0).score(samples, [sample.response for sample in samples])


def verdict(result: EvaluateResult) -> str:
    if result.outcome is Outcome.SCORED:
        return "right" if result.score == 1.0 else "wrong"
    return str(result.outcome)


def test_the_table_has_at_least_1000_rows_and_no_row_twice() -> None:
    assert len({row[1:3] for row in ROWS}) == len(ROWS) >= 1000


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{origin.split(':')[0]}: {r:.30} | {a:.40}" for origin, r, a, _ in ROWS])
def test_verdict(number: int, results: list[EvaluateResult]) -> None:
    _, reference, response, expected = ROWS[number]
    assert verdict(results[number]) == expected, f"{reference!r:.100} against {response!r:.100}: {results[number]}"


def test_only_what_cannot_be_read_of_a_reference_has_no_score(results: list[EvaluateResult]) -> None:
    assert [result.score is None for result in results] == [row[3] == "error" for row in ROWS]
