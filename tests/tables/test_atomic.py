"""Files that are there whole or not at all."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from rl_rewards.tables.atomic import atomic_path


def test_the_file_appears_when_all_is_written(tmp_path):
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "new"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_when_writing_fails(tmp_path, error):
    (tmp_path / "a").write_text("old")
    with pytest.raises(error), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise error
    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_path(tmp_path / "a"):
        pass
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize(("name", "error"), [("nope/a", FileNotFoundError), (".", IsADirectoryError)])
def test_what_cannot_be_written_fails_at_once_under_the_name_that_was_given(tmp_path, name, error):
    with pytest.raises(error) as raised, atomic_path(tmp_path / name):
        pytest.fail("not reached")
    assert raised.value.filename == os.fspath(tmp_path / name)


KILLED = """
import os, signal, sys
from rl_rewards.tables.atomic import atomic_path, clean_up_on_signals
clean_up_on_signals()
with atomic_path("out.jsonl") as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    signal.pause()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_a_command_leaves_no_temporary_file(tmp_path, name):
    (tmp_path / "out.jsonl").write_text("old")
    ended = subprocess.run([sys.executable, "-c", KILLED, name], cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert ended.returncode == -getattr(signal, name)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"] and (tmp_path / "out.jsonl").read_text() == "old"


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + KILLED.replace("signal.pause()", "pass")
    ended = subprocess.run([sys.executable, "-c", code, "SIGHUP"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert ended.returncode == 0 and (tmp_path / "out.jsonl").read_text() == "half"
