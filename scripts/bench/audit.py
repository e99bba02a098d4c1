"""How many flawed rubrics the audit finds, and how many sound ones it blames, beside rewardprobe, reward-doctor and gradecheck on the same rubrics.

    scripts/audit_peers.sh build/audit_peers                        # once: an environment for the peers
    python scripts/bench/audit.py --peers build/audit_peers         # all three tools
    python scripts/bench/audit.py --variants 1 --out report.json    # the planted rubrics as they are, without peers

Rubrics: tests/auditing/planted/, each as it is and varied (tags, columns, rows, chats, weights, rewards beside it), and those of the recipes. A flawed one
counts as found when the tool would end its command with a failure; a sound one as a false alarm. Intervals of 95 %: Wilson, and Clopper and Pearson.
A tool that stops on a rubric has not found its flaw; on a sound one it has given no alarm.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "auditing"))

from planted.generate import Planted, planted, shipped  # noqa: E402

from rl_rewards.auditing import audit  # noqa: E402
from rl_rewards.auditing.audit import subject_of  # noqa: E402
from rl_rewards.auditing.measures import clopper_pearson, wilson  # noqa: E402
from rl_rewards.auditing.pattern_samples import MARK  # noqa: E402
from rl_rewards.checks.columns import RubricDataError  # noqa: E402

PEERS = ("rewardprobe", "reward-doctor", "gradecheck")


class PeerProcess:
    """The peers, in a process of their own environment; started anew where one ends it."""

    def __init__(self, folder: Path) -> None:
        self._python = folder / "bin" / "python"
        self._process: subprocess.Popen[str] | None = None

    def ask(self, case: Planted) -> dict[str, Any]:
        """What each peer says of a rubric."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [str(self._python), str(HERE / "audit_peers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(_task(case)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line) if line else {name: {"error": "the process ended"} for name in PEERS}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _task(case: Planted) -> dict[str, Any]:
    """A rubric as the peers are asked about it, with the form that the audit found: prompts are texts, since the tools build text."""
    rows = [{**row, "prompt": row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][-1]["content"]} for row in case.rows]
    names = [name for name in rows[0] if name not in ("prompt", "task")]
    form = ["", MARK, ""]
    try:
        honest = subject_of(str(case.rubric), case.rows).honest
    except RubricDataError:  # a column that is not there: the peers are asked about the plain answer
        pass
    else:
        names = [name for source in honest.sources for name in rows[0] if source.name.startswith(name)] or names
        form = [honest.form.before, honest.form.slots[0].template, honest.form.behind]
    return {"rubric": str(case.rubric), "rows": rows, "form": form, "column": names[0] if names else None}


def cases(folder: Path, variants: int, only: str | None, part: str) -> Iterator[Planted]:
    """Flawed rubrics, then sound ones; of these one part of several."""
    every = (*planted(folder, True, variants), *planted(folder, False, variants), *shipped(folder))
    number, parts = map(int, part.split("/"))
    return (case for place, case in enumerate(every) if place % parts == number - 1 and (only is None or only in case.name))


def run(variants: int, peers: PeerProcess | None, only: str | None, part: str, verbose: bool, out: Path | None) -> list[dict[str, Any]]:
    """Ask every tool about every rubric: a row each, with the seconds of the audit; `out` has what is known so far."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), variants, only, part):
            begun = time.perf_counter()
            report = audit(str(case.rubric), case.rows)
            seconds = time.perf_counter() - begun
            kinds = sorted({finding.kind for finding in report.at_least("error")})
            named = None if case.case is None or not case.is_flawed else bool(case.case.found & set(kinds))
            row = {"name": case.name, "flawed": case.is_flawed, "audit": bool(kinds), "kinds": kinds, "named": named, "seconds": seconds}
            row |= peers.ask(case) if peers is not None else {}
            rows.append(row)
            if out is not None:
                out.write_text(json.dumps(rows, indent=1))
            if verbose or row["audit"] != case.is_flawed:
                print(f"{'flawed' if case.is_flawed else 'sound '} {case.name:36} {', '.join(kinds) or 'nothing'}", file=sys.stderr, flush=True)
    return rows


def table(rows: list[dict[str, Any]], with_peers: bool) -> str:
    """Detection and false alarms of each tool, with their intervals."""
    flawed, sound = [row for row in rows if row["flawed"]], [row for row in rows if not row["flawed"]]
    lines = [
        f"{len(flawed)} flawed rubrics, {len(sound)} sound ones",
        "",
        "| tool | found | Wilson | Clopper-Pearson | false alarms | Wilson | Clopper-Pearson | stopped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for tool in ("audit", *PEERS):
        if tool != "audit" and (not with_peers or all(_is_missing(row.get(tool)) for row in rows)):
            lines.append(f"| {tool} | not to be had | | | | | | |")
            continue
        hits, alarms = (sum(row[tool] is True for row in part) for part in (flawed, sound))
        stopped = sum(isinstance(row[tool], dict) for row in rows)
        lines.append(f"| {tool} | {_share(hits, len(flawed))} | {_share(alarms, len(sound))} | {stopped} |")
    named = sum(bool(row["named"]) for row in flawed)
    seconds = sorted(row["seconds"] for row in rows)
    lines += [
        "",
        f"the audit names the planted flaw itself in {named} of {len(flawed)}; seconds for a rubric: median {seconds[len(seconds) // 2]:.1f}, most {seconds[-1]:.1f}",
    ]
    return "\n".join(lines)


def _is_missing(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("error", "").startswith(("ModuleNotFoundError", "ImportError"))


def _share(successes: int, trials: int) -> str:
    intervals = (f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in (wilson(successes, trials), clopper_pearson(successes, trials)))
    return f"{successes} of {trials} ({100 * successes / max(trials, 1):.1f} %) | {' | '.join(intervals)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variants", type=int, default=3, help="how many of each planted rubric, the first as it is")
    parser.add_argument("--peers", type=Path, help="the peers' environment, made by scripts/audit_peers.sh")
    parser.add_argument("--only", help="rubrics whose name has this in it")
    parser.add_argument("--out", type=Path, help="write every verdict as JSON")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--part", default="1/1", help="which part of the rubrics, such as 2/3, for several processes at once")
    parser.add_argument("--join", type=Path, nargs="+", help="print the table of what earlier runs wrote with --out, and run nothing")
    options = parser.parse_args()
    if options.join:
        rows = [row for path in options.join for row in json.loads(path.read_text())]
        print(table(rows, any(PEERS[0] in row for row in rows)))
        return
    peers = PeerProcess(options.peers) if options.peers else None
    try:
        rows = run(options.variants, peers, options.only, options.part, options.verbose, options.out)
    finally:
        if peers is not None:
            peers.close()
    print(table(rows, peers is not None))


if __name__ == "__main__":
    main()
