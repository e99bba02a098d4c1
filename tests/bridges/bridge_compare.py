"""What a bridge said of rows beside what TRL gets of them."""

import bridge_rows
import pytest
from bridge_calls import is_absent


def compare(said, expected):
    """Check a bridge's numbers against TRL's."""
    totals, scores, components = expected
    for i, (total, rewards, parts) in enumerate(said):
        if totals[i] is None:
            assert is_absent(total), f"row {i} has no score in TRL"
            continue
        assert total == totals[i], f"row {i}"
        assert {name: score for name, score in rewards.items() if score is not None} == {
            name: column[i] for name, column in scores.items() if column[i] is not None
        }, f"row {i}"
        assert parts is None or bridge_rows.verdicts(parts) == components[i], f"row {i}"


def compare_scored(said, expected):
    """Check the numbers of the rows that have a score in TRL."""
    scored = [i for i, total in enumerate(expected[0]) if total is not None]
    compare([said[i] for i in scored], tuple(rows_of(part, scored) for part in expected))


def close_to_mean(said, expected, rows):
    """Check that a row without a score got the mean of its group, and that the others kept their numbers."""
    totals = expected[0]
    for i, row in enumerate(rows):
        mates = [totals[j] for j, other in enumerate(rows) if other["group"] == row["group"] and totals[j] is not None]
        if totals[i] is None and mates:
            assert said[i][0] == pytest.approx(sum(mates) / len(mates), abs=1e-12)


def rows_of(part, rows):
    """A part of `trl_numbers`, of some rows."""
    return {name: [column[i] for i in rows] for name, column in part.items()} if isinstance(part, dict) else [part[i] for i in rows]
