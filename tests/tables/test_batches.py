"""Rows gathered into batches of samples."""

import pytest

from rl_rewards.tables import batches as module
from rl_rewards.tables.batches import batches
from rl_rewards.tables.readers import Row, TableError


def rows_of(prompts, size=10):
    return [Row(i + 1, size, {"prompt": prompt, "completion": "x"}) for i, prompt in enumerate(prompts)]


def groups_of(rows, **options):
    return [[sample.group for sample in batch.samples] for batch in batches(rows, lambda row: None, **options)]


def test_neighbours_with_equal_prompts_are_a_group():
    assert groups_of(rows_of("aabbba")) == [[0, 0, 1, 1, 1, 2]]


@pytest.mark.parametrize(
    ("prompts", "whole_groups", "expected"),
    [
        ("aabbcc", False, [[0, 0, 1], [0, 1, 1]]),
        ("aabbcc", True, [[0, 0, 1, 1], [0, 0]]),
        ("aaaaaa", False, [[0, 0, 0], [0, 0, 0]]),
        ("aaaaaa", True, [[0, 0, 0, 0, 0, 0]]),
        ("abcdef", True, [[0, 1, 2], [0, 1, 2]]),
        ("", True, []),
    ],
)
def test_a_batch_ends_within_a_group_only_where_no_reward_needs_it_whole(monkeypatch, prompts, whole_groups, expected):
    monkeypatch.setattr(module, "BATCH_ROWS", 3)
    assert groups_of(rows_of(prompts), whole_groups=whole_groups) == expected


def test_a_batch_of_long_rows_ends_early(monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", 100)
    assert groups_of(rows_of("abcdef", size=60)) == [[0, 1], [0, 1], [0, 1]]


def test_positions_count_within_the_batch(monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    assert [[sample.index for sample in batch.samples] for batch in batches(rows_of("abc"), print)] == [[0, 1], [0]]


def test_rows_with_problems_are_reported_and_left_out_but_counted_in_the_size():
    rows = [Row(1, 10, None, "not JSON"), *rows_of("a"), Row(3, 10, {"answer": 1})]
    reported = []
    [batch] = batches(rows, reported.append)
    assert (len(batch.samples), batch.size) == (1, 30)
    assert [(row.number, row.problem.partition(":")[0]) for row in reported] == [(1, "not JSON"), (3, "no response in this row")]


def test_a_prompt_that_never_changes_is_no_group(monkeypatch):
    monkeypatch.setattr(module, "GROUP_ROWS", 5)
    with pytest.raises(TableError, match="row 6: a group must have at most 5 rows, got more"):
        groups_of(rows_of("aaaaaa"), whole_groups=True)
