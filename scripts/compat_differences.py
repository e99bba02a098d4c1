"""Compares Reward Kit 0.4.1 and harbor-rewardkit with what is here, and explains every difference.

    scripts/compat_peers.sh build/compat_peers                 # their environments
    python scripts/compat_differences.py --peers build/compat_peers

Every input of scripts/compat_cases.py is scored there and here. A difference without its reason, and a reason without a difference, end it with
status 1. `--record` keeps what Reward Kit said in scripts/compat_reward_kit.json, with which the tests compare where there is no environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from compat_cases import CASES, REASONS  # noqa: E402

RECORD = HERE / "compat_reward_kit.json"
PACKAGES = {"theirs": "reward_kit.rewards", "ours": "rl_rewards.compat.reward_kit.rewards"}

Verdict = list[Any]  # [score or None, whether it is valid, error or None]


def verdicts(package: str) -> list[Verdict]:
    """What a package's built-in rewards make of every case."""
    return [_verdict(package, function, arguments, response) for function, arguments, response, _ in CASES]


def _verdict(package: str, path: str, arguments: dict[str, Any], response: str) -> Verdict:
    module, _, name = path.partition(":")
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": response}]
    try:
        result = getattr(import_module(f"{package}.{module}"), name)(messages=messages, **arguments)
    except Exception as error:
        return [None, False, f"{type(error).__name__}: {error}"[:200]]
    return [result.score, bool(result.is_score_valid), getattr(result, "error", None)]


def in_their_environment(peers: Path) -> list[Verdict]:
    """What Reward Kit says, in its own environment."""
    command = [str(peers / "reward_kit" / "bin" / "python"), str(Path(__file__).resolve()), "--say", PACKAGES["theirs"]]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        raise SystemExit(f"Reward Kit's side failed:\n{finished.stderr[-2000:]}")
    return json.loads(finished.stdout.splitlines()[-1])


def differ(theirs: Verdict, ours: Verdict) -> bool:
    """Whether one would train on another number than the other."""
    if theirs[0] is None or ours[0] is None:
        return theirs[0] is not ours[0]
    return abs(theirs[0] - ours[0]) > 1e-9 or theirs[1] != ours[1]


def compare(theirs: list[Verdict], ours: list[Verdict]) -> tuple[list[str], int]:
    """Lines to print, and how many cases are not as they should be."""
    lines, wrong = [], 0
    for (function, arguments, response, reason), t, o in zip(CASES, theirs, ours, strict=True):
        different = differ(t, o)
        if not different and reason is None:
            continue
        unexplained = different != (reason is not None)
        wrong += unexplained
        why = REASONS[reason] if reason is not None and different else "NOT EXPLAINED" if different else f"THEY AGREE, in spite of {reason!r}"
        lines.append(f"{function.partition(':')[2]} {arguments} {response!r:.70}\n    there {_shown(t)}, here {_shown(o)}: {why}")
    return lines, wrong


def _shown(verdict: Verdict) -> str:
    score, valid, error = verdict
    if score is None:
        return f"no score ({error or 'not valid'})"[:100]
    return f"{score:.4g}" + ("" if valid else " (not valid)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="directory that scripts/compat_peers.sh made")
    parser.add_argument("--record", action="store_true", help="keep what Reward Kit said")
    parser.add_argument("--say", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.say:
        print(json.dumps(verdicts(options.say)))
        return
    theirs = in_their_environment(options.peers) if options.peers else json.loads(RECORD.read_text())
    if options.record:
        RECORD.write_text("[\n" + ",\n".join(map(json.dumps, theirs)) + "\n]\n")
    lines, wrong = compare(theirs, verdicts(PACKAGES["ours"]))
    print("\n".join(lines))
    print(f"{len(CASES)} inputs: {len(CASES) - len(lines)} agree, {len(lines) - wrong} differ with a reason, {wrong} are not explained")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
