"""Raises a warning where people look: the log, and the trackers that the trainer reports to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Sequence
from typing import Any

from rl_rewards.recording.warnings import RunWarning

__all__ = ["alert", "trainer_numbers"]

logger = logging.getLogger(__name__)

_LONGEST_TITLE = 63  # in characters: W&B wants less than 64
_READ = ("kl", "entropy")


def alert(warning: RunWarning, report_to: Collection[str]) -> None:
    """Log a warning, and alert the runs of W&B and trackio that are open; a note is logged alone.

    Args:
        report_to: the trainer's trackers.
    """
    if warning.severity == "note":
        logger.info("%s. %s", warning, warning.remedy)
        return
    logger.warning("%s. %s", warning, warning.remedy)
    title = warning.title if len(warning.title) <= _LONGEST_TITLE else warning.title[: _LONGEST_TITLE - 3] + "..."
    text = f"{warning}. {warning.remedy}"
    for tracker, raise_in in (("wandb", _wandb), ("trackio", _trackio)):
        # A tracker that is not loaded has no run.
        if tracker in report_to and (module := sys.modules.get(tracker)) is not None:
            try:
                raise_in(module, title, text)
            except Exception:  # no run is stopped by an alert
                logger.exception("%s did not take the alert %r", tracker, title)


def _wandb(wandb: Any, title: str, text: str) -> None:
    if wandb.run is not None:
        wandb.run.alert(title=title, text=text, level=wandb.AlertLevel.WARN)


def _trackio(trackio: Any, title: str, text: str) -> None:
    if trackio.context_vars.current_run.get() is not None:
        trackio.alert(title, text, level=trackio.AlertLevel.WARN)


def trainer_numbers(history: Sequence[dict[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    """The numbers of a trainer's log that warnings read: name -> (steps, values)."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for entry in history:
        for name in _READ:
            if isinstance(entry.get("step"), int) and isinstance(value := entry.get(name), (int, float)):
                steps, values = found.setdefault(name, ([], []))
                steps.append(entry["step"])
                values.append(float(value))
    return found
