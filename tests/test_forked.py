"""A script that is run in a fork prints, fails and ends as one that is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from tests import forked

pytestmark = pytest.mark.slow  # the server of the forks imports what training needs

SCRIPT = """
import atexit, os, sys

atexit.register(print, "at exit")
print(__name__, sys.argv, os.getcwd(), os.environ.get("MARK"), sys.path[0], flush=True)
print("a warning", file=sys.stderr)
"""
ENDINGS = {
    "at its last line": "",
    "with a status": "sys.exit(3)",
    "with a text": "sys.exit('no rubric')",
    "with an error": "raise ValueError('no rubric')",
    "by a signal": f"os.kill(os.getpid(), {signal.SIGTERM.value})",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_fork_ends_and_prints_as_a_process_that_is_started(ending, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT + ending)
    environment = {**os.environ, "MARK": "7"}
    started = subprocess.run([sys.executable, "script.py", "a"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    fork = forked.Run("script.py", "a", environment=environment, directory=tmp_path).finish()
    assert (fork.returncode, fork.stdout) == (started.returncode, started.stdout)
    assert fork.stderr.splitlines()[-1] == started.stderr.splitlines()[-1] and "a warning" in fork.stderr


def test_a_fork_is_killed_with_what_it_started(tmp_path):
    (tmp_path / "script.py").write_text("import subprocess, time\nsubprocess.Popen(['sleep', '1000'])\nprint('started')\ntime.sleep(1000)")
    run = forked.Run(tmp_path / "script.py")
    assert next(run.lines) == "started\n"
    run.kill()
    assert run.finish().returncode == -signal.SIGKILL  # which comes at the end of its output, and `sleep` holds that open as well


def test_a_fork_goes_no_further_than_the_line_at_which_it_is_to_be_killed(tmp_path):
    lines = "".join(f"print('  step', {number})\nopen('{number}', 'x').close()\n" for number in (1, 2, 3))
    (tmp_path / "script.py").write_text(lines)
    run = forked.Run("script.py", environment={**os.environ, forked.STOPS_AT: "step 2"}, directory=tmp_path)
    assert [next(run.lines) for _ in range(2)] == ["  step 1\n", "  step 2\n"]
    run.kill()
    assert run.finish().returncode == -signal.SIGKILL
    assert not (tmp_path / "2").exists() and not (tmp_path / "3").exists()


def test_one_rank_that_fails_ends_the_others_and_is_named(tmp_path):
    (tmp_path / "script.py").write_text("import os, time\nif os.environ['RANK'] == '1': raise ValueError('a bad rank')\ntime.sleep(1000)")
    with pytest.raises(AssertionError, match="(?s)rank 1 ended with 1:.*a bad rank"):
        forked.run_ranks(2, tmp_path / "script.py")


def test_forks_begin_with_what_training_imports(tmp_path):
    (tmp_path / "script.py").write_text("import sys\nprint({'torch', 'trl.trainer.grpo_trainer', 'rl_rewards.trainers'} <= sys.modules.keys())")
    assert forked.run(tmp_path / "script.py") == "True\n"
