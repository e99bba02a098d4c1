"""Scratch directories: emptied whatever is in them, gone after every kind of ending, and those of dead runs removed by the next."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from other_user import NOBODY, run_as

from rl_rewards.runtime.sandbox import Limits, Script, scratches
from rl_rewards.runtime.sandbox.cell import scratch
from rl_rewards.runtime.sandbox.process import ProcessEngine

NAMESPACES = ("user", "pid", "network", "mount", "ipc")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A directory of its own for temporary files, here and in what this starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def _deep(directory):
    for _ in range(600):
        directory = f"{directory}/d"
    os.makedirs(directory[:3000])


def _locked(directory):
    os.makedirs(f"{directory}/a/b/c")
    Path(directory, "a/b/file").touch(0)
    for path in ("a/b/c", "a/b", "a"):
        os.chmod(f"{directory}/{path}", 0)
    os.chmod(directory, 0)


def _links(directory):
    os.symlink("/", f"{directory}/root")
    os.symlink("loop", f"{directory}/loop")
    os.mkdir(f"{directory}/d")
    os.symlink("..", f"{directory}/d/up")


def _names(directory):
    for number in range(60):
        os.makedirs(f"{directory}/.{number}/x")
        Path(directory, f".{number}", f".{number}").touch()
    for name in (b"\xff", b"a\nb", b"-rf", b"x" * 255):
        os.makedirs(os.fsencode(directory) + b"/" + name + b"/" + name)


@pytest.mark.parametrize("fill", [_deep, _locked, _links, _names], ids=lambda fill: fill.__name__)
def test_a_directory_is_emptied_whatever_is_in_it(tmp_path, fill):
    (tmp_path / "outside").mkdir()
    directory = tmp_path / "scratch"
    directory.mkdir()
    fill(str(directory))
    scratch.empty(str(directory))
    assert os.listdir(directory) == [] and (tmp_path / "outside").exists()


def test_what_dead_runs_left_is_removed_and_what_living_runs_use_is_not(temporary):
    living, lock = scratches.make()
    dead, other = scratches.make()
    os.close(other)
    _locked(dead)
    strange = [temporary / name for name in ("rl-rewards-of-another-kind", "other")]
    for path in strange:
        path.mkdir()
    (temporary / f"{scratches.PREFIX}file").touch()
    (temporary / f"{scratches.PREFIX}link").symlink_to(strange[0])
    scratches.sweep()
    assert Path(living).exists() and not Path(dead).exists()
    assert all(path.exists() for path in strange) and (temporary / f"{scratches.PREFIX}file").exists()
    os.close(lock)
    scratches.sweep()
    assert not Path(living).exists()


RUN = """
import json, os, resource, signal, sys
from rl_rewards.runtime.sandbox import Limits, Script
from rl_rewards.runtime.sandbox.process import ProcessEngine
without, ending = json.loads(sys.argv[1])
if ending == "no process to be had":
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
engine = ProcessEngine(workers=1, without=without)
program = "import os\\nos.makedirs('a/b')\\nos.chmod('a', 0)\\nwhile True: pass" if ending == "killed while a program runs" else "print(1)"
if ending.startswith("killed"):
    engine.run("print(1)", [Script()], Limits())
    from rl_rewards.runtime.sandbox.process_cells import BEGAN, Cell
    fill = Cell._fill
    def fill_and_die(cell, head, size, seconds):
        if size == 5:
            assert fill(cell, head, 1, seconds) == BEGAN
            if ending == "killed with its zygote":
                os.kill(cell.zygote._process.pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return fill(cell, head, size, seconds)
    Cell._fill = fill_and_die
print(engine.run(program, [Script()], Limits(seconds=20))[0].outcome, flush=True)
if ending == "closed":
    engine.close()
"""


@pytest.mark.parametrize("without", [(), NAMESPACES], ids=["namespaces", "no namespaces"])
@pytest.mark.parametrize("ending", ["closed", "exits", "killed", "killed while a program runs", "killed with its zygote"])
def test_no_scratch_is_there_after_an_ending_and_the_start_that_follows(temporary, ending, without):
    run_as(None, RUN, json.dumps([without, ending]))
    engine = ProcessEngine(workers=1)
    try:
        for _ in range(200):  # what was killed may still be ending: its scratch counts as living until it has
            assert engine.run("print(2)", [Script()], Limits(seconds=20))[0].stdout == "2\n"
            scratches.sweep()
            if len(list(temporary.glob(scratches.PREFIX + "*"))) == 1:
                break
    finally:
        engine.close()
    assert list(temporary.glob(scratches.PREFIX + "*")) == []


def test_no_scratch_is_there_after_a_zygote_that_could_not_start(temporary):
    temporary.chmod(0o777)
    for parent in temporary.parents:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o011)
    ran = run_as(NOBODY, RUN, json.dumps([NAMESPACES, "no process to be had"]))
    assert ran.stdout == b"error\n" or b"unavailable" in ran.stderr, ran
    assert list(temporary.glob(scratches.PREFIX + "*")) == []
