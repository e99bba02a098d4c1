"""Which completions a page holds."""

import base64
import gzip
import json

import numpy as np
import pytest
from made_records import record

from rl_rewards.reporting import read_run
from rl_rewards.reporting.rows import packed_rows
from rl_rewards.reporting.sample import sample_rows


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    return read_run(record(tmp_path_factory.mktemp("long") / "run", steps=60, evaluations=()))


def unpack(packed):
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_everything_is_kept_where_it_fits(long_run):
    assert sample_rows(long_run, 10**9).tolist() == list(range(len(long_run)))


@pytest.mark.parametrize("budget", [4_000, 12_000, 30_000])
def test_groups_are_kept_whole_and_the_budget_is_kept(long_run, budget):
    rows = sample_rows(long_run, budget)
    assert 0 < len(rows) < len(long_run)
    kept = set(long_run.group[rows].tolist())
    assert set(np.flatnonzero(np.isin(long_run.group, list(kept))).tolist()) == set(rows.tolist())
    assert long_run.text_size[rows].sum() <= budget


def test_failures_and_every_outcome_come_first_from_all_over_the_run(long_run):
    rows = sample_rows(long_run, 40_000)
    for reward in range(len(long_run.rewards)):
        assert set(long_run.outcomes[rows, reward].tolist()) == set(long_run.outcomes[:, reward].tolist())
    failed = long_run.step[rows][long_run.failed[rows].any(axis=1)]
    assert len(np.unique(failed // 10)) >= 6


def test_the_longest_and_the_highest_are_kept(long_run):
    rows = sample_rows(long_run, 40_000)
    assert np.nanmax(long_run.total[rows]) == np.nanmax(long_run.total) and np.nanmin(long_run.total[rows]) == np.nanmin(long_run.total)
    assert long_run.characters[rows].max() == long_run.characters.max()


def test_the_sample_is_the_same_each_time(long_run):
    assert np.array_equal(sample_rows(long_run, 9_000), sample_rows(long_run, 9_000))


def test_the_block_stays_within_its_bytes_and_says_how_many_it_holds(long_run):
    packed, counts = packed_rows([long_run], 6_000)
    assert len(packed) <= 6_000 and 0 < counts[0] < len(long_run)
    assert len(unpack(packed)[0]["name"]) == counts[0] and unpack(packed)[0]["of"] == len(long_run)
    packed, counts = packed_rows([long_run], 10**7)
    assert counts == [len(long_run)]


def test_a_packed_row_is_the_records(long_run):
    packed, _ = packed_rows([long_run], 10**7)
    run = unpack(packed)[0]
    texts = long_run.texts([5])[5]
    assert run["strings"][run["completion"][5]] == texts.completion and run["strings"][run["prompt"][5]] == texts.prompt
    assert run["rewards"]["correct"]["score"][5] == long_run.scores[5, 0] and run["advantage"][5] == long_run.advantage[5]
    assert run["rewards"]["graded"]["components"]["letters"][5] == long_run.components["graded", "letters"][5]


def test_a_very_long_text_keeps_its_start_and_its_end(tmp_path):
    rows = [{"prompt": "p", "completion": "start" + "x" * 50_000 + "end", "score": 1.0, "scores": {"a": 1.0}}]
    (tmp_path / "long.jsonl").write_text(json.dumps(rows[0]))
    packed, _ = packed_rows([read_run(tmp_path / "long.jsonl")], 10**6)
    text = unpack(packed)[0]["strings"][unpack(packed)[0]["completion"][0]]
    assert text.startswith("start") and text.endswith("end") and "38,008 characters are left out" in text and len(text) < 13_000
