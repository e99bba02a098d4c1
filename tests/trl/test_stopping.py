"""Whoever asks a run to stop is obeyed while a reward runs; a reward that calls sys.exit() is not. Real processes and signals."""

from __future__ import annotations

import json
import signal

import pytest

pytest.importorskip("trl")

from tests import forked
from tests.trl.stopping_run import CASES


@pytest.mark.slow
def test_signals_stop_a_run_and_a_rewards_own_exit_does_not():
    found = json.loads(forked.run("tests/trl/stopping_run.py").splitlines()[-1])
    expected = {case: [143, False] for case in CASES}
    expected["Ctrl-C in a reward"] = [130, False]
    expected["SIGTERM without a handler"] = [-signal.SIGTERM, False]
    expected["sys.exit(0) in a reward"] = expected["sys.exit(0) in an async reward"] = [0, True]
    assert found == expected
