"""`rl-rewards score`."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rl_rewards.tables import batches

ADDED_TO_THE_FIRST_ROW = {
    "score": 1.5,
    "scores": {"correct": 1.0, "format": 1.0},
    "outcomes": {"correct": "scored", "format": "scored"},
    "reasons": {"correct": None, "format": None},
    "components": {"correct": [], "format": []},
}


def rows_of(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


SUMMARY = "correct: mean 0.3333 over 3 rows, unparsed rate 33.3%\nformat: mean 0.6667 over 3 rows\n"


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
def test_rows_come_back_with_their_scores(run, place, out):
    result = run("score", "rubric.yaml", "data.jsonl", "--out", out)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{SUMMARY}3 rows scored: {out}\n")
    rows = rows_of(place / out)
    assert rows[0] == {"prompt": "1+1?", "completion": "<answer>2</answer>", "answer": "2", **ADDED_TO_THE_FIRST_ROW}
    assert [row["score"] for row in rows] == [1.5, 0.5, 0.0]
    assert [row["outcomes"]["correct"] for row in rows] == ["scored", "scored", "unparsed"]
    assert rows[2]["reasons"]["correct"] == "no answer in the response"


def test_parquet_and_csv_are_read_too(run, place):
    rows = [{"prompt": "1+1?", "completion": "<answer>2</answer>", "answer": "2"}]
    pq.write_table(pa.Table.from_pylist(rows), place / "data.parquet")
    (place / "data.csv").write_text("prompt,completion,answer\n1+1?,<answer>2</answer>,2\n")
    for data in ("data.parquet", "data.csv"):
        for out in ("out.jsonl", "out.parquet"):
            assert run("score", "rubric.yaml", data, "--out", out).exit_code == 0
            assert rows_of(place / out) == [{**rows[0], **ADDED_TO_THE_FIRST_ROW}]


USER, ASSISTANT = {"role": "user", "content": "How much is 2+2?"}, {"role": "assistant", "content": "<answer>2</answer>"}


@pytest.mark.parametrize(
    "columns",
    [
        {"instruction": "How much is 2+2?", "response": "<answer>2</answer>"},
        {"conversation": [USER, ASSISTANT]},
        {"messages": [USER, ASSISTANT]},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"prompt": "How much is 2+2?", "completion": "<answer>2</answer>"},
    ],
    ids=lambda columns: "+".join(columns),
)
def test_every_form_of_a_response_is_understood_and_kept(run, place, write_rows, columns):
    write_rows("data.jsonl", [{**columns, "answer": "2"}])
    assert run("score", "rubric.yaml", "data.jsonl", "--out", "out.jsonl").exit_code == 0
    assert rows_of(place / "out.jsonl") == [{**columns, "answer": "2", **ADDED_TO_THE_FIRST_ROW}]


def test_a_file_of_many_batches_keeps_its_order(run, place, write_rows, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_ROWS", 7)
    write_rows("data.jsonl", [{"prompt": str(i), "completion": f"<answer>{i}</answer>", "answer": str(i % 2)} for i in range(100)])
    for out in ("out.jsonl", "out.parquet"):
        assert run("score", "rubric.yaml", "data.jsonl", "--out", out).exit_code == 0
        assert [(row["prompt"], row["score"]) for row in rows_of(place / out)] == [(str(i), 1.5 if i < 2 else 0.5) for i in range(100)]


def test_a_group_is_scored_whole(run, place, write_rows, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_ROWS", 3)
    (place / "mine.py").write_text(
        "from rl_rewards import EvaluateResult, Rubric, Reward\nfrom rl_rewards.scorers import Scorer, Traits\n\n\n"
        "class GroupSize(Scorer):\n    traits = Traits(needs_groups=True)\n\n    def score(self, samples, answers):\n"
        "        groups = [sample.group for sample in samples]\n        return [EvaluateResult(groups.count(group)) for group in groups]\n\n\n"
        "rubric = Rubric((Reward('size', GroupSize()),))\n"
    )
    write_rows("data.jsonl", [{"prompt": prompt, "completion": "x"} for prompt in "aaaaabbbbc"])
    assert run("score", "mine.py:rubric", "data.jsonl", "--out", "out.jsonl").exit_code == 0
    assert [row["score"] for row in rows_of(place / "out.jsonl")] == [5] * 5 + [4] * 4 + [1]


def test_a_malformed_line_is_told_with_its_number_counted_and_the_rest_goes_on(run, place, write_rows):
    good = {"prompt": "q", "completion": "<answer>2</answer>", "answer": "2"}
    write_rows("data.jsonl", [good, '{"prompt": ', "[]", {"answer": "2"}, good])
    result = run("score", "rubric.yaml", "data.jsonl", "--out", "out.jsonl")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0].startswith("data.jsonl:2: not JSON: ") and told[1] == "data.jsonl:3: a row must be a JSON object, got list"
    assert told[2].startswith("data.jsonl:4: no response in this row") and told[3] == "3 of 5 rows were left out"
    assert len(rows_of(place / "out.jsonl")) == 2


def test_after_twenty_malformed_lines_the_rest_is_counted(run, place, write_rows):
    write_rows("data.jsonl", ["oops"] * 50 + [{"prompt": "q", "completion": "a", "answer": "2"}])
    result = run("score", "rubric.yaml", "data.jsonl", "--out", "out.jsonl")
    assert result.stderr.count("not JSON") == 20 and "50 of 51 rows were left out" in result.stderr


def test_a_failing_reward_leaves_null_and_status_1(run, place, write_rows):
    write_rows("data.jsonl", [{"prompt": "q", "completion": "<answer>2</answer>", "answer": "2"}, {"prompt": "q", "completion": "a"}])
    for out in ("out.jsonl", "out.parquet"):
        result = run("score", "rubric.yaml", "data.jsonl", "--out", out)
        assert result.exit_code == 1 and "reward 'correct' failed on 1 of 2 rows; the first: outcome error, no reference 'answer'" in result.stderr
        row = rows_of(place / out)[1]
        assert (row["scores"], row["outcomes"]["correct"], row["score"]) == ({"correct": None, "format": 0.0}, "error", None)


def test_components_have_names_scores_and_reasons(run, place):
    (place / "mine.py").write_text(
        "from rl_rewards import EvaluateResult, MetricResult\n\n\ndef mine(response, **kwargs):\n"
        "    return EvaluateResult(1.0, metrics={'a': MetricResult(0.5, 'half'), 'b': 2, 'c': float('nan')})\n"
    )
    for out in ("out.jsonl", "out.parquet"):
        assert run("score", "mine.py:mine", "data.jsonl", "--out", out).exit_code == 0
        assert rows_of(place / out)[0]["components"] == {
            "mine": [
                {"name": "a", "score": 0.5, "reason": "half"},
                {"name": "b", "score": 2.0, "reason": None},
                {"name": "c", "score": None, "reason": None},
            ]
        }


def test_scored_data_can_be_scored_again_in_place(run, place):
    assert run("score", "rubric.yaml", "data.jsonl", "--out", "data.jsonl").exit_code == 0
    once = rows_of(place / "data.jsonl")
    result = run("score", "rubric.yaml", "data.jsonl", "--out", "data.jsonl")
    assert result.exit_code == 0 and "columns of the data that were replaced: components, outcomes, reasons, score, scores" in result.stderr
    assert rows_of(place / "data.jsonl") == once


@pytest.mark.parametrize(
    "response",
    ["", "\ud800", "\0", "<answer>" * 4000, " " * 60_000, "{" * 3000, "x" * 10_000_000],
    ids=["empty", "surrogate", "NUL", "open tags", "spaces", "braces", "10 MB"],
)
@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
def test_hostile_responses_are_scored_as_wrong(run, place, write_rows, response, out):
    write_rows("data.jsonl", [{"prompt": "q", "completion": response, "answer": "2"}, {"prompt": "q", "completion": "a", "answer": "2"}])
    assert run("score", "rubric.yaml", "data.jsonl", "--out", out).exit_code == 0
    assert [row["score"] for row in rows_of(place / out)] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rubric.yaml", "nope.jsonl", "--out", "out.jsonl"], "error: nope.jsonl: No such file or directory"),
        (["rubric.yaml", "data.jsonl", "--out", "nope/out.jsonl"], "error: nope/out.jsonl: No such file or directory"),
        (["rubric.yaml", "data.jsonl", "--out", "rubric.yaml/out.jsonl"], "error: rubric.yaml/out.jsonl: Not a directory"),
        (["rubric.yaml", "data.jsonl", "--out", "folder.jsonl"], "error: folder.jsonl: Is a directory"),
        (["rubric.yaml", "data.jsonl", "--out", "out.csv"], "ends in .jsonl, .ndjson, .parquet, found '.csv'"),
        (["rubric.yaml", "data.jsonl", "--out", "/proc/out.jsonl"], "error: /proc/out.jsonl: "),
        (["rubric.yaml", "rubric.yaml", "--out", "out.jsonl"], "ends in .jsonl, .ndjson, .json, .csv, .parquet, found '.yaml'"),
        (["rubric.yaml", "empty.jsonl", "--out", "out.jsonl"], "error: empty.jsonl: no rows to score"),
        (["rubric.yaml", "empty.parquet", "--out", "out.jsonl"], "error: empty.parquet: not Parquet"),
        (["rubric.yaml", "data.jsonl"], "Missing option"),
    ],
)
def test_what_cannot_be_read_or_written_is_told_in_a_line_and_nothing_is_left(run, place, arguments, message):
    (place / "folder.jsonl").mkdir()
    (place / "empty.jsonl").write_text("")
    (place / "empty.parquet").write_text("")
    before = sorted(os.listdir(place))
    result = run("score", *arguments)
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr
    assert sorted(os.listdir(place)) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [("raise ValueError('boom')", 2), ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", 130)],
    ids=["raises", "Ctrl-C"],
)
def test_what_was_there_stays_when_scoring_ends_early(run, place, body, status):
    (place / "mine.py").write_text(f"def mine(response, **kwargs):\n    {body}\n")
    (place / "rubric.yaml").write_text('rewards: [{name: r, on_error: raise, score: {function: "mine.py:mine"}}]')
    (place / "out.jsonl").write_text("old")
    before = sorted(os.listdir(place))
    result = run("score", "rubric.yaml", "data.jsonl", "--out", "out.jsonl")
    assert result.exit_code == status
    assert (place / "out.jsonl").read_text() == "old"
    assert [name for name in sorted(os.listdir(place)) if name != "__pycache__"] == before
    if status == 2:
        assert "error: reward 'r' failed with outcome 'error': ValueError: boom" in result.stderr


def test_what_a_model_wrote_into_an_error_is_not_obeyed_by_the_terminal(run, place, write_rows):
    (place / "mine.py").write_text("def mine(response, **kwargs):\n    raise ValueError(response)\n")
    write_rows("data.jsonl", [{"prompt": "q", "completion": "\x1b]0;owned\x07"}])
    result = run("score", "mine.py:mine", "data.jsonl", "--out", "out.jsonl")
    assert result.exit_code == 1 and "\\x1b]0;owned\\x07" in result.stderr and "\x1b" not in result.stderr


@pytest.mark.parametrize(("kind", "out"), [("json", "out.jsonl"), ("parquet", "out.parquet")])
def test_scored_data_loads_as_a_dataset(run, place, kind, out):
    datasets = pytest.importorskip("datasets")
    assert run("score", "rubric.yaml", "data.jsonl", "--out", out).exit_code == 0
    rows = datasets.load_dataset(kind, data_files=str(place / out), cache_dir=str(place / "cache"), split="train")
    assert rows["score"][:] == [1.5, 0.5, 0.0] and rows[0]["scores"] == {"correct": 1.0, "format": 1.0}
