"""Verdicts on public rows: agreement with their labels, and wrong answers made from each gold.

    python scripts/bench/verdicts.py DATA [--peers] [--all] [--explain FILE.jsonl]

DATA is a directory of JSONL tables, one (gold, response, expected) a line. Each `*.jsonl` whose name starts with `math` is scored with
the default options, then once more with the options that a disagreement might ask for. A disagreement is listed with its reason: the one
that `REASONS` files under its gold and response, else what the scorer said. The probe changes one digit, sign, bracket or term of every
gold of the tables; a changed gold that is scored right is listed too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

console = Console(width=180)
LENIENT: dict[str, dict[str, Any]] = {
    "extract: anywhere": {"extract": "anywhere"},
    "allow_unevaluated": {"allow_unevaluated": True},
    "allow_set_relation": {"allow_set_relation": True},
    "lists: ordered": {"lists": "ordered"},
    "lists: sets": {"lists": "sets"},
    "decimals: 2": {"decimals": 2},
    "domain: positive": {"domain": "positive"},
    "allow_denied": {"allow_denied": True},
}


class Row(NamedTuple):
    """One labelled row: is `response` right, where `gold` is the reference?"""

    suite: str
    gold: str
    response: str
    expected: bool


class Judged(NamedTuple):
    """A row and what the scorer made of it."""

    row: Row
    right: bool
    outcome: str
    reason: str


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path, help="directory of JSONL tables")
    options.add_argument("--peers", action="store_true", help="time math-verify and TRL's accuracy_reward on the rows, too")
    options.add_argument("--all", action="store_true", help="list every disagreement, not only the first 40 of a suite")
    options.add_argument("--reasons", type=Path, help="JSON object: 'gold ||| response' -> why a disagreement is as it should be")
    chosen = options.parse_args()
    os.environ.setdefault("RL_REWARDS_WORKERS", "2")
    mathematics(chosen)


# Mathematics.


def mathematics(chosen: argparse.Namespace) -> None:
    """Agreement on the tables of answers, the probe of changed golds, and the time beside math-verify and TRL."""
    rows = [row for path in sorted(chosen.data.glob("math*.jsonl")) for row in read(path)]
    reasons = json.loads(chosen.reasons.read_text()) if chosen.reasons else {}
    start = time.perf_counter()
    judged = judge(rows)
    ours = time.perf_counter() - start
    agreement(judged, reasons, chosen.all)
    probe(sorted({row.gold for row in rows}), chosen.all)
    times(rows, ours, chosen.peers)


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


def agreement(judged: Sequence[Judged], reasons: dict[str, str], everything: bool) -> None:
    table = Table(title="Agreement with the labels, default options")
    for column in ("suite", "rows", "agree", "ours right", "by option", "not applicable", "wrong", "recall", "false positives"):
        table.add_column(column, justify="left" if column == "suite" else "right")
    disagreements = [one for one in judged if one.right != one.row.expected]
    options = lifted(disagreements)
    explained = [explain(one, option, reasons) for one, option in zip(disagreements, options, strict=True)]
    kinds = {id(one): kind for one, (kind, _) in zip(disagreements, explained, strict=True)}
    totals: Counter[str] = Counter()
    for suite in [*dict.fromkeys(one.row.suite for one in judged), "all"]:
        mine = [one for one in judged if suite in (one.row.suite, "all")]
        totals = Counter(kinds.get(id(one), "agree") for one in mine)
        right = [one for one in mine if one.row.expected and kinds.get(id(one)) not in ("ours right", "not applicable")]
        wrong = [one for one in mine if not one.row.expected and kinds.get(id(one)) != "ours right"]
        recall = f"{100 * sum(one.right for one in right) / len(right):.1f} %" if right else "-"
        figures = [totals[kind] for kind in ("agree", "ours right", "by option", "not applicable", "wrong")]
        table.add_row(suite, str(len(mine)), *map(str, figures), recall, f"{sum(one.right for one in wrong)}/{len(wrong)}")
    console.print(table)
    shown = disagreements if everything else disagreements[:40]
    listed = Table(title=f"Disagreements: {len(shown)} of {len(disagreements)}")
    for column in ("suite", "gold", "response", "label", "verdict", "kind", "reason"):
        listed.add_column(column, overflow="fold")
    for one, (kind, reason) in zip(shown, explained):
        row = one.row
        verdict = f"{'right' if one.right else 'wrong'} ({one.outcome})"
        listed.add_row(row.suite[:14], _end(row.gold), _end(row.response), "right" if row.expected else "wrong", verdict, kind, reason[:160])
    console.print(listed, markup=False)


def lifted(disagreements: Sequence[Judged]) -> list[str | None]:
    """For each disagreement, the option under which it agrees."""
    found: list[str | None] = [None] * len(disagreements)
    for name, option in LENIENT.items():
        again = judge([one.row for one in disagreements], **option)
        for place, one in enumerate(again):
            if found[place] is None and one.right == one.row.expected:
                found[place] = name
    return found


def explain(one: Judged, option: str | None, reasons: dict[str, str]) -> tuple[str, str]:
    """The kind of a disagreement ("ours right", "not applicable", "by option", "wrong") and its reason."""
    known = reasons.get(f"{one.row.gold} ||| {one.row.response}")
    if known is not None:
        kind, _, reason = known.partition(": ")
        return kind, reason
    if option is not None:
        return "by option", f"{option}; {one.reason}"
    return "wrong", one.reason


def _end(text: str) -> str:
    return text if len(text) <= 90 else "..." + text[-87:]


# The probe: changed golds, which must be wrong.

_CHANGES: list[tuple[str, str, str]] = [
    ("another digit", r"(\d)(?!.*\d)", "digit"),
    ("another first digit", r"\d", "digit"),
    ("the sign", r"^\$?(?=[\w\\(])", "-"),
    ("a plus for a minus", r"(?<=[\w}) ])-", "+"),
    ("a minus for a plus", r"\+", "-"),
    ("an open end", r"\[", "("),
    ("a closed end", r"\](?!\{)(?=\$?$)", ")"),
    ("another relation", r"\\l(?:e|eq)\b|\\leqslant", "<"),
    ("no root", r"\\sqrt\s*\{?(\d)\}?", r"\1"),
    ("one more", r"\$?$", "+1"),
    ("doubled", r"^\$?(?=\d+\$?$)", "2"),
    ("an item less", r",[^,(){}]*(?=\$?$)", ""),
]


def changed(gold: str) -> Iterator[tuple[str, str]]:
    """Wrong answers made from a gold: what was changed, and the answer."""
    text = gold.strip()
    if len(text) > 200 or "\\boxed" in text:
        return
    for name, pattern, by in _CHANGES:
        match = re.search(pattern, text)
        if match is None:
            continue
        if by == "digit":
            digit = match[0]
            other = str((int(digit) + 1) % 10) if digit != "9" else "8"
            answer = text[: match.start()] + other + text[match.end() :]
        elif by == "-" and name == "the sign":
            answer = text[: match.end()] + "-" + text[match.end() :]
        elif by == "+1":
            answer = text.rstrip("$").rstrip(".") + "+1" + ("$" if text.endswith("$") else "")
        else:
            answer = text[: match.start()] + match.expand(by) + text[match.end() :]
        if answer != text:
            yield name, answer


def probe(golds: Sequence[str], everything: bool) -> None:
    made = [(name, Row("probe", gold, rf"\boxed{{{_bare(answer)}}}", False)) for gold in golds for name, answer in changed(gold)]
    judged = judge([row for _, row in made])
    passed = [(name, one) for (name, _), one in zip(made, judged, strict=True) if one.right]
    counts = Counter(name for name, _ in made)
    console.print(f"changed golds: {len(made)} answers of {len(golds)} golds, {len(passed)} scored right; {dict(counts)}")
    table = Table(title="Changed golds that were scored right")
    for column in ("changed", "gold", "answer", "reason"):
        table.add_column(column, overflow="fold")
    for name, one in passed if everything else passed[:60]:
        table.add_row(name, _end(one.row.gold), _end(one.row.response), one.reason[:120])
    if passed:
        console.print(table, markup=False)


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("$") and text.endswith("$") and text.count("$") == 2 else text


def times(rows: Sequence[Row], ours: float, peers: bool) -> None:
    console.print(f"time: {len(rows)} rows in {ours:.1f} s ({1e6 * ours / len(rows):.0f} µs a row, two workers, first batch)")
    if not peers:
        return
    from math_verify import parse, verify
    from trl.rewards import accuracy_reward

    start = time.perf_counter()
    for row in rows:
        verify(parse(row.gold), parse(row.response))
    console.print(f"      math-verify: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    for row in rows:
        accuracy_reward([[{"role": "assistant", "content": row.response}]], [row.gold])
    console.print(f"      TRL accuracy_reward: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        main()
    sys.exit(0)
