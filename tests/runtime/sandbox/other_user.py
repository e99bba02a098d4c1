"""Running the sandbox as someone else: an ordinary user, who may not do what root may."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOBODY = 65534


def run_as(user: int | None, code: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python text as `user`, or as this user (None); skip the test where there is no interpreter for them."""
    if user is None:
        return _run(sys.executable, None, code, *arguments)
    if os.geteuid() != 0:
        pytest.skip("only root can be someone else")
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if _run(python, user, "import rl_rewards.runtime.sandbox.process").returncode == 0:
                return _run(python, user, code, *arguments)
        except OSError:
            continue
    pytest.skip("there is no interpreter that an ordinary user may run with this project's packages")


def _run(python: str, user: int | None, code: str, *arguments: str) -> subprocess.CompletedProcess:
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
    groups = None if user is None else []
    return subprocess.run(
        [python, "-c", code, *arguments], user=user, group=user, extra_groups=groups, env=environment, capture_output=True, cwd="/", timeout=300
    )
