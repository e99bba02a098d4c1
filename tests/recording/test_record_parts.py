"""Parts of the record: append-only, cut off anywhere, dropped by checkpoint."""

import pickle

import pyarrow.parquet as pq
import pytest

from rl_rewards import Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RecordError, RunRecorder
from rl_rewards.recording.parts import parts_in


@reward_function
def one(response: str):
    return 1.0


RUBRIC = Rubric((Reward("one", one),))


def batch(size=2, groups=None):
    groups = groups or [0] * size
    return RUBRIC.evaluate([Sample("p", f"c{i}", f"c{i}", {}, None, groups[i], None, i) for i in range(size)])


def steps(recorder, column="step"):
    recorder.finish()
    return pq.read_table(recorder.parquet)[column].to_pylist()


def record(recorder, *steps, rank=0, training=True, size=1):
    for step in steps:
        recorder.record(BatchContext(step, rank, training), batch(size))
    recorder.flush()


def test_a_part_cut_off_at_any_byte_gives_its_whole_batches_and_no_error(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    record(recorder, 0, 1, 2)
    (part,) = parts_in(tmp_path / "_rewards.parts")
    whole = part.path.read_bytes()
    counts = []
    for length in [*range(0, len(whole), 97), len(whole)]:
        part.path.write_bytes(whole[:length])
        counts.append(sum(1 for _ in part.batches()))
    assert counts[0] == 0 and counts == sorted(counts) and set(counts) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("resumed_at", "kept"),
    [(0, []), (2, [0, 1]), (4, [0, 1, 2, 3]), (6, [0, 1, 2, 3, 4, 5])],
)
def test_a_resumed_run_drops_what_came_after_its_checkpoint(tmp_path, resumed_at, kept):
    recorder = RunRecorder(tmp_path, RUBRIC)
    recorder.begin(0, 0, 1)
    for checkpoint in (2, 4):
        record(recorder, checkpoint - 2, checkpoint - 1)
        recorder.checkpoint(checkpoint)
    record(recorder, 4, 5)
    again = RunRecorder(tmp_path, RUBRIC)
    again.begin(resumed_at, 0, 1)
    assert steps(again) == kept
    record(again, resumed_at)
    assert steps(again) == [*kept, resumed_at]


def test_each_process_drops_its_own_parts_and_those_of_processes_that_are_gone(tmp_path):
    for rank in range(4):
        record(RunRecorder(tmp_path, RUBRIC), 0, rank=rank)
    fast, slow = RunRecorder(tmp_path, RUBRIC), RunRecorder(tmp_path, RUBRIC)
    fast.begin(0, 1, 2)
    record(fast, 0, rank=1)
    slow.begin(0, 0, 2)
    assert steps(slow, "rank") == [1]


def test_an_evaluation_before_training_is_kept_and_not_repeated_by_a_resume(tmp_path):
    first = RunRecorder(tmp_path, RUBRIC)
    record(first, 0, training=False)
    first.begin(0, 0, 1)
    record(first, 0, 1)
    first.checkpoint(2)
    resumed = RunRecorder(tmp_path, RUBRIC)
    record(resumed, 0, training=False)
    resumed.begin(2, 0, 1)
    record(resumed, 2)
    assert steps(resumed) == [0, 0, 1, 2]
    assert steps(resumed, "mode") == ["eval", "train", "train", "train"]


def test_completions_and_groups_are_counted_through_the_batches_of_a_step(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    for step, training in [(0, True), (0, True), (1, False), (1, False), (1, True)]:
        recorder.record(BatchContext(step, 0, training), batch(4, [0, 0, 1, 1]))
    assert steps(recorder, "index") == [*range(8), *range(8), *range(4)]
    assert steps(recorder, "group") == [0, 0, 1, 1, 2, 2, 3, 3] * 2 + [0, 0, 1, 1]


def test_unknown_groups_and_steps_stay_unknown(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    recorder.record(BatchContext(None, 0, True), batch(2, [None, None]))
    assert steps(recorder) == [None, None] and steps(recorder, "group") == [None, None]


def test_a_copy_in_another_process_writes_a_part_of_its_own(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    record(recorder, 0)
    record(pickle.loads(pickle.dumps(recorder)), 1)
    record(recorder, 2)
    assert len(parts_in(tmp_path / "_rewards.parts")) == 2
    assert sorted(steps(recorder)) == [0, 1, 2]


def test_the_record_of_a_killed_run_can_be_finished_later(tmp_path):
    record(RunRecorder(tmp_path, RUBRIC), 0, 1)
    assert steps(RunRecorder(tmp_path, RUBRIC)) == [0, 1]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_output_directory_that_cannot_be_written_is_an_error_at_construction(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match=r"output directory '.*file/run' cannot be written"):
        RunRecorder(tmp_path / "file" / "run", RUBRIC)


def test_long_records_are_written_in_row_groups_of_whole_batches(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    big = batch(40_000)
    for step in range(3):
        recorder.record(BatchContext(step, 0, True), big)
    recorder.finish()
    with pq.ParquetFile(recorder.parquet) as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [80_000, 40_000]
