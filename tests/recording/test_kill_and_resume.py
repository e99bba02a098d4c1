"""A real run, killed with -9 at the worst moments and resumed: nothing is lost from the record, nothing is in it twice."""

import signal

import pytest

pytest.importorskip("trl")

import pandas as pd
import tiny_run

from tests import forked

pytestmark = pytest.mark.slow  # it trains


def run(output_dir, *arguments):
    return forked.Run("tests/recording/tiny_run.py", output_dir, *arguments).finish()


def expected_rows():
    steps, rewards = range(1, tiny_run.MAX_STEPS + 1), ("letters", "right")
    train = {("train", step, i, name) for step in steps for i in range(tiny_run.COMPLETIONS) for name in rewards}
    # Evaluated before training and every SAVE_STEPS; the evaluation after training is at the last step too, and counted on.
    evaluated = dict.fromkeys(range(0, tiny_run.MAX_STEPS, tiny_run.SAVE_STEPS), tiny_run.EVALUATED) | {tiny_run.MAX_STEPS: 2 * tiny_run.EVALUATED}
    return train | {("eval", step, i, name) for step, count in evaluated.items() for i in range(count) for name in rewards}


@pytest.mark.parametrize(
    "kill_at",
    [
        "on_pre_optimizer_step:5",  # steps after checkpoint 4 were scored and are run again
        "on_save:4",  # checkpoint 4 is there, but the recorder has not heard of it
        "on_evaluate:4",  # the evaluation at 4 was scored, its checkpoint was not written: both are done again
    ],
)
def test_a_killed_and_resumed_run_leaves_each_row_exactly_once(tmp_path, kill_at):
    killed = run(tmp_path, "--kill_at", kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "rewards.parquet").exists()
    resumed = run(tmp_path, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    record = pd.read_parquet(tmp_path / "rewards.parquet")
    rows = list(zip(record["mode"], record["step"], record["index"], record["reward"], strict=True))
    assert len(rows) == len(set(rows))
    assert set(rows) == expected_rows()
    assert (tmp_path / "rewards.png").read_bytes().startswith(b"\x89PNG")
    assert "Rewards of this run" in resumed.stdout and "letters" in resumed.stdout
    if kill_at == "on_save:4":  # killed before the recorder's own on_save: the one moment at which a checkpoint lacks the scorers' state
        assert "holds no state of reward 'letters'" in resumed.stderr
    else:
        # The scorer counts its batches; its state came with the checkpoint, so the count goes on where the checkpoint left it.
        counted = {component["score"] for components in record["components"] for component in components if component["name"] == "batches"}
        assert counted == set(range(1, len(counted) + 1))


def test_a_new_run_in_the_same_directory_replaces_the_record(tmp_path):
    rubric = tiny_run.rubric()
    for _ in range(2):
        tiny_run.trainer(tmp_path, rubric, max_steps=1, save_strategy="no", eval_strategy="no").train()
    record = pd.read_parquet(tmp_path / "rewards.parquet")
    assert len(record) == tiny_run.COMPLETIONS * 2
    assert list(record.columns[:5]) == ["step", "mode", "rank", "group", "index"]
    assert set(record["outcome"]) == {"scored"} and list(record["group"][::4]) == [0, 1]


def test_the_record_has_the_advantages_of_its_scores(tmp_path):
    tiny_run.trainer(tmp_path, tiny_run.rubric(), max_steps=3, save_strategy="no", eval_strategy="no").train()
    record = pd.read_parquet(tmp_path / "rewards.parquet")
    record["total"] = record["score"] * record["weight"]
    totals = record.groupby(["step", "group", "index"]).agg({"total": "sum", "advantage": "first"}).reset_index()
    groups = totals.groupby(["step", "group"])["total"]
    expected = (totals["total"] - groups.transform("mean")) / (groups.transform("std") + 1e-4)
    assert totals["advantage"].tolist() == pytest.approx(expected.tolist(), abs=1e-5) and totals["advantage"].abs().max() > 0.5
