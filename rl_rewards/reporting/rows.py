"""The completions that the page's browser holds, as one compressed block."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from rl_rewards.reporting.figures import listed
from rl_rewards.reporting.groups import above_group
from rl_rewards.reporting.run import OUTCOMES, Run
from rl_rewards.reporting.sample import sample_rows

__all__ = ["packed_rows"]

_CUT = 6_000
_RATIO = 3.0


def packed_rows(runs: Sequence[Run], budget: int) -> tuple[str, list[int]]:
    """The completions of runs as base64 of gzip of JSON, in about so many bytes, and how many of each run they are.

    Where not all fit, `sample_rows` says which are taken.
    """
    raw = budget * 0.75 * _RATIO / len(runs)
    packed, chosen = _packed_within(runs, int(raw))
    for _ in range(6):
        whole = sum(map(len, chosen)) == sum(map(len, runs))
        if len(packed) <= budget and (whole or len(packed) > 0.75 * budget):
            break
        raw *= min(0.93 * budget / len(packed), 20.0)
        packed, chosen = _packed_within(runs, int(raw))
    return packed, [len(rows) for rows in chosen]


def _packed_within(runs: Sequence[Run], raw: int) -> tuple[str, list[np.ndarray]]:
    """The completions of each run that fit into so many bytes before compression."""
    chosen = [sample_rows(run, raw) for run in runs]
    return _packed([_rows_of(run, rows) for run, rows in zip(runs, chosen, strict=True)]), chosen


def _packed(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)).decode()


def _rows_of(run: Run, rows: np.ndarray) -> dict[str, Any]:
    """Columns of the chosen completions; texts are places in `strings`, -1 where there is none."""
    found = run.texts(rows)
    strings: dict[str, int] = {}

    def place(text: str | None) -> int:
        return -1 if text is None else strings.setdefault(_shortened(text), len(strings))

    texts = [found[row] for row in rows.tolist()]
    by_reward: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(run.rewards):
        scores, raw = run.scores[rows, i], run.raw[rows, i]
        by_reward[name] = {
            "weight": None if np.isnan(run.weights[i]) else float(run.weights[i]),
            "score": listed(scores),
            "raw": listed(raw) if np.isfinite(raw).any() and not np.array_equal(raw, scores, equal_nan=True) else None,
            "gate": run.gate[rows, i].tolist() if (run.gate[:, i] >= 0).any() else None,
            "outcome": run.outcomes[rows, i].tolist(),
            "failed": np.flatnonzero(run.failed[rows, i]).tolist(),
            "parsed": [place(text.parsed.get(name)) for text in texts] if run.recorded else None,
            "reason": [place(text.reasons.get(name)) for text in texts],
            "components": {key[1]: listed(values[rows]) for key, values in run.components.items() if key[0] == name},
        }
    return {
        "rewards": by_reward,
        "recorded": run.recorded,
        "outcomes": list(OUTCOMES),
        "of": len(run),
        "name": [run.row_name(row) for row in rows.tolist()],
        "step": run.step[rows].tolist(),
        "train": run.training[rows].astype(int).tolist(),
        "rank": run.rank[rows].tolist(),
        "group": run.group_numbers[rows].tolist(),
        "prompt_id": [place(None if run.prompt[row] < 0 else run.prompt_ids[run.prompt[row]]) for row in rows.tolist()],
        "total": listed(run.total[rows]),
        "advantage": listed(run.advantage[rows]),
        "above": listed(above_group(run)[rows]),
        "length": listed(run.lengths[0][rows]),
        "unit": run.lengths[1],
        "scorable": run.scorable[rows].astype(int).tolist(),
        "prompt": [place(text.prompt) for text in texts],
        "completion": [place(text.completion) for text in texts],
        "reasoning": [place(text.reasoning) for text in texts],
        "references": [place(text.references) for text in texts],
        "strings": list(strings),
    }


def _shortened(text: str) -> str:
    """A long text's start and end."""
    if len(text) <= 2 * _CUT:
        return text
    return f"{text[:_CUT]}\n[... {len(text) - 2 * _CUT:,} characters are left out here; the record has them ...]\n{text[-_CUT:]}"
