"""What a run keeps of itself: its rubric, configuration and versions; and what later readers need of every row."""

import functools
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl_rewards import Gate, Reward, Rubric, Sample, load_rubric, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RecordError, RunRecorder, read_record


def rubric(weight=1.0, name="right"):
    return Rubric((Reward(name, {"string_match": "answer"}), Reward("short", {"length_window": {"min_tokens": 0, "max_tokens": 3}}, weight=weight)))


def samples():
    prompt = [{"role": "user", "content": "2+2"}]
    completion = [{"role": "assistant", "content": "4", "reasoning_content": "two and two"}]
    return [
        Sample(prompt, completion, "4", {"answer": "4", "unit": None}, [1, 2], 0, 0, 0),
        Sample("q", "5", "5", {"answer": "4"}, [1, 2, 3, 4], 1, 0, 1),
    ]


def test_a_row_has_all_that_later_readers_need(tmp_path):
    @reward_function
    def broken(response):
        if response == "5":
            raise OSError("down")
        return 0.4

    made = Rubric((Reward("judge", broken), Reward("right", {"string_match": "answer"}, gate=Gate("judge", 0.5), clip=(0, 0.5))))
    recorder = RunRecorder(tmp_path, made)
    recorder.record(BatchContext(1, 0, True), made.evaluate(samples()))
    recorder.know_advantages([0.25, 0.0])
    recorder.finish()
    rows = read_record(tmp_path).table().to_pylist()
    kept = ["reward", "raw", "score", "gate", "scorable", "failed", "tokens", "reasoning", "advantage", "outcome"]
    assert [[row[name] for name in kept] for row in rows] == [
        ["judge", 0.4, 0.4, None, True, False, 2, "two and two", 0.25, "scored"],
        ["right", 1.0, 0.0, False, True, False, 2, "two and two", 0.25, "scored"],
        ["judge", None, None, None, False, True, 4, None, 0.0, "error"],
        ["right", 0.0, None, None, False, True, 4, None, 0.0, "error"],
    ]
    assert json.loads(rows[0]["references"]) == {"answer": "4", "unit": None}
    assert rows[0]["prompt_id"] != rows[2]["prompt_id"]


def test_equal_prompts_have_one_id_in_every_run(tmp_path):
    ids = []
    for run in ("a", "b"):
        recorder = RunRecorder(tmp_path / run, rubric())
        recorder.record(BatchContext(1, 0, True), rubric().evaluate(samples()))
        recorder.finish()
        ids.append(pq.read_table(recorder.parquet)["prompt_id"].to_pylist())
    assert ids[0] == ids[1] and len(set(ids[0])) == 2


def test_the_record_knows_its_rubric_configuration_and_versions(tmp_path):
    recorder = RunRecorder(tmp_path, rubric(0.5))
    recorder.begin(0, 0, 1, max_steps=2, config={"learning_rate": 1e-5})
    recorder.record(BatchContext(1, 0, True), rubric(0.5).evaluate(samples()))
    recorder.finish()
    assert load_rubric(tmp_path / "rubric.yaml") == rubric(0.5)
    record = read_record(tmp_path)
    assert record.rubric == (tmp_path / "rubric.yaml").read_text() and record.config == {"learning_rate": 1e-5}
    assert {"python", "rl_rewards"} <= record.versions.keys() and record.rows == 4
    assert sum(table.num_rows for table in record.batches(["reward"])) == 4


def test_a_resume_with_another_rubric_is_refused_with_the_difference(tmp_path):
    RunRecorder(tmp_path, rubric(0.5)).begin(0, 0, 1)
    RunRecorder(tmp_path, rubric(0.5)).begin(4, 0, 1)
    with pytest.raises(RecordError, match=r"began with another rubric[\s\S]*-  weight: 0.5\n\+  weight: 0.9"):
        RunRecorder(tmp_path, rubric(0.9)).begin(4, 0, 1)
    with pytest.raises(RecordError, match=r"-- name: right|name: correct"):
        RunRecorder(tmp_path, rubric(0.5, "correct")).begin(4, 0, 1)
    RunRecorder(tmp_path, rubric(0.9), allow_changed_rubric=True).begin(4, 0, 1)
    assert load_rubric(tmp_path / "rubric.yaml") == rubric(0.9)
    RunRecorder(tmp_path, rubric(0.2)).begin(0, 0, 1)  # a new run may have any


class Judge:
    def __init__(self, name):
        self.name = name

    def __call__(self, response):
        return 1.0


@pytest.mark.parametrize(
    "function", [lambda: Judge("a"), lambda: Judge("a").__call__, lambda: functools.partial(Judge("a")), lambda: lambda response: 1.0]
)
def test_a_reward_that_no_file_can_name_is_the_same_in_the_next_process(tmp_path, function):
    def made():
        return Rubric((Reward("judge", reward_function(function())),))

    first = made()
    RunRecorder(tmp_path, first).begin(0, 0, 1)
    RunRecorder(tmp_path, made()).begin(4, 0, 1)
    assert "0x" not in (tmp_path / "rubric.yaml").read_text()


def test_a_step_past_the_runs_last_is_left_out(tmp_path):
    recorder = RunRecorder(tmp_path, rubric())
    recorder.begin(0, 0, 1, max_steps=2)
    for step in (1, 2, 3):
        recorder.record(BatchContext(step, 0, True), rubric().evaluate(samples()))
    recorder.record(BatchContext(3, 0, False), rubric().evaluate(samples()))
    recorder.finish()
    rows = pq.read_table(recorder.parquet).to_pylist()
    assert sorted({(row["mode"], row["step"]) for row in rows}) == [("eval", 3), ("train", 1), ("train", 2)]


def test_parts_that_are_removed_in_mid_run_are_reported(tmp_path, caplog):
    recorder = RunRecorder(tmp_path, rubric())
    for step in (1, 2, 3):
        recorder.record(BatchContext(step, 0, True), rubric().evaluate(samples()))
        recorder.flush()
        if step == 2:
            for path in (tmp_path / "_rewards.parts").iterdir():
                path.unlink()
    with caplog.at_level(logging.ERROR):
        recorder.finish()
    assert "were removed while the run goes on" in caplog.text
    assert set(pq.read_table(recorder.parquet)["step"].to_pylist()) == {3}
    for path in (tmp_path / "_rewards.parts").iterdir():
        path.unlink()
    with pytest.raises(RecordError, match="was removed .* nothing of it is left"):
        recorder.finish()


@pytest.mark.parametrize(("push", "place"), [(False, "_rewards"), (True, ".")])
def test_a_pushed_output_directory_has_the_record_only_where_asked_for(tmp_path, push, place):
    recorder = RunRecorder(tmp_path, rubric(), push=push)
    recorder.begin(0, 0, 1, pushed=True)
    recorder.record(BatchContext(1, 0, True), rubric().evaluate(samples()))
    recorder.finish()
    assert recorder.parquet == tmp_path / place / "rewards.parquet" and recorder.parquet.exists()
    assert read_record(tmp_path).rows == 4
    # transformers' own upload leaves out what begins with an underscore.
    public = {path.name for path in tmp_path.iterdir() if not path.name.startswith("_")}
    assert public == ({"rewards.parquet", "rewards.png", "rubric.yaml"} if push else set())


def test_what_is_no_record_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="must be the record of a run"):
        read_record(tmp_path / "x.parquet")
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path)
