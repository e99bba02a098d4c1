"""Evaluation before and after: each reward's mean with its interval, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rl_rewards.aggregates.intervals import Interval, ratio_interval
from rl_rewards.comparing.bootstrap import bootstrap_interval
from rl_rewards.reporting.charts import rewards_of
from rl_rewards.reporting.figures import Figure, columns, hue
from rl_rewards.reporting.run import Run

__all__ = ["Side", "difference_of", "evaluation_figures", "mean_of", "sides_of"]


@dataclass(frozen=True, eq=False)
class Side:
    """Completions that are evaluated together: those of one step of a run, or a scored file's.

    Attributes:
        name: what the report calls them.
        run: their run.
        rows: which of its completions they are, shape (N,).
    """

    name: str
    run: Run
    rows: np.ndarray


def sides_of(runs: Sequence[Run], names: Sequence[str]) -> list[Side]:
    """What can be compared: a run's first and last evaluation, and each scored file."""
    sides = []
    for run, name in zip(runs, names, strict=True):
        if not run.recorded:
            sides.append(Side(name, run, np.ones(len(run), bool)))
            continue
        evaluated = ~run.training & (run.step >= 0)
        steps = np.unique(run.step[evaluated])
        for step in steps[[0, -1]] if len(steps) > 1 else steps:
            sides.append(Side(f"step {step}" if len(runs) == 1 else f"{name}, step {step}", run, evaluated & (run.step == step)))
    return sides


def mean_of(side: Side, reward: str) -> tuple[Interval, int]:
    """A reward's mean with its interval, clustered by prompt, and how many rows have a score."""
    if reward not in ("total", *side.run.rewards):
        return (None, None, None), 0
    sums, counts = _by_prompt(side, reward)
    return ratio_interval(sums, counts), int(counts.sum())


def _by_prompt(side: Side, reward: str) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of scores of each prompt with one; a completion without a prompt is one of its own."""
    values = side.run.column(reward)
    there = side.rows & np.isfinite(values)
    prompt = np.where(side.run.prompt < 0, len(side.run.prompt_ids) + np.arange(len(side.run)), side.run.prompt)[there]
    _, place = np.unique(prompt, return_inverse=True)
    return np.bincount(place, values[there]), np.bincount(place).astype(float)


def difference_of(before: Side, after: Side, reward: str) -> tuple[float, float | None, float | None, int] | None:
    """Mean difference over the prompts that both sides have, its interval, and their number; None where there is none."""
    if any(reward not in ("total", *side.run.rewards) for side in (before, after)):
        return None
    first, second = _means(before, reward), _means(after, reward)
    shared = [key for key in first if key in second]
    if not shared:
        return None
    differences = np.array([second[key] - first[key] for key in shared])
    low, high = bootstrap_interval(differences, resamples=4000)
    return float(differences.mean()), low, high, len(shared)


def _means(side: Side, reward: str) -> dict[str, float]:
    """Mean score of each prompt by its id."""
    values = side.run.column(reward)
    there = side.rows & np.isfinite(values) & (side.run.prompt >= 0)
    prompts, place = np.unique(side.run.prompt[there], return_inverse=True)
    means = np.bincount(place, values[there], len(prompts)) / np.bincount(place, minlength=len(prompts))
    return {side.run.prompt_ids[prompt]: float(mean) for prompt, mean in zip(prompts, means, strict=True)}


def evaluation_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Each reward's mean with its interval over the evaluations of runs that have two or more."""
    figures = []
    for place, reward in enumerate(["total", *rewards_of(runs)]):
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ("series", "step", "mean", "low", "high", "count")}
        shown: list[int] = []
        for i, run in enumerate(runs):
            evaluated = ~run.training & (run.step >= 0)
            steps = np.unique(run.step[evaluated])
            if not run.recorded or len(steps) < 2 or reward not in ("total", *run.rewards):
                continue
            shown.append(i)
            found = [mean_of(Side("", run, evaluated & (run.step == step)), reward) for step in steps]
            numbers = np.array([[np.nan if value is None else value for value in interval] for interval, _ in found], float)
            for name, values in zip(
                parts, (np.repeat(names[i], len(steps)), steps, *numbers.T, np.array([count for _, count in found])), strict=True
            ):
                parts[name].append(values)
        if shown:
            colour = "--ink" if place == 0 else hue(place - 1)
            says = f"{reward} at {len(parts['step'][0])} evaluations, with 95 % intervals."
            colours = [colour] if len(runs) == 1 else [hue(i) for i in shown]
            figures.append(
                Figure(
                    f"evaluation-{place}", reward, "intervals", columns(**parts), [names[i] for i in shown], colours, says, "interval", legend=False
                )
            )
    return figures
