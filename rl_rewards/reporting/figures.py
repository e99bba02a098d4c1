"""A figure of the report: which form its chart has, its numbers, and what it shows in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_rewards.reporting.definitions import term
from rl_rewards.reporting.html import Markup, tag

__all__ = ["HUES", "MOST_POINTS", "Figure", "columns", "figure_html", "hue", "listed", "step_bins"]

HUES = 8
"""How many colours tell series apart; dashes tell the others."""
MOST_POINTS = 200
"""Points of a curve; beyond, neighbouring steps are taken together."""

# Columns of a figure's points that hold what it shows, whichever its form has.
_NUMBERS = ("mean", "value", "share")


@dataclass
class Figure:
    """One chart.

    Attributes:
        id: unique in the page.
        title: what stands above it.
        form: name of one of the `specs`.
        points: its data set by column.
        series: names of the series, in order; their colours are `colours`, names of custom properties of the style sheet.
        says: what it shows, in a sentence for those who do not see it.
        defined: the definition that its title shows.
        axis: title of the y axis.
        legend: whether the series are listed above it.
        note: a line below it.
    """

    id: str
    title: str
    form: str
    points: Mapping[str, Any]
    series: Sequence[str] = ()
    colours: Sequence[str] = ()
    says: str = ""
    defined: str | None = None
    note: str | None = None
    subtitle: str | None = None
    legend: bool = True
    y: Sequence[float] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: no point, or no number in any, and no note that says why."""
        if self.note:
            return False
        numbers = [np.asarray(self.points[name], float) for name in _NUMBERS if name in self.points]
        return not any(np.isfinite(values).any() for values in numbers)

    def data(self) -> dict[str, Any]:
        """What the page's script needs, as JSON values."""
        return {
            "form": self.form,
            "points": {name: listed(values) for name, values in self.points.items()},
            "series": list(self.series),
            "colours": list(self.colours),
            "title": self.title,
            "says": self.says,
            "y": None if self.y is None else list(self.y),
        }


def figure_html(figure: Figure, level: str = "h3") -> Markup:
    """The place of a chart: its title, legend, drawing and table."""
    legend = None
    if figure.legend and len(figure.series) > 1:
        keys = [tag("li", tag("span", class_="key", data_colour=colour), name) for name, colour in zip(figure.series, figure.colours, strict=False)]
        legend = tag("ul", keys, class_="legend")
    title = term(figure.defined, figure.title) if figure.defined else figure.title
    subtitle = tag("span", figure.subtitle, class_="subtitle") if figure.subtitle else None
    caption = tag("figcaption", tag(level, title, subtitle, class_="figure-title"), legend)
    drawing = tag(
        "div", class_="chart", id=f"chart-{figure.id}", data_figure=figure.id, role="img", aria_label=f"{figure.title}. {figure.says}".strip()
    )
    numbers = tag(
        "details", tag("summary", "Numbers", tag("span", f" of {figure.title}", class_="visually-hidden")), class_="numbers", data_table=figure.id
    )
    note = tag("p", figure.note, class_="note") if figure.note else None
    return tag("figure", caption, drawing, note, numbers, class_=f"figure form-{figure.form}")


def hue(place: int) -> str:
    """The colour of a run or a reward by its place."""
    return f"--hue-{place % HUES}"


def step_bins(steps: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, int]:
    """The steps, or where there are too many the first of each so many neighbours that are taken together, shape as `steps`, and how many."""
    kept = np.unique(steps)
    together = max(1, math.ceil(len(kept) / most))
    if together == 1:
        return steps, 1
    firsts = kept[::together]
    return firsts[np.searchsorted(firsts, steps, side="right") - 1], together


def columns(**parts: Sequence[Any] | np.ndarray) -> dict[str, np.ndarray]:
    """Columns of several series below one another: each keyword is a list of arrays, one for each series."""
    return {name: np.concatenate([np.asarray(each) for each in values]) if len(values) else np.empty(0) for name, values in parts.items()}


def listed(values: Any) -> list[Any]:
    """Values as JSON has them: six digits, null for NaN."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        return [_shortened(value) for value in array.tolist()]
    return array.tolist()


def _shortened(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded
