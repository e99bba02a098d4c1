"""What took longest: single rows, and whole batches of the rewards that have no time of single rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl_rewards.reporting.charts import batch_seconds
from rl_rewards.reporting.definitions import term
from rl_rewards.reporting.html import Markup, cell, table, tag
from rl_rewards.reporting.run import OUTCOMES, Run

__all__ = ["Slow", "slow_table", "slowest"]

_ROWS, _BATCHES = 12, 6
_TIMEOUT = OUTCOMES.index("timeout")


@dataclass(frozen=True)
class Slow:
    """A time that a reward took.

    Attributes:
        row: the completion, or the first one of the batch.
        reward: its place among the rewards.
        seconds: of the completion, or of the whole batch.
        size: completions of the batch; None where the time is that of one completion.
    """

    row: int
    reward: int
    seconds: float
    size: int | None = None


def slowest(run: Run) -> list[Slow]:
    """The slowest rows and the slowest batches of rewards whose rows have no time of their own there, the longest first."""
    found = [Slow(row, reward, run.row_seconds[row, reward].item()) for row, reward in _largest(run.row_seconds, _ROWS)]
    if len(run):
        first, seconds = batch_seconds(run)
        sizes = np.diff(np.append(first, len(run)))
        known = np.logical_or.reduceat(np.isfinite(run.row_seconds), first)
        of_batches = np.where(known, np.nan, seconds)
        found += [Slow(int(first[at]), reward, of_batches[at, reward].item(), int(sizes[at])) for at, reward in _largest(of_batches, _BATCHES)]
    return sorted(found, key=lambda slow: -slow.seconds)


def _largest(seconds: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The cells with the most seconds, the largest first; those without and those of 0 are not among them."""
    flat = np.nan_to_num(seconds.ravel(), nan=0.0)
    order = np.argsort(-flat, kind="stable")[:count]
    return [divmod(int(cell), seconds.shape[1]) for cell in order if flat[cell] > 0]


def slow_table(run: Run, number: int | None = None) -> Markup | None:
    """The slowest rows as a table, each with a link to its completion, or to those of its step.

    Args:
        number: of the run, from 1, where the page has several.
    """
    found = slowest(run)
    if not found:
        return None
    says = tag(
        "p",
        "The slowest rows, and the slowest batches of rewards that score a batch at once, so that no time of a single row is known.",
        class_="says",
    )
    heads = ["completion", "reward", term("row seconds", "seconds"), term("time of"), term("outcome")]
    return tag("div", says, table("Slowest rows", heads, [_line(run, slow, number) for slow in found], class_="numbers-table slowest"))


def _line(run: Run, slow: Slow, number: int | None) -> list[Markup | str]:
    step, training = int(run.step[slow.row]), bool(run.training[slow.row])
    where = f"step {step}{'' if training else ' (evaluation)'}"
    reward = run.rewards[slow.reward]
    if slow.size is None:
        name = run.row_name(slow.row)
        link = tag("a", f"{where}, completion {run.index[slow.row]}", href=f"#row={'' if number is None else f'{number}/'}{name}&view=rows")
        return [link, reward, cell(slow.seconds), "the row", OUTCOMES[run.outcomes[slow.row, slow.reward]]]
    late = int((run.outcomes[slow.row : slow.row + slow.size, slow.reward] == _TIMEOUT).sum())
    of_run = "" if number is None else f"&run={number}"
    link = tag("a", where, href=f"#step={step}&mode={'train' if training else 'eval'}{of_run}&sort=-length&view=rows")
    said = f"{late} timeout{'s' * (late != 1)}" if late else ""
    return [link, reward, cell(slow.seconds), f"its batch of {slow.size}", said]
