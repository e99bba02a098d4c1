"""`score --summary`, `--json` and `--keep mixed`: the numbers and the difficulty filter from the command line."""

import json

import pyarrow.parquet as pq
import pytest

AGGREGATED = """
rewards:
- {name: correct, parse: {tag: answer}, score: {string_match: answer}}
- {name: format, weight: 0.5, score: {regex_match: "<answer>[^<]*</answer>"}}
aggregates:
- pass_at_k: {reward: correct, k: [1, 2, 3]}
- solved: correct
- f1: {reward: correct, reference: answer}
"""
# a: always right, b: never, c: mixed, d: mixed with rows apart.
GROUPS = [("a", "1"), ("a", "1"), ("b", "0"), ("d", "1"), ("b", "0"), ("c", "1"), ("c", "0"), ("d", None)]
ROWS = [
    {"prompt": prompt, "completion": "nothing" if answer is None else f"<answer>{answer}</answer>", "answer": "1", "place": i}
    for i, (prompt, answer) in enumerate(GROUPS)
]


@pytest.fixture
def aggregated(place, write_rows):
    (place / "rubric.yaml").write_text(AGGREGATED)
    write_rows("data.jsonl", ROWS)
    return place


def line_of(text, name):
    return next(" ".join(line.split()) for line in text.splitlines() if line.strip().startswith(name))


def test_a_summary_has_a_line_for_each_number_and_needs_no_output(run, aggregated):
    result = run("score", "rubric.yaml", "data.jsonl", "--summary")
    assert result.exit_code == 0, result.stderr
    assert line_of(result.stdout, "correct/pass@1").startswith("correct/pass@1 0.5000 0.")
    assert line_of(result.stdout, "correct/pass@2").startswith("correct/pass@2 0.7500 0.")
    assert line_of(result.stdout, "correct/pass@3") == "correct/pass@3 - - 0 problems up"
    assert "4 problems down" in line_of(result.stdout, "correct/never_solved")
    assert "correct/pass@3: 4 of 4 problems have fewer than 3 scored completions" in result.stderr
    assert "correct: 1 of 8 rows without an answer, which count as wrong" in result.stderr
    assert {path.name for path in aggregated.iterdir()} == {"rubric.yaml", "data.jsonl"}


def test_the_numbers_as_json(run, aggregated):
    assert run("score", "rubric.yaml", "data.jsonl", "--json", "numbers.json", "-o", "out.jsonl").exit_code == 0
    numbers = json.loads((aggregated / "numbers.json").read_text())["numbers"]
    assert numbers["rewards/correct/pass@2"]["value"] == 0.75 and numbers["rewards/correct/never_solved"]["direction"] == "down"
    assert numbers["rewards/correct/mean"] == numbers["rewards/correct/mean"] | {"value": 0.5, "of": 8, "no_answer": 1, "failed": 0}
    assert len((aggregated / "out.jsonl").read_text().splitlines()) == 8


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("keep", ["mixed", "mixed:correct"])
def test_keep_mixed_writes_the_rows_of_prompts_that_are_sometimes_right(run, aggregated, out, keep):
    result = run("score", "rubric.yaml", "data.jsonl", "--keep", keep, "--out", out)
    assert result.exit_code == 0, result.stderr
    rows = pq.read_table(out).to_pylist() if out.endswith("parquet") else [json.loads(line) for line in open(out)]
    assert [row["place"] for row in rows] == [3, 5, 6, 7] and rows[0]["scores"] == {"correct": 1.0, "format": 1.0}
    assert "kept 2 of 4 prompts by 'correct': 1 are always right, 1 never" in result.stderr and f"8 rows scored, 4 kept: {out}" in result.stderr
    assert {path.name for path in aggregated.iterdir()} == {"rubric.yaml", "data.jsonl", out}


def test_a_filter_that_keeps_nothing_says_so_with_status_1(run, aggregated, write_rows):
    write_rows("data.jsonl", ROWS[:3])
    result = run("score", "rubric.yaml", "data.jsonl", "--keep", "mixed", "--out", "out.jsonl")
    assert result.exit_code == 1
    assert "kept 0 of 2 prompts by 'correct': 1 are always right, 1 never; 1 have one scored completion only" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep", "hard", "--out", "out.jsonl"], "--keep must be mixed or mixed:REWARD, got 'hard'"),
        (
            ["--keep", "mixed:corect", "--out", "out.jsonl"],
            "a filter must name a reward, got 'corect'; there are correct, format; did you mean 'correct'?",
        ),
        (["--keep", "mixed"], "Missing option '--out', which only --summary and --json do without"),
        ([], "Missing option '--out', which only --summary and --json do without"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(run, aggregated, arguments, message):
    result = run("score", "rubric.yaml", "data.jsonl", *arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert {path.name for path in aggregated.iterdir()} == {"rubric.yaml", "data.jsonl"}


def test_two_weighted_rewards_leave_open_which_one_is_meant(run, place, write_rows):
    result = run("score", "rubric.yaml", "data.jsonl", "--keep", "mixed", "--out", "out.jsonl")
    assert result.exit_code == 2 and "which reward says what is right must be given, as in mixed:correct" in result.stderr


def test_an_aggregate_without_any_row_is_status_1(run, aggregated):
    (aggregated / "rubric.yaml").write_text(AGGREGATED.replace("reference: answer}", "reference: gold}"))
    result = run("score", "rubric.yaml", "data.jsonl", "--summary")
    assert result.exit_code == 1
    assert "correct: 8 of 8 rows without a reference and left out of f1, the first: no reference 'gold' in this row" in result.stderr
    result = run("validate", "rubric.yaml", "--data", "data.jsonl")
    assert result.exit_code == 0 and "the aggregates of the rubric read columns that the data lacks: 'gold'" in result.stderr


def test_compare_what_score_wrote(run, aggregated, write_rows):
    assert run("score", "rubric.yaml", "data.jsonl", "--out", "a.jsonl").exit_code == 0
    write_rows("data.jsonl", [{**row, "completion": "<answer>0</answer>"} for row in ROWS])
    assert run("score", "rubric.yaml", "data.jsonl", "--out", "b.parquet").exit_code == 0
    result = run("compare", "a.jsonl", "b.parquet", "--fail-if", "correct<-0.01", "--by", "answer", "--json", "c.json")
    assert result.exit_code == 1 and "--fail-if correct<-0.01: holds, the difference is -0.5" in result.stderr
    assert line_of(result.stdout, "correct").startswith("correct 0.5000 0.0000 -0.5000")
    assert "The 3 prompts that changed most (total):" in result.stdout
    assert json.loads((aggregated / "c.json").read_text())["differences"][1]["difference"] == -0.5
    assert run("compare", "a.jsonl", "b.parquet", "--fail-if", "correct<-0.6").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl", "b.jsonl", "--fail-if", "corect<0"], "a reward of both sides must be named, got 'corect'; there are total, correct, format"),
        (["a.jsonl", "b.jsonl", "--fail-if", "correct=0"], "a condition must be REWARD, one of < <= > >=, and a number"),
        (["a.jsonl", "nothing.jsonl"], "error: nothing.jsonl: No such file or directory"),
        (["a.jsonl", "data.jsonl"], "data.jsonl:1: a scored row must have a column 'scores'"),
        (["a.jsonl", "."], "must be a scored file, or a run with its rewards.parquet"),
        (["a.jsonl", "failed.jsonl", "--fail-if", "correct<0"], "correct<0 cannot be decided: no prompt has a score of 'correct' on both sides"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_status_2(run, aggregated, arguments, message):
    assert run("score", "rubric.yaml", "data.jsonl", "--out", "a.jsonl").exit_code == 0
    lines = (aggregated / "a.jsonl").read_text()
    (aggregated / "b.jsonl").write_text(lines)
    (aggregated / "failed.jsonl").write_text(lines.replace('"correct": 1.0', '"correct": null').replace('"correct": 0.0', '"correct": null'))
    result = run("compare", *arguments)
    assert result.exit_code == 2 and message in result.stderr
