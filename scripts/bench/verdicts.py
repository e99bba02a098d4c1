"""Verdicts on public rows: agreement with their labels, wrong answers made from each gold, and the time beside math-verify and TRL.

    python scripts/bench/verdicts.py DATA [--suites mathematics] [--peers] [--all]

DATA is a directory of JSONL tables, one (suite, gold, response, expected) a line. Rows are scored with default options; a disagreement is
scored again with each option that could lift it ("by option"). Labels are their authors': `verdict_reasons.json` files the disagreements that
were looked at under a kind ("ours right", "not applicable") and a reason, each row by a digest of its text, so that no row is copied here.
What is left is "wrong". Recall counts the rows that are labelled right and apply, false positives those that are labelled wrong.

The probe changes one digit, sign, bracket, root, relation or item of every gold: all such answers must be wrong but those that are equal in
truth, which are listed with their reasons, too.

A suite is a function of the parsed arguments; add it to `SUITES`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

console = Console(width=180)
REASONS = Path(__file__).with_name("verdict_reasons.json")
KINDS = ("agree", "ours right", "by option", "not applicable", "wrong")
LIFTING: dict[str, dict[str, Any]] = {
    "lists: ordered": {"lists": "ordered"},
    "lists: sets": {"lists": "sets"},
    "allow_set_relation": {"allow_set_relation": True},
    "allow_unevaluated": {"allow_unevaluated": True},
    "allow_denied": {"allow_denied": True},
    "decimals: 4": {"decimals": 4},
    "decimals: 2": {"decimals": 2},
    "domain: positive": {"domain": "positive"},
    "extract: anywhere": {"extract": "anywhere"},
}
TIMED = 300  # rows on which the three sides are timed


class Row(NamedTuple):
    """One labelled row: is `response` right, where `gold` is the reference?"""

    suite: str
    gold: str
    response: str
    expected: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.gold}\0{self.response}".encode()).hexdigest()[:10]


class Judged(NamedTuple):
    """A row and what the scorer made of it."""

    row: Row
    right: bool
    outcome: str
    reason: str


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path, help="directory of JSONL tables")
    options.add_argument("--suites", type=lambda text: text.split(","), default=list(SUITES), help=f"of {', '.join(SUITES)}")
    options.add_argument("--peers", action="store_true", help=f"time math-verify and TRL's accuracy_reward on {TIMED} of the rows, too")
    options.add_argument("--all", action="store_true", help="list the disagreements that are filed, too, not only those that are not")
    chosen = options.parse_args()
    os.environ.setdefault("RL_REWARDS_WORKERS", "2")
    for suite in chosen.suites:
        SUITES[suite](chosen)


def mathematics(chosen: argparse.Namespace) -> None:
    """The tables of answers, `math*.jsonl`, with math_verify."""
    rows = [row for path in sorted(chosen.data.glob("math*.jsonl")) for row in read(path)]
    agreement(judge(rows), chosen.all)
    probe(sorted({row.gold for row in rows}), chosen.all)
    times(rows[:: max(1, len(rows) // TIMED)], chosen.peers)


SUITES: dict[str, Callable[[argparse.Namespace], None]] = {"mathematics": mathematics}


def read(path: Path) -> Iterator[Row]:
    for line in path.read_text().splitlines():
        row = json.loads(line)
        yield Row(row["suite"], row["gold"], row["response"], bool(row["expected"]))


def judge(rows: Sequence[Row], **options: Any) -> list[Judged]:
    """Score rows as a trainer would, in one batch."""
    from rl_rewards.scorers.math import MathVerify
    from rl_rewards.types import Sample

    samples = [Sample("", row.response, row.response, {"gold": row.gold}) for row in rows]
    results = MathVerify("gold", **options).score(samples, [row.response for row in rows])
    return [Judged(row, one.score == 1.0, str(one.outcome), one.reason or one.error or "") for row, one in zip(rows, results, strict=True)]


# Agreement with the labels.


def agreement(judged: Sequence[Judged], everything: bool) -> None:
    disagreements = [one for one in judged if one.right != one.row.expected]
    kinds = dict(zip(map(id, disagreements), explained(disagreements), strict=True))
    table = Table(title="Agreement with the labels, default options")
    for column in ("suite", "rows", *KINDS, "recall", "false positives"):
        table.add_column(column, justify="left" if column == "suite" else "right")
    for suite in [*dict.fromkeys(one.row.suite for one in judged), "all"]:
        mine = [(one, kinds.get(id(one), ("agree", ""))[0]) for one in judged if suite in (one.row.suite, "all")]
        counts = Counter(kind for _, kind in mine)
        right = [one for one, kind in mine if one.row.expected and kind not in ("ours right", "not applicable")]
        wrong = [one for one, kind in mine if not one.row.expected and kind not in ("ours right", "not applicable", "by option")]
        recall = f"{100 * sum(one.right for one in right) / len(right):.1f} %" if right else "-"
        table.add_row(suite, str(len(mine)), *(str(counts[kind]) for kind in KINDS), recall, f"{sum(one.right for one in wrong)} of {len(wrong)}")
    console.print(table)
    listed = Table(title=f"Disagreements: {len(disagreements)}")
    for column in ("suite", "gold", "response", "label", "verdict", "kind", "reason"):
        listed.add_column(column, overflow="fold")
    for one in disagreements:
        kind, reason = kinds[id(one)]
        if everything or kind == "wrong":
            verdict = f"{'right' if one.right else 'wrong'} ({one.outcome})"
            label = "right" if one.row.expected else "wrong"
            listed.add_row(one.row.suite[:14], _end(one.row.gold), _end(one.row.response), label, verdict, kind, reason[:160])
    console.print(listed, markup=False)
    for (kind, reason), count in Counter(kinds.values()).most_common():
        if kind != "wrong":
            console.print(f"{count:4} {kind}: {reason}", markup=False)


def explained(disagreements: Sequence[Judged]) -> list[tuple[str, str]]:
    """The kind of each disagreement and its reason: what is filed, else the option that lifts it, else what the scorer said."""
    found = [filed().get(one.row.digest) for one in disagreements]
    for name, option in LIFTING.items():
        again = judge([one.row for one in disagreements], **option)
        found = [known or (("by option", name) if one.right == one.row.expected else None) for known, one in zip(found, again, strict=True)]
    return [known or ("wrong", one.reason) for known, one in zip(found, disagreements, strict=True)]


@cache
def filed() -> dict[str, tuple[str, str]]:
    """Digest of a row -> kind and reason."""
    reasons = json.loads(REASONS.read_text())
    return {digest: (kind, reason) for kind, by_reason in reasons.items() for reason, digests in by_reason.items() for digest in digests}


def _end(text: str) -> str:
    return text if len(text) <= 90 else "..." + text[-87:]


# The probe: changed golds, which must be wrong.

_ROOT = r"\\sqrt\s*\{?(\d)\}?"
_CHANGES: list[tuple[str, str, str]] = [
    ("the last digit", r"(\d)(?!.*\d)", "digit"),
    ("the first digit", r"\d", "digit"),
    ("the sign", r"(?<![^$])(?=[\w\\(])", "-"),
    ("a minus, for a plus", r"(?<=[\w}) ])-", "+"),
    ("a plus, for a minus", r"\+", "-"),
    ("a bracket, opened", r"\[", "("),
    ("a bracket, closed", r"\](?!\{)(?=\$?$)", ")"),
    ("a relation", r"\\l(?:e|eq)\b|\\leqslant", "<"),
    ("a root, left out", _ROOT, r"\1"),
    ("a term, added", r"(?=\$?$)", "+1"),
    ("a digit, added", r"(?<![^$])(?=\d+\$?$)", "2"),
    ("an item, left out", r",[^,(){}]*(?=\$?$)", ""),
]


def changed(gold: str) -> Iterator[tuple[str, str]]:
    """Wrong answers made from a gold: what was changed, and the answer."""
    text = gold.strip().rstrip(".")
    if len(text) > 200 or "\\boxed" in text:
        return
    for name, pattern, by in _CHANGES:
        match = re.search(pattern, text)
        if match is not None:
            new = {"0": "1", "9": "8"}.get(match[0], str((int(match[0]) + 1) % 10)) if by == "digit" else match.expand(by)
            yield name, text[: match.start()] + new + text[match.end() :]


def probe(golds: Sequence[str], everything: bool) -> None:
    made = [(name, Row("probe", gold, rf"\boxed{{{_bare(answer)}}}", False)) for gold in golds for name, answer in changed(gold)]
    judged = judge([row for _, row in made])
    passed = [(name, one) for (name, _), one in zip(made, judged, strict=True) if one.right]
    known = [filed().get(one.row.digest, ("wrong", one.reason)) for _, one in passed]
    unknown = sum(kind == "wrong" for kind, _ in known)
    console.print(f"changed golds: {len(made)} answers of {len(golds)} golds; {len(passed)} scored right, {unknown} of them false positives")
    table = Table(title="Changed golds that were scored right")
    for column in ("changed", "gold", "answer", "kind", "reason"):
        table.add_column(column, overflow="fold")
    for (name, one), (kind, reason) in zip(passed, known, strict=True):
        if everything or kind == "wrong":
            table.add_row(name, _end(one.row.gold), _end(one.row.response), kind, reason[:120])
    console.print(table, markup=False)


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("$") and text.endswith("$") and text.count("$") == 2 else text


# Time.


def times(rows: Sequence[Row], peers: bool) -> None:
    """Wall microseconds a row, warm; the peers parse and compare each row in this process, ours with two workers."""
    judge(rows)
    timed("math_verify", len(rows), lambda: judge(rows))
    if not peers:
        return
    from math_verify import parse, verify
    from trl.rewards.accuracy_rewards import accuracy_reward

    timed("math-verify", len(rows), lambda: [verify(parse(row.gold), parse(row.response)) for row in rows])
    completions = [[{"role": "assistant", "content": row.response}] for row in rows]
    timed("TRL accuracy_reward", len(rows), lambda: accuracy_reward(completions, [row.gold for row in rows]))


def timed(name: str, rows: int, call: Callable[[], Any]) -> None:
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        call()
    console.print(f"{name}: {1e6 * (time.perf_counter() - start) / rows:.0f} µs a row, {rows} rows")


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        main()
