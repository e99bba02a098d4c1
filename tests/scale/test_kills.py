"""kill -9 of a worker, of a second node and of the command, each once: a short form of scripts/bench/scale_kills.py."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'rl_rewards[ray]'")
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
import scale_kills

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    place = tmp_path_factory.mktemp("kills")
    scale_kills.write_inputs(place, 1500)
    made = scale_kills.Rounds(place, 1500, seed=0)
    yield made
    made.cluster.shutdown()


@pytest.mark.parametrize("kind", ["worker", "driver", "raylet"])
def test_what_is_killed_costs_no_row(rounds, kind):
    for attempt in range(20):
        what, process = getattr(rounds, kind)(f"{kind}{attempt}")
        said = process.communicate()[0]
        assert process.returncode == 0, said
        assert rounds.differences(f"{kind}{attempt}") == "", what
        if not what.startswith("0 worker"):  # else the command had ended before one was found
            return
    pytest.fail("no worker was ever found")
