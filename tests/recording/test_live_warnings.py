"""A real run with W&B (offline) and trackio: what goes wrong is raised while it goes on, once, in the log and in both trackers."""

import os
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("trl")
wandb = pytest.importorskip("wandb")
pytest.importorskip("trackio")

from rl_rewards import Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder, read_record
from rl_rewards.recording.warnings import LiveWarnings, RunWarning
from rl_rewards.trl.alerts import alert, trainer_numbers

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "bench"))
from simulated_runs import PLANTED, Shape, simulate

from tests import forked
from tests.recording.wandb_file import wandb_records


def run(directory, *arguments):
    environment = {
        **os.environ,
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(directory),
        "WANDB_SILENT": "true",
        "TRACKIO_DIR": str(directory / "trackio"),
    }
    finished = forked.Run("tests/recording/alerting_run.py", directory / "out", *arguments, environment=environment).finish()
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of 10 steps: its directory, and what it logged."""
    directory = tmp_path_factory.mktemp("alerts")
    return directory, run(directory, "10")


def test_the_log_has_the_warning_once_with_evidence_and_remedy(runs):
    _, log = runs
    (line,) = [line for line in log.splitlines() if "unscorable_rows" in line]
    assert "unscorable_rows from step 1: " in line and "% rows that are left out" in line and "Read the reasons of the failed rewards." in line


def test_trackio_has_the_alert(runs):
    directory, _ = runs
    (file,) = (directory / "trackio").glob("*.db")
    with sqlite3.connect(file) as database:
        alerts = database.execute("SELECT title, text, level FROM alerts").fetchall()
    (mine,) = [each for each in alerts if each[0] == "unscorable_rows"]
    assert mine[2] == "warn" and "rows that are left out" in mine[1]


def test_wandb_has_the_alert(runs):
    directory, _ = runs
    files = sorted(directory.glob("wandb/offline-run-*/*.wandb"))
    alerts = [record.alert for file in files for record in wandb_records(file) if record.WhichOneof("record_type") == "alert"]
    (mine,) = [each for each in alerts if each.title == "unscorable_rows"]
    assert mine.level == "WARN" and "from step 1" in mine.text


def rubric_of_a_failing_reward():
    return Rubric([Reward("moody", reward_function(moody))])


def moody(response):
    if response.startswith("b"):
        raise OSError("the judge is away")
    return 1.0


def record(recorder, steps):
    for step in steps:
        samples = [Sample("q", text, text, group=i // 4) for i, text in enumerate(["a1", "a2", "b1", "b2"] * 4)]
        recorder.record(BatchContext(step, 0, True), recorder.rubric.evaluate(samples))
        recorder.flush()


def test_a_resumed_run_does_not_say_it_again(tmp_path):
    rubric = rubric_of_a_failing_reward()
    first = RunRecorder(tmp_path, rubric)
    first.begin(0, 0, 1, max_steps=20)
    record(first, range(1, 9))
    assert [str(each).partition(":")[0] for each in first.new_warnings()] == ["unscorable_rows from step 1"]
    first.checkpoint(8)
    second = RunRecorder(tmp_path, rubric)
    second.begin(8, 0, 1, max_steps=20)
    record(second, range(9, 12))
    assert second.new_warnings(final=True) == []


def test_other_processes_than_the_first_say_nothing(tmp_path):
    recorder = RunRecorder(tmp_path, rubric_of_a_failing_reward())
    recorder.begin(0, 1, 2, max_steps=20)
    record(recorder, range(1, 9))
    assert recorder.new_warnings(final=True) == []


@pytest.mark.parametrize("broken", ["find_warnings", "StepCounter.add"])
def test_a_fault_in_the_warnings_ends_the_watching_and_not_the_run(broken, tmp_path, monkeypatch, caplog):
    def fail(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(f"rl_rewards.recording.warnings.live.{broken}", fail)
    recorder = RunRecorder(tmp_path, rubric_of_a_failing_reward())
    recorder.begin(0, 0, 1, max_steps=20)
    record(recorder, range(1, 5))
    assert recorder.new_warnings() == recorder.new_warnings(final=True) == []
    record(recorder, range(5, 9))
    assert caplog.text.count("the run is not watched for warnings any more") == 1 and "ZeroDivisionError" in caplog.text
    recorder.finish()
    assert read_record(tmp_path).rows == 8 * 16


def table_of(name, steps=90):
    made, onset = PLANTED[name][1](Shape(steps, 8, 8), np.random.default_rng(2))
    return simulate(made, np.random.default_rng(2))[0], onset


def test_a_warning_comes_soon_after_its_cause_and_once():
    table, onset = table_of("errors jump")
    live, said = LiveWarnings(planned_steps=90), {}
    live.add(table.filter(pa.compute.less(table["step"], onset - 2)))
    assert live.new() == []
    for step in range(onset - 2, onset + 20):
        live.add(table.filter(pa.compute.equal(table["step"], step)))
        live._next_look = float("-inf")  # the pause is a matter of seconds
        for warning in live.new():
            assert warning.key not in said
            said[warning.key] = step
    assert {key[0] for key in said} == {"error_rate", "unscorable_rows"}
    assert min(said.values()) >= onset


def test_looks_are_paused_in_proportion_to_what_they_cost():
    table, _ = table_of("errors jump", 60)
    live = LiveWarnings()
    live.add(table)
    assert live.new()
    assert live.new() == [] and live.new(final=True) == []  # nothing new, whether it looked or not
    assert live._next_look > 0


def test_rows_from_before_a_resume_are_known():
    table, _ = table_of("errors jump", 60)
    assert LiveWarnings(earlier=[table]).new(final=True) == []


class Tracker:
    """A tracker whose run takes no alert."""

    class AlertLevel:
        WARN = "WARN"

    class run:
        @staticmethod
        def alert(**given):
            raise ConnectionError("no network")


def test_a_tracker_that_fails_stops_no_run(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", Tracker)
    alert(RunWarning("error_rate", "j" * 80, 3, "20.0% rows on which it failed"), ["wandb"])
    assert "wandb did not take the alert" in caplog.text and "from step 3: 20.0%" in caplog.text


def test_a_note_is_no_alert(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", Tracker)
    alert(RunWarning("saturated", "right", 3, "100% at the ceiling", severity="note"), ["wandb"])
    assert caplog.text == ""


def test_the_trainers_numbers_are_read_where_they_are_numbers():
    history = [{"step": 1, "kl": 0.1, "loss": 2.0}, {"step": 2, "kl": None, "entropy": 1}, {"kl": 0.3}, {"step": 3, "kl": 0.2}]
    assert trainer_numbers(history) == {"kl": ([1, 3], [0.1, 0.2]), "entropy": ([2], [1.0])}
