"""What the trainer logged over a run: `log_history` of its `trainer_state.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

__all__ = ["trainer_log"]

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def trainer_log(directory: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Metric -> (steps, values), each shape (T,), as logged, NaN and infinite values, too; empty where the trainer kept no state.

    The state in the output directory is that of the end; without one the last checkpoint's is taken.
    """
    checkpoints = [(int(match[1]), path) for path in directory.glob("checkpoint-*") if (match := _CHECKPOINT.fullmatch(path.name))]
    for folder in (directory, *(path for _, path in sorted(checkpoints, reverse=True))):
        state = folder / "trainer_state.json"
        if state.is_file():
            try:
                return _columns(json.loads(state.read_text(encoding="utf-8")).get("log_history") or [])
            except (ValueError, AttributeError):  # cut off by a kill: an earlier checkpoint's is whole
                continue
    return {}


def _columns(history: list[dict[str, object]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found: dict[str, dict[int, float]] = {}
    for entry in history:
        step = entry.get("step")
        if not isinstance(step, int):
            continue
        for name, value in entry.items():
            if name != "step" and isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(name, {})[step] = float(value)
    return {name: (np.array(list(values), np.int64), np.array(list(values.values()))) for name, values in found.items()}
