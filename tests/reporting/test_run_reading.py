"""A run's arrays are what its record, or its scored file, holds: recomputed here row by row."""

import json
import math
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_records import record, rubric, samples

from rl_rewards import Sample
from rl_rewards.evaluation.aggregates import tally_of
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import ReportError, read_run
from rl_rewards.tables.scored import scored_rows
from rl_rewards.tables.writers import open_writer
from rl_rewards.user_errors import UserError


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory):
    return record(tmp_path_factory.mktemp("runs") / "small")


def test_every_number_of_the_record_is_in_the_arrays(run_directory):
    run = read_run(run_directory)
    rows = pq.read_table(run_directory / "rewards.parquet").to_pylist()
    assert len(rows) == len(run) * len(run.rewards) and run.rewards == ("correct", "graded", "metric") and run.weights.tolist() == [1, 0.5, 0]
    names = [run.row_name(i) for i in range(len(run))]
    assert len(set(names)) == len(run)
    for row in rows:
        i, j = names.index(f"{row['mode']}/{row['step']}/{row['rank']}/{row['index']}"), run.rewards.index(row["reward"])
        for name, array in (("score", run.scores), ("raw", run.raw)):
            assert row[name] == array[i, j] or (row[name] is None and math.isnan(array[i, j]))
        assert row["failed"] == run.failed[i, j] and row["scorable"] == run.scorable[i] and run.seconds[i, j] == pytest.approx(row["seconds"])
        assert row["advantage"] == run.advantage[i] or (row["advantage"] is None and math.isnan(run.advantage[i]))
        assert run.prompt_ids[run.prompt[i]] == row["prompt_id"] and run.characters[i] == len(row["completion"])
        for part in row["components"]:
            assert run.components[row["reward"], part["name"]][i] == part["score"]


def test_a_total_is_the_weighted_sum_and_none_where_a_weighted_reward_failed(run_directory):
    run = read_run(run_directory)
    evaluation = rubric().evaluate(samples(2))
    first = [run.row_name(i) for i in range(len(run))].index("train/2/0/0")
    found = [None if math.isnan(value) else value for value in run.total[first : first + 12]]
    assert found == pytest.approx(evaluation.totals())
    assert found[11] is None and not run.scorable[first + 11]


def test_the_ledger_sums_to_the_rows_and_equals_the_tallies(run_directory):
    run = read_run(run_directory)
    tallies = defaultdict(Counter)
    for step in range(1, 5):
        evaluation = rubric().evaluate(samples(step))
        for name in run.rewards:
            tally = tally_of(evaluation, name)
            tallies[name].update({key: getattr(tally, key) for key in ("rows", "scored", "unparsed", "skipped", "failed", "left_out")})
    ledger = run.ledger(run.training)
    assert {name: dict(counts) for name, counts in tallies.items()} == ledger
    for counts in ledger.values():
        assert counts["rows"] == sum(count for kind, count in counts.items() if kind != "rows")
    assert ledger["graded"] == {"rows": 48, "scored": 40, "unparsed": 0, "skipped": 4, "failed": 4, "left_out": 0}
    assert ledger["correct"]["left_out"] == 4 and ledger["correct"]["unparsed"] == 16


def test_groups_have_one_number_in_the_whole_run(run_directory):
    run = read_run(run_directory)
    rows = pq.read_table(run_directory / "rewards.parquet", columns=["mode", "step", "rank", "group", "index"]).to_pylist()
    wanted = defaultdict(set)
    for row in rows:
        wanted[row["mode"], row["step"], row["rank"], row["group"]].add(f"{row['mode']}/{row['step']}/{row['rank']}/{row['index']}")
    found = defaultdict(set)
    for i, group in enumerate(run.group):
        found[group].add(run.row_name(i))
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, wanted.values()))


def test_a_run_that_goes_on_is_read_from_its_parts(tmp_path, run_directory):
    finished, running = read_run(run_directory), read_run(record(tmp_path / "live", finish=False))
    assert finished.finished and not running.finished and "number_match" in running.rubric
    assert np.array_equal(running.scores, finished.scores, equal_nan=True) and np.array_equal(running.total, finished.total, equal_nan=True)
    assert running.texts([3])[3].completion == finished.texts([3])[3].completion


def test_texts_are_read_for_the_rows_that_are_asked_for(run_directory):
    run = read_run(run_directory)
    found = run.texts([0, 2, len(run) - 1])
    assert list(found) == [0, 2, len(run) - 1]
    assert found[0].completion.startswith("<answer>4</answer>") and found[0].parsed["correct"] == "4" and found[2].parsed["correct"] is None
    assert "a failure of ours" in found[len(run) - 1].reasons["graded"] and json.loads(found[0].references) == {"answer": "4"}


def test_the_trainers_log_is_read_from_the_last_checkpoint(run_directory, tmp_path):
    for name, loss in (("checkpoint-2", 9.0), ("checkpoint-10", 1.5)):
        folder = run_directory / name
        folder.mkdir(exist_ok=True)
        history = [{"step": 1, "loss": loss, "epoch": 0.1}, {"step": 2, "loss": loss / 2, "eval_loss": float("nan")}]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    run = read_run(run_directory)
    steps, values = run.logged["loss"]
    assert steps.tolist() == [1, 2] and values.tolist() == [1.5, 0.75] and np.isnan(run.logged["eval_loss"][1]).tolist() == [True]
    (run_directory / "trainer_state.json").write_text('{"log_history": [{"st')  # cut off by a kill
    assert read_run(run_directory).logged["loss"][1].tolist() == [1.5, 0.75]
    (run_directory / "trainer_state.json").unlink()


@pytest.mark.parametrize(
    ("completion", "length"),
    [
        ("plain", 5),
        ([{"role": "assistant", "content": "abc"}], 3),
        ([{"role": "assistant", "content": None}, {"role": "tool", "content": "ab"}], 2),
        ("[{not messages", 14),
    ],
    ids=["text", "messages", "no-content", "broken"],
)
def test_the_length_of_messages_is_that_of_their_contents(tmp_path, completion, length):
    recorder = RunRecorder(tmp_path, rubric())
    text = completion if isinstance(completion, str) else completion[0]["content"] or ""
    recorder.record(BatchContext(1, 0, True), recorder.rubric.evaluate([Sample("p", completion, text, {"answer": "4"}, None, 0, 1, 0)]))
    recorder.checkpoint(1)
    recorder.finish()
    assert read_run(tmp_path).characters.tolist() == [length]


def scored(path, rows):
    evaluation = rubric().evaluate(rows)
    data = [{"prompt": each.prompt, "completion": each.completion, "answer": "4"} for each in rows]
    source = path.with_suffix(".in.jsonl")
    source.write_text("".join(json.dumps(row) + "\n" for row in data))
    writer = open_writer(path.suffix, path, source, [reward.name for reward in rubric()])
    writer.write(list(scored_rows(data, evaluation)))
    writer.close()
    return evaluation


@pytest.mark.parametrize("kind", [".jsonl", ".parquet"])
def test_a_scored_file_is_a_run_without_steps(tmp_path, kind):
    evaluation = scored(tmp_path / f"scored{kind}", samples(1))
    run = read_run(tmp_path / f"scored{kind}")
    assert not run.recorded and run.rewards == ("correct", "graded", "metric") and not run.stepped
    assert [None if math.isnan(value) else value for value in run.total] == pytest.approx(evaluation.totals())
    assert run.scorable.tolist() == list(evaluation.scorable)
    assert run.group.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert run.weights.tolist() == pytest.approx([1, 0.5, 0])
    assert run.components["graded", "letters"][0] == len(samples(1)[0].response)
    assert run.texts([1])[1].reasons["graded"].endswith("characters") and run.row_name(4) == "row/5"
    ledger = run.ledger()
    for name in run.rewards:
        tally = tally_of(evaluation, name)
        assert ledger[name] == {key: getattr(tally, key) for key in ("rows", "scored", "unparsed", "skipped", "failed", "left_out")}


def test_weights_that_the_totals_do_not_tell_are_unknown(tmp_path):
    rows = [{"prompt": "p", "completion": "c", "score": 1.0, "scores": {"a": value, "b": value}} for value in (0.0, 1.0, 2.0)]
    (tmp_path / "same.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert np.isnan(read_run(tmp_path / "same.jsonl").weights).all()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing", None, "No such file"),
        ("empty.jsonl", "", "holds no completions"),
        ("plain.jsonl", '{"prompt": "p", "completion": "c"}\n', "must have a column 'scores'"),
        ("broken.jsonl", '{"prompt": "p", \n', "broken.jsonl:1"),
        ("text.jsonl", '{"prompt": "p", "completion": "c", "scores": {"a": "high"}}\n', "must be a number or null, got 'high'"),
        ("truth.jsonl", '{"prompt": "p", "completion": "c", "scores": {"a": true}}\n', "must be a number or null, got True"),
        ("noresponse.jsonl", '{"prompt": "p", "scores": {"a": 1.0}}\n', "noresponse.jsonl:1: no response in this row"),
        ("notes.txt", "hello", "ends in"),
        ("rewards.parquet", "no parquet", "rewards.parquet"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and len(value) < 20 else "",
)
def test_what_is_no_run_is_an_error_that_says_what_is_wrong(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises((UserError, OSError), match=says.replace("(", r"\(")):
        read_run(tmp_path / name)


def test_a_directory_must_hold_one_run(tmp_path):
    with pytest.raises(ReportError, match=r"must be a run's output directory with rewards.parquet, or hold a file .* found nothing"):
        read_run(tmp_path)
    scored(tmp_path / "a.jsonl", samples(1))
    (tmp_path / "a.in.jsonl").rename(tmp_path / "prompts.jsonl")
    assert read_run(tmp_path).name == tmp_path.name and len(read_run(tmp_path)) == 12
    scored(tmp_path / "b.jsonl", samples(1))
    with pytest.raises(ReportError, match=r"must hold one scored file, got a.jsonl, b.jsonl; name the one that is meant"):
        read_run(tmp_path)


def test_reading_a_run_loads_no_torch_and_no_altair(run_directory):
    code = f"import sys; from rl_rewards.reporting import read_run; read_run({str(run_directory)!r}); assert not {{'torch', 'trl', 'altair', 'vl_convert'}} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
