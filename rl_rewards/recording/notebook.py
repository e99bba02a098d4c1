"""A run's record in a notebook: how each reward fared, and what the run was made of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_rewards.notebook import bar, cell, code, folded, frame, number, table
from rl_rewards.recording.summary import Curve, RewardSummary, summarise
from rl_rewards.redaction import redact

__all__ = ["record_html"]


def record_html(path: Path, rows: int, rubric: str, config: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """The HTML of a record; its numbers are those of the closing table."""
    summary = summarise(path)
    steps = len(summary.total.steps)
    completions = max((reward.tally.rows for reward in summary.rewards), default=0)
    title = f"Run {path.absolute().parent.name}: {rows:,} rows, {completions:,} training completions in {steps:,} step{'s' * (steps != 1)}"
    body = [_row(reward) for reward in summary.rewards]
    body.append(["total", "", *_course(summary.total), "", ""])
    heads = ["reward", "weight", "start", "end", "change", "scored", "outcomes"]
    parts = [table(heads, body)]
    for name, text in (
        ("rubric", rubric),
        ("configuration", "\n".join(f"{key}: {json.dumps(value, default=str)}" for key, value in sorted(config.items()))),
        ("versions", "\n".join(f"{package} {version}" for package, version in versions.items())),
    ):
        if text:
            parts.append(folded(name, code(redact(text), 20_000)))
    return frame(title, *parts, folded("definitions", _DEFINITIONS))


_DEFINITIONS = "start, end: means over the first and last tenth of the training steps; scored: share of a reward's rows with a score that counts"


def _row(reward: RewardSummary) -> list[Any]:
    tally = reward.tally
    counts = {"unparsed": tally.unparsed, "skipped": tally.skipped, "failed": tally.failed, "left out": tally.left_out}
    share = tally.scored / tally.rows if tally.rows else math.nan
    weight = f"{reward.weight:g}" if reward.weight else "metric"
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return [reward.name, weight, *_course(reward.mean), cell(bar(share), f"{tally.scored:,} of {tally.rows:,} rows"), said or "all scored"]


def _course(curve: Curve) -> list[Any]:
    change = curve.end - curve.start
    return [float(curve.start), float(curve.end), "–" if math.isnan(change) else ("+" if change > 0 else "") + number(change)]
