"""`rl-rewards score --out DIR`: parts that are committed once, gone on with, refused, and read back."""

import json
import os
import pickle
import shutil
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scale_place import parts_of, start

from rl_rewards.tables.readers import read_rows

SMALL = ("--block-rows", "50")


def test_one_process_and_two_write_the_same_parts(place, score):
    done = [score("rubric.yaml", "data.jsonl", "--out", f"out{workers}", *SMALL, "--workers", workers) for workers in (1, 2)]
    assert [each.exit_code for each in done] == [1, 1]
    assert done[0].stderr.replace("out1", "out2") == done[1].stderr and done[0].stderr.endswith("\n600 rows scored: out1\n")
    parts = parts_of("out1")
    assert parts == parts_of("out2") and [name for name in parts if name.startswith("part")] == [f"part-{i:05d}.parquet" for i in range(13)]


def test_the_parts_hold_the_rows_of_a_file_in_order(place, score):
    score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL)
    score("rubric.yaml", "data.jsonl", "--out", "one.parquet")
    whole = pq.read_table("one.parquet").to_pylist()
    assert [row.values for row in read_rows("out")] == whole == pq.read_table("out").to_pylist()


def test_a_directory_is_data_for_every_verb(place, score):
    from typer.testing import CliRunner

    from rl_rewards.cli import app

    score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL)
    score("rubric.yaml", "data.jsonl", "--out", "one.jsonl")
    summaries = [score("rubric.yaml", data, "--summary") for data in ("out", "one.jsonl")]
    assert summaries[0].stdout == summaries[1].stdout and "correct/pass@2" in summaries[0].stdout
    compared = CliRunner().invoke(app, ["compare", "out", "one.jsonl"])
    assert compared.exit_code == 0 and "0.0000" in compared.stdout
    again = score("rubric.yaml", "out", "--out", "again", "--workers", 2)
    assert again.exit_code == 0 and [row.values for row in read_rows("again")] == [row.values for row in read_rows("out")]


def test_a_directory_is_a_record_of_a_run(place, score):
    from rl_rewards.recording import read_record
    from rl_rewards.recording.rows import SCHEMA
    from rl_rewards.reporting.reading import read_run

    score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL)
    record, rows = read_record("out"), [row.values for row in read_rows("out")]
    table = record.table()
    assert table.schema == SCHEMA and table.num_rows == record.rows == 1800 and "correct" in record.rubric
    held = table.to_pylist()
    assert [row["score"] for row in held] == [score for row in rows for score in row["scores"].values()]
    assert {row["reward"]: row["weight"] for row in held} == {"correct": 1.0, "brief": 0.5, "share": 0.1}
    assert [row["index"] for row in held[::3]] == list(range(600)) and held[3]["completion"] == rows[1]["completion"]
    assert record.table(["reward", "score"]).column_names == ["reward", "score"]
    assert len(read_run("out")) == 600


def test_the_same_command_again_scores_nothing_and_says_the_same(place, score):
    (place / "where.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:where"}}]\n')
    first = score("where.yaml", "data.jsonl", "--out", "out", *SMALL)
    assert len(Path("where").read_text().split()) == 600
    second = score("where.yaml", "data.jsonl", "--out", "out")  # blocks as they were cut before
    assert (second.exit_code, second.stderr) == (first.exit_code, first.stderr) and len(Path("where").read_text().split()) == 600
    (place / "out" / "part-00003.parquet").write_bytes(b"half")
    os.remove(place / "out" / "part-00007.parquet")
    os.remove(place / "out" / "_commits" / "00009.json")
    (place / "out" / "_commits" / "00011.json").write_text('{"start": 0')
    third = score("where.yaml", "data.jsonl", "--out", "out")
    assert third.stderr == first.stderr and len(Path("where").read_text().split()) == 800
    score("where.yaml", "data.jsonl", "--out", "other", *SMALL)
    assert parts_of("out") == parts_of("other")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_was_killed_goes_on(place, score, workers):
    (place / "where.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:where"}}]\n')
    score("where.yaml", "data.jsonl", "--out", "whole", "--block-rows", 10)
    os.remove("where")
    (place / "hold").touch()
    killed = start("where.yaml", "data.jsonl", "--out", "out", "--block-rows", 10, "--workers", workers)
    while not list(place.glob("out/_commits/0*.json")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    os.remove("hold")
    before = len(Path("where").read_text().split())
    assert not (place / "out" / "_done.json").exists()
    done = score("where.yaml", "data.jsonl", "--out", "out", "--workers", workers)
    assert done.exit_code == 1 and "600 rows scored" in done.stderr and parts_of("out") == parts_of("whole")
    assert before < 600 and len(Path("where").read_text().split()) <= 600 + 10 * 2 * workers


def test_a_directory_of_another_run_is_refused(place, score):
    assert score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL).exit_code == 1
    before = parts_of("out")
    shutil.copy("data.jsonl", "longer.jsonl")
    with open("longer.jsonl", "a") as file:
        file.write(json.dumps({"prompt": "q", "completion": "x"}) + "\n")
    (place / "other.yaml").write_text((place / "rubric.yaml").read_text().replace("0.5", "0.6"))
    for arguments, what in [
        (("rubric.yaml", "longer.jsonl"), "(data: "),
        (("other.yaml", "data.jsonl"), "(rubric: "),
        (("rubric.yaml", "data.jsonl", "--block-rows", 60), "(block_rows: 50 there, 60 now)"),
    ]:
        done = score(*arguments, "--out", "out")
        assert done.exit_code == 2 and "error: out holds parts of another run" in done.stderr and what in done.stderr
        assert "give another --out, or delete it to score anew" in done.stderr
    (place / "mine.py").write_text((place / "mine.py").read_text() + "# changed\n")
    assert "(rubric: " in score("rubric.yaml", "data.jsonl", "--out", "out").stderr  # its functions are part of it
    assert parts_of("out") == before


def test_what_is_no_directory_of_ours_is_left_alone(place, score):
    (place / "out").mkdir()
    (place / "out" / "thesis.txt").write_text("")
    done = score("rubric.yaml", "data.jsonl", "--out", "out")
    assert done.exit_code == 2 and "error: out must be new, empty, or begun by this command, got a directory with thesis.txt" in done.stderr
    assert os.listdir("out") == ["thesis.txt"]
    (place / "file").write_text("")
    assert "error: file: " in score("rubric.yaml", "data.jsonl", "--out", "file").stderr
    assert "error: no/where: No such file or directory" in score("rubric.yaml", "data.jsonl", "--out", "no/where").stderr


def test_a_directory_that_is_not_done_or_lacks_parts_is_no_data(place, score):
    score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL)
    os.remove("out/part-00004.parquet")
    assert "error: out: 1 of 13 parts are missing, the first: part-00004.parquet" in score("rubric.yaml", "out", "--summary").stderr
    os.remove("out/_done.json")
    assert "error: out: not all of its parts are scored" in score("rubric.yaml", "out", "--summary").stderr


def test_two_commands_at_once_are_refused(place, score):
    from rl_rewards.scale.directory import DirectoryError, RunDirectory

    with RunDirectory("out").open({"data": "1"}), pytest.raises(DirectoryError, match="is in use"), RunDirectory("out").open({"data": "1"}):
        pass


def test_the_counts_of_a_strangers_directory_run_no_code(place, score):
    import base64
    import zlib

    class Evil:
        def __reduce__(self):
            return os.mkdir, ("owned",)

    score("rubric.yaml", "data.jsonl", "--out", "out", *SMALL)
    path = place / "out" / "_commits" / "00002.json"
    commit = json.loads(path.read_text())
    commit["state"] = base64.b64encode(zlib.compress(pickle.dumps((Evil(), None)))).decode()
    path.write_text(json.dumps(commit))
    done = score("rubric.yaml", "data.jsonl", "--out", "out")
    assert done.exit_code == 2 and "00002.json must hold counts and results, got posix.mkdir" in done.stderr and not (place / "owned").exists()


def test_rows_without_an_id_and_rows_that_are_there_twice_are_rows_of_their_own(place, score):
    rows = [{"id": 1, "prompt": "q", "completion": "<answer>1</answer>", "answer": "1"}] * 3 + [{"prompt": "q", "completion": "x", "answer": "1"}]
    (place / "twice.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert score("rubric.yaml", "twice.jsonl", "--out", "out", "--block-rows", 2).exit_code == 0
    assert [row.values["id"] for row in read_rows("out")] == [1, 1, 1, None]


def test_data_without_a_row_leaves_a_directory_without_parts(place, score):
    (place / "empty.jsonl").write_text("bad\n")
    done = score("rubric.yaml", "empty.jsonl", "--out", "out")
    assert done.exit_code == 2 and "error: empty.jsonl: no rows to score, 1 with problems" in done.stderr
