"""The report at the end of a training script: written where it can be, and never the end of a run."""

import importlib.util
import subprocess
import sys

import pytest

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import write_report_at_end


@pytest.fixture
def record(tmp_path):
    """The record of a run of one step."""
    recorder = RunRecorder(tmp_path, Rubric([Reward("right", {"number_match": "answer"})]))
    recorder.begin(0, 0, 1)
    recorder.record(BatchContext(1, 0, True), recorder.rubric.evaluate([Sample("q", text, text, {"answer": "4"}, group=0) for text in "45"]))
    recorder.finish()
    return recorder.parquet


def test_it_is_beside_the_record_and_said(record, capsys):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    path = write_report_at_end(record)
    assert path == record.with_name("report.html") and path.read_text().startswith("<!doctype html>")
    assert capsys.readouterr().out == f"the run's report: {path}\n"


def test_a_missing_extra_is_one_line(record, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in ("altair", "vl_convert") else find(name, *rest))
    assert write_report_at_end(record) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("no report.html: a report needs altair and vl_convert") and "rl_rewards[report]" in line
    assert not record.with_name("report.html").exists()


def test_the_extra_is_not_needed_to_import_it():
    code = "import sys; sys.modules.update(altair=None, vl_convert=None); from rl_rewards.reporting import write_report_at_end"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("damage", ["removed", "cut off", "a directory in its place"])
def test_a_failure_is_logged_with_the_command_to_try_again(damage, record, caplog):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    if damage == "removed":
        record.unlink()
    elif damage == "cut off":
        record.write_bytes(record.read_bytes()[:100])
    else:
        record.with_name("report.html").mkdir()
    assert write_report_at_end(record) is None
    assert f"rl-rewards report {record} --out" in caplog.text and "Traceback" in caplog.text
