"""Compares Reward Kit 0.4.1 and harbor-rewardkit with what is here, and explains every difference.

    scripts/compat_peers.sh build/compat_peers                 # their environments
    python scripts/compat_differences.py --peers build/compat_peers

Every input of scripts/compat_cases.py and every folder of scripts/compat_folders.py is scored there and here. A difference without its reason, and a
reason without a difference, end it with status 1. `--record` keeps what they said in scripts/compat_*.json, with which the tests compare where there
is no environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from compat_cases import CASES, REASONS  # noqa: E402
from compat_folders import FOLDER_CASES, FOLDER_REASONS  # noqa: E402

RECORD, FOLDER_RECORD = HERE / "compat_reward_kit.json", HERE / "compat_rewardkit.json"
_ROUNDED = 1e-4  # harbor-rewardkit writes four decimals
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
    return _said(peers / "reward_kit", "--say", PACKAGES["theirs"])


def _said(environment: Path, *arguments: str) -> list[Verdict]:
    finished = subprocess.run([str(environment / "bin" / "python"), str(Path(__file__).resolve()), *arguments], capture_output=True, text=True)
    if finished.returncode:
        raise SystemExit(f"{environment} failed:\n{finished.stderr[-2000:]}")
    return json.loads(finished.stdout.splitlines()[-1])


def folders_in_their_environment(peers: Path) -> list[Verdict]:
    """What harbor-rewardkit makes of every folder, in its own environment."""
    return _said(peers / "harbor", "--say-folders")


def their_folders() -> list[Verdict]:
    """The same, within that environment: a process each, as its command runs one."""
    from rewardkit.runner import run

    found: list[Verdict] = []
    for tests, workspace, _ in FOLDER_CASES:
        with tempfile.TemporaryDirectory() as place:
            _write(Path(place, "tests"), tests)
            _write(Path(place, "app"), workspace)
            out = Path(place, "reward.json")
            if (child := os.fork()) == 0:
                try:
                    run(f"{place}/tests", workspace=f"{place}/app", output=out)
                except BaseException as error:
                    Path(place, "error").write_text(f"{type(error).__name__}: {error}".replace(place, "")[:200])
                os._exit(0)
            os.waitpid(child, 0)
            said = json.loads(out.read_text()) if out.is_file() else {}
            why = Path(place, "error").read_text() if Path(place, "error").is_file() else f"the rewards are {sorted(said)}"
            found.append([said["reward"], True, None] if "reward" in said else [None, False, why])
    return found


def our_folders() -> list[Verdict]:
    """What rl_rewards makes of every folder."""
    from rl_rewards import Sample
    from rl_rewards.folders import load_folders
    from rl_rewards.user_errors import UserError

    found: list[Verdict] = []
    for tests, workspace, _ in FOLDER_CASES:
        with tempfile.TemporaryDirectory() as place:
            _write(Path(place, "tests"), tests)
            try:
                evaluation = load_folders([f"task={place}/tests"]).evaluate([Sample("?", "", "", {"files": workspace})])
            except UserError as error:
                found.append([None, False, str(error).replace(place, "")[:200]])
                continue
            [total] = evaluation.totals()
            failed = next((result.error for column in evaluation.columns.values() for result in column.results if result.error), None)
            found.append([total, total is not None, failed])
    return found


def _write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


def compare_folders(theirs: list[Verdict], ours: list[Verdict]) -> tuple[list[str], int]:
    """Lines to print, and how many folders are not as they should be."""
    named = [(f"{' '.join(tests)} on {workspace}", reason) for tests, workspace, reason in FOLDER_CASES]
    return _compared(named, theirs, ours, FOLDER_REASONS, _ROUNDED)


def differ(theirs: Verdict, ours: Verdict, within: float = 1e-9) -> bool:
    """Whether one would train on another number than the other."""
    if theirs[0] is None or ours[0] is None:
        return theirs[0] is not ours[0]
    return abs(theirs[0] - ours[0]) > within or theirs[1] != ours[1]


def compare(theirs: list[Verdict], ours: list[Verdict]) -> tuple[list[str], int]:
    """Lines to print, and how many cases are not as they should be."""
    named = [(f"{function.partition(':')[2]} {arguments} {response!r:.70}", reason) for function, arguments, response, reason in CASES]
    return _compared(named, theirs, ours, REASONS)


def _compared(
    named: list[tuple[str, str | None]], theirs: list[Verdict], ours: list[Verdict], reasons: dict[str, str], within: float = 1e-9
) -> tuple[list[str], int]:
    lines, wrong = [], 0
    for (name, reason), t, o in zip(named, theirs, ours, strict=True):
        different = differ(t, o, within)
        # What fails there and is refused here, each with its own words, are two behaviours, too.
        spoken = reason is not None and t[0] is None and o[0] is None
        if not different and reason is None:
            continue
        unexplained = different != (reason is not None) and not spoken
        wrong += unexplained
        why = "NOT EXPLAINED" if reason is None else f"THEY AGREE, in spite of {reason!r}" if unexplained else reasons[reason]
        lines.append(f"{name}\n    there {_shown(t)}, here {_shown(o)}: {why}")
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
    parser.add_argument("--say-folders", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.say:
        print(json.dumps(verdicts(options.say)))
        return
    if options.say_folders:
        print(json.dumps(their_folders()))
        return
    theirs = in_their_environment(options.peers) if options.peers else json.loads(RECORD.read_text())
    folders = folders_in_their_environment(options.peers) if options.peers else json.loads(FOLDER_RECORD.read_text())
    if options.record:
        for file, said in ((RECORD, theirs), (FOLDER_RECORD, folders)):
            file.write_text("[\n" + ",\n".join(map(json.dumps, said)) + "\n]\n")
    failed = 0
    for what, count, (lines, wrong) in (
        ("Reward Kit 0.4.1", len(CASES), compare(theirs, verdicts(PACKAGES["ours"]))),
        ("harbor-rewardkit 0.2.3", len(FOLDER_CASES), compare_folders(folders, our_folders())),
    ):
        print("\n".join(lines))
        print(f"{what}: {count} inputs: {count - len(lines)} agree, {len(lines) - wrong} differ with a reason, {wrong} are not explained\n")
        failed += wrong
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
