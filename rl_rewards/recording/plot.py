"""`rewards.png`: every reward and every component over the steps of a run, as small multiples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rl_rewards.recording.summary import Curve, RewardSummary, RunSummary

_INK, _QUIET, _GRID = "#24292f", "#6e7781", "#e4e8ec"
_HUES = ("#2f6fde", "#0f9d76", "#8b5cd6", "#c2570c", "#0891b2", "#be3a86", "#5b7c1f", "#7a5c45")
_UNPARSED, _ERRORS = "#f2b134", "#d7263d"
# In inches: a panel with its labels, its free margins, and the line above all panels.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _ABOVE, _BELOW, _HEAD = 3.8, 2.7, 0.65, 0.2, 0.42, 0.38, 0.5
_STRIP = 0.16  # share of a panel's height that shows the rates
_SMOOTHED = 20  # the smooth line is a mean over a 20th of the steps


@dataclass
class _Panel:
    title: str
    note: str
    hue: str
    curve: Curve
    evaluation: Curve | None = None
    rates: RewardSummary | None = None


def draw(summary: RunSummary, target: Path) -> None:
    """Draw a run as a PNG, which appears whole or not at all."""
    panels = list(_panels(summary))
    steps = np.concatenate([panel.curve.steps for panel in panels] + [panel.evaluation.steps for panel in panels if panel.evaluation])
    span = (steps.min(), steps.max()) if len(steps) else (0, 0)
    columns = _columns(len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = columns * _WIDTH, rows * _HEIGHT + _HEAD
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        left, bottom = column * _WIDTH + _LEFT, height - _HEAD - (row + 1) * _HEIGHT + _BELOW
        across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _ABOVE - _BELOW
        strip = up * _STRIP if panel.rates is not None else 0.0
        gap = 0.1 if strip else 0.0
        box = (left / width, (bottom + strip + gap) / height, across / width, (up - strip - gap) / height)
        _draw_scores(_axes(figure, box, span), panel, labels=not strip)
        if strip:
            _draw_rates(_axes(figure, (left / width, bottom / height, across / width, strip / height), span), panel.rates)
    _draw_legend(figure, summary)
    partial = target.with_name(f".{target.name}.partial")
    figure.savefig(partial, format="png")
    partial.replace(target)


def _columns(panels: int) -> int:
    """Three or four, whichever leaves fewer cells empty."""
    return panels if panels <= 4 else min((4, 3), key=lambda columns: -panels % columns)


def _panels(summary: RunSummary) -> Iterator[_Panel]:
    """The total, then each reward, followed by its components in the same hue; nothing of what has no number and failed on no row."""
    if len(summary.rewards) != 1 and (_known(summary.total) or _known(summary.total_evaluation) or not summary.rewards):
        yield _Panel("total", "weighted sum", _INK, summary.total, summary.total_evaluation)
    for i, reward in enumerate(summary.rewards):
        if not _shown(reward) and len(summary.rewards) > 1:
            continue
        hue = _HUES[i % len(_HUES)]
        note = "metric" if reward.weight == 0 else f"weight {reward.weight:g}"
        applied = reward.tally.rows > reward.tally.skipped
        yield _Panel(reward.name, note, hue, reward.mean, reward.evaluation, reward if applied else None)
        for name, curve in filter(lambda part: _known(part[1]), reward.components.items()):
            yield _Panel(name, f"component of {reward.name}", hue, curve)


def _shown(reward: RewardSummary) -> bool:
    return _known(reward.mean) or _known(reward.evaluation) or reward.tally.failed > 0


def _known(curve: Curve) -> bool:
    return bool(np.isfinite(curve.values).any())


def _draw_scores(axes: Axes, panel: _Panel, labels: bool) -> None:
    axes.set_title(_shortened(panel.title, 30), loc="left", fontsize=10.5, fontweight="bold", color=panel.hue, pad=7)
    axes.set_title(_shortened(panel.note, 24), loc="right", fontsize=8, color=_QUIET, pad=7)
    curve = panel.curve
    if np.isfinite(curve.values).any():
        smooth = _smoothed(curve.values)
        axes.plot(curve.steps, curve.values, color=panel.hue, alpha=0.32, linewidth=0.9)
        axes.plot(curve.steps, smooth, color=panel.hue, linewidth=1.6 if panel.evaluation is None else 2.2, solid_capstyle="round")
    elif panel.evaluation is None or not _known(panel.evaluation):
        axes.text(0.5, 0.5, "no scores", transform=axes.transAxes, ha="center", va="center", color=_QUIET, fontsize=9)
    if panel.evaluation:
        axes.plot(*_points(panel.evaluation), "o", color="white", markeredgecolor=_INK, markersize=5, markeredgewidth=1.3, clip_on=False, zorder=5)
    axes.margins(y=0.12)
    low, high = axes.get_ylim()
    if high - low < 1e-3:  # a constant curve is a line in the middle, not a magnified rounding error
        axes.set_ylim(low - 0.5, high + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}".replace("-", "\N{MINUS SIGN}"))
    axes.tick_params(labelbottom=labels)


def _draw_rates(axes: Axes, reward: RewardSummary) -> None:
    """Shares of rows without an answer and of failures of the reward itself, stacked."""
    axes.grid(False)
    axes.set_facecolor("#f6f8fa")
    unparsed, errors = np.nan_to_num(reward.unparsed.values), np.nan_to_num(reward.errors.values)
    if len(unparsed) == 1:  # an area needs two points
        axes.bar(reward.unparsed.steps, errors, color=_ERRORS)
        axes.bar(reward.unparsed.steps, unparsed, bottom=errors, color=_UNPARSED)
    else:
        axes.stackplot(reward.unparsed.steps, errors, unparsed, colors=(_ERRORS, _UNPARSED), linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.tick_params(axis="y", labelsize=6.5)


def _axes(figure: Figure, box: tuple[float, float, float, float], span: tuple[int, int]) -> Axes:
    """Plain axes over all steps of the run."""
    axes = figure.add_axes(box)
    margin = max(span[1] - span[0], 1) * 0.03
    axes.set_xlim(span[0] - margin, span[1] + margin)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_QUIET)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, labelsize=8, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return axes


def _draw_legend(figure: Figure, summary: RunSummary) -> None:
    handles = [
        Line2D([], [], color=_QUIET, alpha=0.5, linewidth=0.9, label="mean of a step"),
        Line2D([], [], color=_QUIET, linewidth=2.2, label="smoothed"),
    ]
    if summary.total_evaluation:
        handles.append(Line2D([], [], marker="o", linestyle="", color="white", markeredgecolor=_INK, markersize=5, label="evaluation"))
    handles += [Patch(color=_UNPARSED, label="unparsed"), Patch(color=_ERRORS, label="errors")]
    width, height = figure.get_size_inches()
    figure.text(_LEFT / width, 1 - 0.3 / height, "Rewards over training steps", fontsize=12.5, fontweight="bold", color=_INK, va="center")
    place = {"loc": "center right", "bbox_to_anchor": (1 - _RIGHT / width, 1 - 0.3 / height)}
    figure.legend(handles=handles, ncols=len(handles), frameon=False, fontsize=8.5, labelcolor=_INK, columnspacing=1.4, handlelength=1.5, **place)


def _points(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    there = np.isfinite(curve.values)
    return curve.steps[there], curve.values[there]


def _smoothed(values: np.ndarray) -> np.ndarray:
    """A centred mean over a 20th of the steps that leaves out what is missing."""
    window = np.ones(2 * (len(values) // (2 * _SMOOTHED)) + 1)
    there = np.isfinite(values)
    sums = np.convolve(np.where(there, values, 0.0), window, "same")
    counts = np.convolve(there.astype(float), window, "same")
    return np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
