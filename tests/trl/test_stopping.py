"""Whoever asks a run to stop is obeyed while a reward runs; a reward that calls sys.exit() is not. Real processes and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

from tests.trl.stopping_run import CASES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_signals_stop_a_run_and_a_rewards_own_exit_does_not():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests/trl/stopping_run.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    expected = {case: [143, False] for case in CASES}
    expected["Ctrl-C in a reward"] = [130, False]
    expected["SIGTERM without a handler"] = [-signal.SIGTERM, False]
    expected["sys.exit(0) in a reward"] = expected["sys.exit(0) in an async reward"] = [0, True]
    assert found == expected
