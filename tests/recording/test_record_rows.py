"""Rows of the record: what comes in, in whatever state, is what can be read back."""

import math

import pyarrow.parquet as pq
import pytest

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording.parts import PartWriter, merge
from rl_rewards.recording.rows import rows_of
from rl_rewards.types import MetricResult, Outcome

CIRCLE = []
CIRCLE.append(CIRCLE)


def recorded(tmp_path, samples, rewards, batch=BatchContext(3, 0, True)):
    """The rows of one batch, written and read back."""
    writer = PartWriter(tmp_path / "parts", 0, 0)
    writer.write(rows_of(batch, Rubric(tuple(rewards)).evaluate(samples), 0, 0))
    merge(tmp_path / "parts", tmp_path / "rewards.parquet")
    return pq.read_table(tmp_path / "rewards.parquet").to_pylist()


def sample(response="r", prompt="p", completion=None, group=0, index=0):
    return Sample(prompt, response if completion is None else completion, response, {}, None, group, 3, index)


@reward_function
def length(response: str):
    return EvaluateResult(float(len(response)), "counted", {"half": MetricResult(len(response) / 2), "broken": math.nan})


def test_a_row_says_where_it_belongs_and_how_its_score_came_about(tmp_path):
    rows = recorded(tmp_path, [sample("ab"), sample("abcd", index=1)], [Reward("length", length, weight=0.5, clip=(0, 3)), Reward("other", length)])
    assert [(row["index"], row["reward"], row["score"]) for row in rows] == [(0, "length", 2), (0, "other", 2), (1, "length", 3), (1, "other", 4)]
    row = rows[2]
    assert row.pop("seconds") > row.pop("row_seconds") > 0 and len(row.pop("prompt_id")) == 16
    assert row == {
        "step": 3, "mode": "train", "rank": 0, "group": 0, "index": 1, "prompt": "p", "completion": "abcd", "reward": "length", "parsed": None,
        "reasoning": None, "references": "{}", "tokens": None, "scorable": True, "advantage": None, "raw": 4.0, "gate": None,
        "score": 3.0, "weight": 0.5, "outcome": "scored", "failed": False, "reason": "counted", "components": [{"name": "half", "score": 2.0}, {"name": "broken", "score": None}],
    }  # fmt: skip


MESSAGES = [{"role": "user", "content": "hé"}]


@pytest.mark.parametrize(
    ("prompt", "read_back"),
    [
        ("plain", "plain"),
        (None, None),
        ("", ""),
        (MESSAGES, '[{"role": "user", "content": "hé"}]'),
        ([{"role": "user", "content": None}], '[{"role": "user", "content": null}]'),
        ("nul\0byte", "nul\0byte"),
        ("lone \udc80 surrogate", "lone \\udc80 surrogate"),
        ([{"role": "user", "content": "\ud800"}], '[{"role": "user", "content": "\\ud800"}]'),
        ({("a", "b"): 1}, "{('a', 'b'): 1}"),
        (CIRCLE, "[[...]]"),
    ],
    ids=str,
)
def test_any_prompt_is_kept_as_text(tmp_path, prompt, read_back):
    assert recorded(tmp_path, [sample(prompt=prompt)], [Reward("length", length)])[0]["prompt"] == read_back


def test_answers_of_all_types_share_a_column(tmp_path):
    answers = iter(["text", 7, {"a": [1]}, None, "\udfff"])

    @reward_function
    def any_score(response: str):
        return 1.0

    result = Rubric((Reward("any", any_score),)).evaluate([sample(index=i) for i in range(5)])
    result.columns["any"].answers = list(answers)
    writer = PartWriter(tmp_path, 0, 0)
    writer.write(rows_of(BatchContext(0, 0, True), result, 0, 0))
    merge(tmp_path, tmp_path / "rewards.parquet")
    assert pq.read_table(tmp_path / "rewards.parquet")["parsed"].to_pylist() == ["text", "7", '{"a": [1]}', None, "\\udfff"]


@pytest.mark.parametrize(
    ("returned", "score", "outcome", "failed"),
    [
        (EvaluateResult(0.0, outcome=Outcome.UNPARSED), 0.0, "unparsed", False),
        (EvaluateResult(0.0, outcome=Outcome.TIMEOUT), 0.0, "timeout", False),
        (EvaluateResult.failure(Outcome.TIMEOUT, "ours"), None, "timeout", True),
        (math.nan, None, "error", True),
        (None, None, "skipped", False),
    ],
    ids=str,
)
def test_failures_of_ours_are_told_from_faults_of_the_policy(tmp_path, returned, score, outcome, failed):
    @reward_function
    def scorer(response: str):
        return returned

    row = recorded(tmp_path, [sample()], [Reward("r", scorer)])[0]
    assert (row["score"], row["outcome"], row["failed"]) == (score, outcome, failed)


def test_a_failure_with_a_substitute_score_is_still_a_failure(tmp_path):
    @reward_function
    def scorer(response: str):
        raise OSError("server down")

    row = recorded(tmp_path, [sample()], [Reward("r", scorer, on_error=-1.0)])[0]
    assert (row["score"], row["failed"]) == (-1.0, True) and row["reason"].startswith("OSError: server down (")


def test_ten_megabyte_texts_are_kept_whole_and_stored_once(tmp_path):
    import random

    text = random.Random(0).randbytes(5_000_000).hex()
    rows = recorded(tmp_path, [sample(text), sample(text, index=1)], [Reward("a", length), Reward("b", length)])
    assert [len(row["completion"]) for row in rows] == [10_000_000] * 4 and rows[3]["completion"] == text
    assert (tmp_path / "rewards.parquet").stat().st_size < 15_000_000  # completion and answer, each once, hex at four bits a character


def test_an_empty_batch_and_no_batch_at_all_make_an_empty_record(tmp_path):
    merge(tmp_path / "nothing", tmp_path / "rewards.parquet")
    assert pq.read_table(tmp_path / "rewards.parquet").num_rows == 0
    assert recorded(tmp_path, [], [Reward("length", length)]) == []


def test_the_record_loads_as_a_dataset(tmp_path):
    datasets = pytest.importorskip("datasets")
    reward = reward_function(lambda response: EvaluateResult(1.0, metrics={"half": 0.5}))
    recorded(tmp_path, [Sample("q", "a", "a")], [Reward("r", reward)])
    loaded = datasets.load_dataset("parquet", data_files=str(tmp_path / "rewards.parquet"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded[0]["reward"] == "r" and loaded[0]["components"] == [{"name": "half", "score": 0.5}]
