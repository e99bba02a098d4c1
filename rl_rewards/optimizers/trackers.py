"""A search in Weights & Biases and in trackio: a point for each measured candidate, over the completions that it took."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rl_rewards.generation.journal import Journal
from rl_rewards.optimizers.running import Log
from rl_rewards.optimizers.task import OptimizeError
from rl_rewards.user_errors import require

__all__ = ["TRACKERS", "tracked"]

TRACKERS = ("wandb", "trackio")


@contextlib.contextmanager
def tracked(names: Iterable[str], project: str, run_name: str | None, config: Mapping[str, Any], journal: Journal) -> Iterator[Log]:
    """A function that logs numbers at a number of completions, to every tracker that is named.

    The run's id is in the journal, and so is what was logged: a search that goes on after it was cut short goes on in the same run, with
    nothing logged twice.

    Raises:
        OptimizeError: for a name that is no tracker.
        MissingPackageError: when a tracker is not installed.
    """
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in TRACKERS]:
        raise OptimizeError(f"--report-to must be {' or '.join(TRACKERS)}, got {unknown[0]!r}")
    for name in names:
        require(f"--report-to {name}", name)
    if names and "run" not in journal:
        journal["run"] = secrets.token_hex(4)
    run = journal["run"] if names else ""
    with contextlib.ExitStack() as stack:
        opened = {"wandb": _wandb, "trackio": _trackio}
        logs = [stack.enter_context(opened[name](project, run_name, run, dict(config))) for name in names]

        def log(spent: int, facts: dict[str, Any]) -> None:
            key = f"logged/{spent}/{facts['candidates']}"
            if not logs or key in journal:
                return
            for each in logs:
                each(spent, facts)
            journal[key] = True

        yield log


@contextlib.contextmanager
def _wandb(project: str, name: str | None, run: str, config: dict[str, Any]) -> Iterator[Log]:
    import wandb

    opened = wandb.init(project=project, name=name, id=run, resume="allow", config=config)
    try:
        yield lambda spent, facts: opened.log(facts, step=spent)
    finally:
        opened.finish()


@contextlib.contextmanager
def _trackio(project: str, name: str | None, run: str, config: dict[str, Any]) -> Iterator[Log]:
    import trackio

    trackio.init(project=project, name=name or run, resume="allow", config=config, embed=False)
    try:
        yield lambda spent, facts: trackio.log(facts, step=spent)
    finally:
        trackio.finish()
