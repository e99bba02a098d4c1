"""A record scored with another rubric says what a run with that rubric would have recorded."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from rl_rewards import Reward, Rubric
from rl_rewards.auditing.rescore import rescore
from rl_rewards.auditing.rows import AuditError
from rl_rewards.cli import app
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder, read_record
from rl_rewards.types import Sample, response_of

CORRECT = {"name": "correct", "parse": {"tag": "answer"}, "score": {"string_match": "answer"}, "weight": 0.6}
FORMAT = {"name": "format", "score": "think_answer_format", "weight": 0.3}
LENGTH = {"name": "length", "score": {"soft_overlong": {"max_tokens": 12, "buffer_tokens": 6}}, "weight": 0.1}
TAGS = {"name": "tags", "score": {"tag_count": {"names": ["think", "answer"]}}, "weight": 0.0}
BASE = [CORRECT, FORMAT, LENGTH, TAGS]

EDITS = {
    "nothing": BASE,
    "a weight": [{**CORRECT, "weight": 1.0}, FORMAT, LENGTH, TAGS],
    "two weights": [{**CORRECT, "weight": 0.2}, {**FORMAT, "weight": 0.8}, LENGTH, TAGS],
    "a weight of zero": [CORRECT, {**FORMAT, "weight": 0.0}, LENGTH, TAGS],
    "a metric that counts": [CORRECT, FORMAT, LENGTH, {**TAGS, "weight": 0.2}],
    "a reward less": [CORRECT, LENGTH],
    "a reward more": [*BASE, {"name": "steps", "score": {"length_window": {"min_tokens": 2, "max_tokens": 8, "unit": "words"}}, "weight": 0.1}],
    "another parser": [{**CORRECT, "parse": {"tag": "result"}}, FORMAT, LENGTH],
    "thinking is read": [{**CORRECT, "parse": {"tag": {"name": "answer", "thinking": "keep"}}}, FORMAT, LENGTH],
    "a pattern as parser": [{**CORRECT, "parse": {"regex": r"(\d+)"}}, FORMAT, LENGTH],
    "numbers instead of text": [{**CORRECT, "score": {"number_match": "answer"}}, FORMAT, LENGTH],
    "a tolerance": [{**CORRECT, "score": {"number_match": {"reference": "answer", "absolute": 1}}}, FORMAT, LENGTH],
    "contains": [{"name": "correct", "score": {"string_match": {"contains": "{{references.answer}}"}}, "weight": 0.6}, FORMAT],
    "wrong costs": [{**CORRECT, "score": {"string_match": {"reference": "answer", "wrong": -1}}}, FORMAT, LENGTH],
    "another limit": [CORRECT, FORMAT, {**LENGTH, "score": {"soft_overlong": {"max_tokens": 6, "buffer_tokens": 3}}}],
    "a clip": [CORRECT, FORMAT, {**LENGTH, "clip": [-0.5, 0.5]}],
    "a gate": [CORRECT, {**FORMAT, "gate": {"reward": "correct"}}, LENGTH],
    "a route": [{**CORRECT, "when": {"task": "sum"}}, FORMAT, LENGTH],
    "group lengths": [CORRECT, {"name": "brief", "parse": {"tag": "answer"}, "score": {"group_length": {"right": {"string_match": "answer"}}}, "weight": 0.5}],
    "another column": [{**CORRECT, "score": {"string_match": "other"}}, FORMAT, LENGTH],
    "math": [{"name": "correct", "score": {"math_verify": {"reference": "answer", "extract": "anywhere"}}, "weight": 1.0}, FORMAT],
}  # fmt: skip
TEXTS = ["<think>a</think><answer>{}</answer>", "<answer>{}</answer>", "<think>{}</think>", "it is {}", "<think>long long long</think> <answer>{}</answer> and more of it", "<result>{}</result>"]  # fmt: skip


def rubric(rewards):
    return Rubric(tuple(Reward(**reward) for reward in rewards))


def steps():
    """Three training steps of three groups of six, chat and text."""
    for step in range(3):
        samples = []
        for group in range(3):
            gold = str(10 * step + group + 4)
            prompt = f"{step}, {group}?" if group else [{"role": "user", "content": f"{step}, {group}?"}]
            for place, text in enumerate(TEXTS):
                said = text.format(gold if place % 2 == step % 2 else int(gold) + 1)
                completion = said if group else [{"role": "assistant", "content": said}]
                columns = {"answer": gold, "other": str(int(gold) + 1), "task": "sum" if group else "difference"}
                samples.append(
                    Sample(prompt, completion, response_of(completion), columns, list(range(len(said.split()))), group, step, len(samples))
                )
        yield BatchContext(step + 1, 0, True), samples


def record_of(rewards, folder):
    """A real record of a run with these rewards."""
    recorder = RunRecorder(folder, rubric(rewards))
    recorder.begin(0, 0, 1)
    for context, samples in steps():
        recorder.record(context, recorder.rubric.evaluate(samples))
    recorder.finish()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return record_of(BASE, tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("edit", EDITS)
def test_a_record_scored_anew_equals_a_run_with_the_edited_rubric(edit, run, tmp_path):
    table = read_record(record_of(EDITS[edit], tmp_path)).table(["step", "group", "index", "reward", "score", "outcome"]).to_pylist()
    expected = {(row["step"], row["group"], row["index"], row["reward"]): (row["score"], row["outcome"]) for row in table}
    found = {}
    for batch in rescore(run, rubric(EDITS[edit])):
        for i, (step, _, _, group, index) in enumerate(batch.keys):
            for name, column in batch.evaluation.columns.items():
                found[step, group, index, name] = column.scores[i], column.results[i].outcome.value
    assert found == expected and len(found) == 54 * len(EDITS[edit])


def test_the_same_rubric_changes_nothing(run, tmp_path):
    (tmp_path / "same.yaml").write_text((run / "rubric.yaml").read_text())
    result = CliRunner().invoke(app, ["rescore", str(run), "--rubric", str(tmp_path / "same.yaml"), "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["completions"] == 54 and told["total"]["changed"] == 0
    assert told["groups"]["counted"] == 9 and told["groups"]["reordered"] == told["groups"]["new_best"] == 0


def test_a_changed_rubric_shows_scores_order_and_useful_groups(run, tmp_path):
    path = tmp_path / "new.yaml"
    rubric([{**CORRECT, "parse": {"tag": "result"}}]).save(path)
    result = CliRunner().invoke(app, ["rescore", str(run), "--rubric", str(path), "--json", "--out", str(tmp_path / "out.jsonl")])
    told = json.loads(result.stdout)
    assert (
        told["rewards"]["correct"]["changed"] > 0
        and told["groups"]["reordered"] > 0
        and told["groups"]["useful_after"] < told["groups"]["useful_before"]
    )
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 54 and {"old_score", "score", "scores", "step", "group"} <= rows[0].keys()


def test_tokens_that_a_record_does_not_hold_are_asked_for(run):
    with pytest.raises(AuditError, match="unit"):
        rescore(run, rubric([{"name": "repetition", "score": {"repetition": {"n": 2}}}]))


def _table(path):
    pq.write_table(pa.table({"score": [1.0]}), path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "rewards.parquet: No such file or directory"),
        (lambda path: path.write_text("{}"), "must be the record of a run, and is no Parquet file"),
        (lambda path: path.write_text(""), "must be the record of a run, and is no Parquet file"),
        (_table, "must be the record of a run, and has no rl_rewards.schema_version"),
    ],
    ids=["missing", "an empty directory", "another file", "an empty file", "another table"],
)
def test_what_is_no_record_ends_with_status_2_and_a_line_that_says_so(make, said, tmp_path):
    (tmp_path / "new.yaml").write_text("rewards: [{name: r, score: {string_match: answer}}]")
    make(tmp_path / "record")
    done = CliRunner().invoke(app, ["rescore", str(tmp_path / "record"), "--rubric", str(tmp_path / "new.yaml")])
    assert done.exit_code == 2 and done.stderr.startswith("error: ") and said in done.stderr and "Traceback" not in done.stderr
