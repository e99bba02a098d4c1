"""The conformance rows through every trainer's own loop, beside TRL's numbers: a table.

    scripts/bridge_peers.sh build/bridge_peers
    python scripts/bench/bridge_conformance.py --peers build/bridge_peers [--rows 1000] [--only verl]

Exit status: 0 when every trainer that is there gets TRL's totals, rewards and components, and no failure comes out as a number; 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "bridges"
sys.path[:0] = [str(ROOT), str(TESTS)]

import bridge_rows  # noqa: E402

# Trainer -> its environment, and the rubric: one that compares completions where the trainer hands over groups.
PEERS = {
    "verl": ("here", "rules"),
    "verl_manager": ("here", "grouped"),
    "openrlhf": ("here", "rules"),
    "verifiers": ("python312", "rules"),
    "nemo_gym": ("python312", "rules"),
    "ms_swift": ("here", "rules"),
    "skyrl_gym": ("here", "rules"),
    "tinker": ("here", "grouped"),
}
SUBSTITUTES = ("ms_swift", "tinker")  # these are asked for the mean of the group; verl's marks are replaced when advantages are computed


# It adds weighted scores up itself, with the compensated sum of Python 3.12, which differs from TRL's in a last bit.
SUMS_ITSELF = ("verifiers",)


def write_inputs(place: Path, limit: int) -> list[dict]:
    """The rows and the two rubrics as files."""
    rows = bridge_rows.rows()[:limit]
    bridge_rows.write_rubric(place, bridge_rows.RULES, "rules.yaml")
    bridge_rows.write_rubric(place, bridge_rows.GROUPED, "grouped.yaml")
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def run(trainer: str, peers: Path, place: Path, limit: int) -> dict:
    """What the trainer's own loop made of the rows.

    Raises:
        RuntimeError: with the end of its output, when it failed.
    """
    environment, rubric = PEERS[trainer]
    python = (peers / environment / "bin" / "python").absolute()
    command = [str(python), str(TESTS / "bridge_peers.py"), trainer, str(place / f"{rubric}.yaml"), str(place / "rows.jsonl"), str(limit)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        raise RuntimeError(f"{trainer}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def differences(trainer: str, said: list, expected: tuple) -> dict[str, int]:
    """How many rows differ from TRL's, in what."""
    totals, scores, components = expected
    wrong = {"totals": 0, "rewards": 0, "components": 0, "failures that became numbers": 0}
    for i, (total, rewards, parts) in enumerate(said):
        if totals[i] is None:
            wrong["failures that became numbers"] += (total is None) if trainer in SUBSTITUTES else (total is not None)
            continue
        wrong["totals"] += not (math.isclose(total, totals[i], rel_tol=1e-14, abs_tol=1e-14) if trainer in SUMS_ITSELF else total == totals[i])
        wrong["rewards"] += {n: s for n, s in rewards.items() if s is not None} != {n: c[i] for n, c in scores.items() if c[i] is not None}
        wrong["components"] += parts is not None and parts != {f"{name}/{key}": value for (name, key), value in components[i].items()}
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="the directory that scripts/bridge_peers.sh made")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--only", choices=PEERS)
    arguments = parser.parse_args()
    good = True
    print(f"{'trainer':14}{'rows':>6}{'no score':>10}{'totals':>8}{'rewards':>9}{'components':>12}{'became numbers':>16}{'logged':>8}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as place:
        rows = write_inputs(Path(place), arguments.rows)
        expected = {name: bridge_rows.trl_numbers(f"{place}/{name}.yaml", rows) for name in ("rules", "grouped")}
        for trainer in [arguments.only] if arguments.only else PEERS:
            environment, rubric = PEERS[trainer]
            if not (arguments.peers / environment / "bin" / "python").exists():
                print(f"{trainer:14}left out: there is no {arguments.peers / environment}")
                continue
            began = time.monotonic()
            try:
                result = run(trainer, arguments.peers, Path(place), arguments.rows)
            except RuntimeError as error:
                print(f"{trainer:14}failed: {error}")
                good = False
                continue
            wrong = differences(trainer, result["rows"], expected[rubric])
            good &= not any(wrong.values()) and len(result["rows"]) == len(rows)
            absent = expected[rubric][0].count(None)
            numbers = f"{wrong['totals']:>8}{wrong['rewards']:>9}{wrong['components']:>12}{wrong['failures that became numbers']:>16}"
            print(f"{trainer:14}{len(result['rows']):>6}{absent:>10}{numbers}{len(result['logs']):>8}{time.monotonic() - began:>9.1f}", flush=True)
    print("rows that differ from TRL's; `logged`: names in the trainer's own aggregated log")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
