"""A rubric in a notebook: a row for each reward, in the words of a rubric file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from rl_rewards.notebook import Html, code, folded, frame, table
from rl_rewards.redaction import redact
from rl_rewards.rubric_files.native import to_text

__all__ = ["rubric_html"]

_OWN_COLUMNS = ("name", "weight", "parse", "score")


def rubric_html(rubric: Any) -> str:
    """The HTML of a Rubric. One that no file can hold is shown as Python shows it."""
    try:
        text = redact(to_text(rubric, Path.cwd()))
    except ValueError:
        spelled, whole = [{"name": reward.name, "score": repr(reward.score), "parse": repr(reward.parse)} for reward in rubric], None
    else:
        spelled, whole = yaml.safe_load(text)["rewards"], folded("as a rubric file", code(text, 20_000))
    rows = [_row(reward, fields) for reward, fields in zip(rubric, spelled, strict=True)]
    weighted = sum(reward.weight != 0 for reward in rubric)
    metrics = len(rows) - weighted
    title = f"Rubric: {weighted} reward{'s' * (weighted != 1)}" + (f", {metrics} metric{'s' * (metrics != 1)}" if metrics else "")
    return frame(title, table(["reward", "weight", "parse", "score", "options"], rows), whole)


def _row(reward: Any, fields: dict[str, Any]) -> list[Any]:
    options = [f"{name}: {_spelled(value)}" for name, value in fields.items() if name not in _OWN_COLUMNS]
    weight = f"{reward.weight:g}" if reward.weight else "metric"
    parts = [_spelled(fields[name]) if name in fields else "" for name in ("parse", "score")]
    return [reward.name, weight, *(code(part) for part in parts), code("\n".join(options)) if options else Html("")]


def _spelled(value: Any) -> str:
    return redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
