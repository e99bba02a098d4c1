"""Charts of scores, components and gates over the steps, and of what the trainer logged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rl_rewards.reporting.charts.parts import course, curve_figure, line_figure, rewards_of
from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.figures import MOST_POINTS, Figure, columns, hue, step_bins
from rl_rewards.reporting.run import Run

__all__ = ["component_figures", "gate_figures", "score_figures", "trainer_figures"]


def score_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """The total, and each reward, over the steps."""
    figures = []
    for place, reward in enumerate(["total", *rewards_of(runs)]):
        here = [(i, run) for i, run in enumerate(runs) if run.stepped and reward in ("total", *run.rewards)]
        if not here:
            continue
        values = [run.total if place == 0 else run.column(reward) for _, run in here]
        figures.append(
            curve_figure(
                f"score-{place}",
                reward,
                here,
                names,
                values,
                "--ink" if place == 0 else hue(place - 1),
                _weight(here, reward) if place else "weighted sum",
            )
        )
    return figures


def component_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Each component over the steps."""
    figures, rewards = [], rewards_of(runs)
    for place, key in enumerate(dict.fromkeys(key for run in runs for key in run.components)):
        here = [(i, run) for i, run in enumerate(runs) if run.stepped and key in run.components]
        if not here:
            continue
        colour = hue(rewards.index(key[0]))
        figures.append(
            curve_figure(f"component-{place}", key[1], here, names, [run.components[key] for _, run in here], colour, f"component of {key[0]}")
        )
    return figures


def _weight(here: Sequence[tuple[int, Run]], reward: str) -> str:
    weights = list(dict.fromkeys(float(run.weights[run.rewards.index(reward)]) for _, run in here))
    if any(np.isnan(weights)):
        return "weight unknown"
    return "metric" if weights == [0.0] else "weight " + ", ".join(f"{weight:.3g}" for weight in weights)


def gate_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """How open each gate was."""
    figures = []
    for place, reward in enumerate(rewards_of(runs)):
        here = [(i, run) for i, run in enumerate(runs) if reward in run.rewards and (run.gate[run.trained, run.rewards.index(reward)] >= 0).any()]
        if here:
            values = [np.where((gate := run.gate[:, run.rewards.index(reward)]) < 0, np.nan, gate) for _, run in here]
            figure = line_figure(f"gate-{place}", f"Gate of {reward}", here, names, values, [hue(place)])
            figure.defined, figure.y = "gate open", (0, 1)
            figures.append(figure)
    return figures


def trainer_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """What the trainer logged, first what is looked at first; of rewards, which have their own curves, nothing."""
    wanted = ("loss", "kl", "entropy", "grad_norm", "learning_rate", "clip_ratio/region_mean", "completions/clipped_ratio", "frac_reward_zero_std")
    found = list(dict.fromkeys(name for run in runs for name in run.logged))
    kept = [name for name in found if not name.startswith(("rewards/", "eval_rewards/")) and name != "epoch"]
    figures = []
    for place, name in enumerate(sorted(kept, key=lambda each: (wanted.index(each) if each in wanted else len(wanted), each))):
        here = [(i, *run.logged[name]) for i, run in enumerate(runs) if name in run.logged]
        curves = [(i, curve_of(values, step_bins(steps, MOST_POINTS)[0])) for i, steps, values in here]
        points = columns(
            series=[np.repeat(names[i], len(curve.steps)) for i, curve in curves],
            step=[curve.steps for _, curve in curves],
            value=[curve.mean for _, curve in curves],
        )
        says = "; ".join(course(names[i], curve.mean, len(runs) == 1) for i, curve in curves)
        colours = ["--hue-0"] if len(runs) == 1 else [hue(i) for i, _ in curves]
        note = _not_finite([steps[~np.isfinite(values)] for _, steps, values in here])
        figures.append(Figure(f"trainer-{place}", name, "lines", points, [names[i] for i, _ in curves], colours, says, "trainer", note, legend=False))
    return figures


def _not_finite(steps: Sequence[np.ndarray]) -> str | None:
    """What cannot be drawn of what was logged."""
    found = np.concatenate(steps)
    if not len(found):
        return None
    return f"NaN or infinite at step {found[0]}." if len(found) == 1 else f"NaN or infinite at {len(found):,} steps, the first {found.min()}."
