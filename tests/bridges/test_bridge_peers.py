"""The real trainers: each one's own loop over the conformance rows. They need environments of their own, which scripts/bridge_peers.sh makes."""

import os
import sys
from pathlib import Path

import bridge_rows
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
import bridge_conformance

PEERS = os.environ.get("RL_REWARDS_BRIDGE_PEERS")
ROWS = 96
pytestmark = pytest.mark.skipif(not PEERS, reason="RL_REWARDS_BRIDGE_PEERS names no directory; scripts/bridge_peers.sh DIRECTORY makes one")


@pytest.mark.slow
@pytest.mark.parametrize("trainer", bridge_conformance.PEERS)
def test_the_trainers_own_loop_gets_what_trl_gets(trainer, tmp_path):
    environment, rubric = bridge_conformance.PEERS[trainer]
    if not (Path(PEERS) / environment / "bin" / "python").exists():
        pytest.skip(f"there is no {Path(PEERS) / environment}: verifiers and NeMo-Gym need Python 3.12 ($PYTHON312)")
    rows = bridge_conformance.write_inputs(tmp_path, ROWS)
    expected = bridge_rows.trl_numbers(str(tmp_path / f"{rubric}.yaml"), rows)
    result = bridge_conformance.run(trainer, Path(PEERS), tmp_path, ROWS)
    assert len(result["rows"]) == len(rows) and None in expected[0]
    assert bridge_conformance.differences(trainer, result["rows"], expected) == dict.fromkeys(
        ("totals", "rewards", "components", "failures that became numbers"), 0
    )
