"""The seconds of single rows in the record, and records of versions that had none."""

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from rl_rewards import Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder, read_record
from rl_rewards.recording.parts import parts_in
from rl_rewards.recording.rows import SCHEMA
from rl_rewards.reporting import read_run


@reward_function(mode="batch")
def together(completions):
    return [1.0] * len(completions)


RUBRIC = Rubric((Reward("same", {"string_match": "answer"}), Reward("together", together)))


def record(recorder, *steps):
    """The results' own seconds, as the record has them."""
    kept = []
    for step in steps:
        batch = [Sample.from_row({"prompt": "?", "completion": text, "answer": "4"}, i) for i, text in enumerate(("4", "5", "four"))]
        evaluation = recorder.rubric.evaluate(batch)
        recorder.record(BatchContext(step, 0, True), evaluation)
        kept += [column.results[i].seconds for i in range(3) for column in evaluation.columns.values()]
    return kept


def older(directory):
    """Rewrites a run's record as the version before wrote it."""
    path = directory / "rewards.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["row_seconds"]), path)


def older_parts(directory):
    for part in parts_in(directory / "_rewards.parts"):
        batches = [pa.RecordBatch.from_arrays(batch.columns[:-1], names=SCHEMA.names[:-1]) for batch in part.batches()]
        with pa.OSFile(str(part.path), "wb") as file, pa.ipc.new_stream(file, batches[0].schema) as stream:
            for batch in batches:
                stream.write_batch(batch)


def test_each_row_has_its_own_seconds_and_those_of_its_batch(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    kept = record(recorder, 1, 2)
    recorder.finish()
    rows = read_record(tmp_path).table(["reward", "seconds", "row_seconds"]).to_pylist()
    assert [row["row_seconds"] for row in rows] == kept
    assert all((row["row_seconds"] is None) == (row["reward"] == "together") and row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize("columns", [None, ["row_seconds"], ["score", "row_seconds", "reward"], ["step"]])
def test_an_older_record_is_read_with_no_seconds_of_rows(tmp_path, columns):
    recorder = RunRecorder(tmp_path, RUBRIC)
    record(recorder, 1)
    recorder.finish()
    whole = read_record(tmp_path).table().to_pylist()
    older(tmp_path)
    expected = [{name: None if name == "row_seconds" else value for name, value in row.items() if not columns or name in columns} for row in whole]
    for table in (read_record(tmp_path).table(columns), pa.concat_tables(read_record(tmp_path).batches(columns))):
        assert table.to_pylist() == expected and table.column_names == (columns or SCHEMA.names)


def test_a_column_that_no_record_has_is_named(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    record(recorder, 1)
    recorder.finish()
    with pytest.raises(KeyError, match="secnds"):
        read_record(tmp_path).table(["secnds"])


def test_a_run_of_an_older_version_is_gone_on_with(tmp_path):
    earlier = RunRecorder(tmp_path, RUBRIC)
    earlier.begin(0, 0, 1)
    record(earlier, 1, 2)
    earlier.checkpoint(2)
    older_parts(tmp_path)
    assert len(read_run(tmp_path)) == 6  # from its parts
    again = RunRecorder(tmp_path, RUBRIC)
    again.begin(2, 0, 1)
    kept = record(again, 3)
    again.finish()
    assert [row["row_seconds"] for row in read_record(tmp_path).table().to_pylist()] == [None] * 12 + kept
