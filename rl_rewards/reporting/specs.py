"""The forms of the report's charts as Vega-Lite, by Altair. Each reads a data set `points`, which the page puts in.

Colours are the theme's: the page gives the scale of `series` its colours, and puts the custom property in for a value `css:--name`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

__all__ = ["specs"]

_HEIGHT = 170
_SHORT = "datum.value != 0 && abs(datum.value) < 0.001 ? format(datum.value, '.2~e') : format(datum.value, ',.4~f')"
_AXIS = alt.Axis(tickCount=4, labelExpr=_SHORT)


def _chart(height: int = _HEIGHT) -> Any:
    return alt.Chart(alt.NamedData(name="points"), width="container", height=height)


def _step(title: str | None = "step") -> alt.X:
    return alt.X("step:Q", title=title, scale=alt.Scale(nice=False, zero=False), axis=alt.Axis(grid=False, tickMinStep=1, tickCount=6, format="~s"))


def _series(field: str) -> alt.Color:
    return alt.Color(f"{field}:N", sort=None, legend=None)


def _tooltip(*fields: tuple[str, str, str]) -> list[alt.Tooltip]:
    """Fields with their titles and number formats; an empty one is a text."""
    return [alt.Tooltip(f"{name}:Q", title=title, format=form) if form else alt.Tooltip(f"{name}:N", title=title) for name, title, form in fields]


def _hover(base: Any, tooltip: list[alt.Tooltip], y: str) -> Any:
    """A rule and a point at the step under the pointer, with the numbers there."""
    near = alt.selection_point(name="near", fields=["step"], nearest=True, on="pointermove", clear="pointerout", empty=False)
    return (
        base.mark_circle(size=60)
        .encode(x=_step(), y=alt.Y(y), color=_series("series"), opacity=alt.condition(near, alt.value(1), alt.value(0)), tooltip=tooltip)
        .add_params(near)
    )


def _curve() -> Any:
    base = _chart()
    y = alt.Y("mean:Q", title=None, scale=alt.Scale(zero=False), axis=_AXIS)
    band = base.mark_area(opacity=0.14).encode(x=_step(), y=alt.Y("low:Q", title=None), y2="high:Q", color=_series("series"))
    line = base.mark_line(strokeWidth=1.8).encode(x=_step(), y=y, color=_series("series"))
    tooltip = _tooltip(
        ("series", "series", ""),
        ("step", "step", ","),
        ("mean", "mean", ".4~g"),
        ("low", "p10", ".4~g"),
        ("high", "p90", ".4~g"),
        ("count", "rows", ","),
    )
    return band + line + _hover(base, tooltip, "mean:Q")


def _lines() -> Any:
    base = _chart()
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=_AXIS)
    line = base.mark_line(strokeWidth=1.8).encode(
        x=_step(), y=y, color=_series("series"), strokeDash=alt.StrokeDash("series:N", sort=None, legend=None)
    )
    return line + _hover(base, _tooltip(("series", "series", ""), ("step", "step", ","), ("value", "value", ".4~g")), "value:Q")


def _stack() -> Any:
    """Shares of a whole over steps, one on another: each lies between `from` and `to`."""
    return (
        _chart(150)
        .mark_rect(strokeWidth=0)
        .encode(
            x=_step(),
            x2="until:Q",
            y=alt.Y("from:Q", title=None, axis=alt.Axis(format=".0%", tickCount=4)),
            y2="to:Q",
            color=_series("series"),
            tooltip=_tooltip(("series", "", ""), ("step", "step", ","), ("share", "share", ".2%"), ("count", "count", ",")),
        )
    )


def _heat() -> Any:
    return (
        _chart(220)
        .mark_rect()
        .encode(
            x=_step(),
            x2="until:Q",
            y=alt.Y("from:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False, tickCount=6)),
            y2="to:Q",
            color=alt.Color("share:Q", title="share of rows", legend=alt.Legend(format=".0%", orient="right", gradientLength=160)),
            tooltip=_tooltip(
                ("step", "step", ","), ("from", "from", ".4~g"), ("to", "to", ".4~g"), ("share", "share of rows", ".1%"), ("count", "rows", ",")
            ),
        )
    )


def _bars() -> Any:
    """A histogram; of several series, one in front of the other."""
    return (
        _chart()
        .mark_rect(opacity=0.55, strokeWidth=0)
        .encode(
            x=alt.X("from:Q", title="score", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False, tickCount=6)),
            x2="to:Q",
            y=alt.Y("zero:Q", title=None, axis=alt.Axis(format=".0%", tickCount=4)),
            y2="share:Q",
            color=_series("series"),
            tooltip=_tooltip(
                ("series", "series", ""), ("from", "from", ".4~g"), ("to", "to", ".4~g"), ("share", "share of rows", ".1%"), ("count", "rows", ",")
            ),
        )
        .transform_calculate(zero="0")
    )


def _matrix() -> Any:
    base = _chart(26).properties(height=alt.Step(34))
    position = {
        "x": alt.X("right:N", sort=None, title=None, axis=alt.Axis(labelAngle=-35, labelLimit=110, grid=False)),
        "y": alt.Y("left:N", sort=None, title=None, axis=alt.Axis(labelLimit=130, grid=False)),
    }
    squares = base.mark_rect().encode(
        **position,
        color=alt.Color("value:Q", title="correlation", scale=alt.Scale(domain=[-1, 1], domainMid=0), legend=None),
        tooltip=_tooltip(("left", "", ""), ("right", "", ""), ("value", "correlation", ".4f"), ("count", "rows", ",")),
    )
    ink = alt.condition("abs(datum.value) > 0.5", alt.value("css:--on-strong"), alt.value("css:--ink"))
    return squares + base.mark_text(fontSize=11).encode(**position, text=alt.Text("value:Q", format=".2f"), color=ink)


def _bins() -> Any:
    """A mean by ranges of length."""
    base = _chart()
    x = alt.X("middle:Q", title="length", scale=alt.Scale(zero=False), axis=alt.Axis(grid=False, format="~s"))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=_AXIS)
    tooltip = _tooltip(("series", "series", ""), ("from", "from", ",.0f"), ("to", "to", ",.0f"), ("value", "mean", ".4~g"), ("count", "rows", ","))
    return base.mark_line(strokeWidth=1.8).encode(x=x, y=y, color=_series("series")) + base.mark_circle(size=45, opacity=1).encode(
        x=x, y=y, color=_series("series"), tooltip=tooltip
    )


def _intervals() -> Any:
    """Means with their intervals over steps."""
    base = _chart()
    y = alt.Y("mean:Q", title=None, scale=alt.Scale(zero=False), axis=_AXIS)
    tooltip = _tooltip(
        ("series", "series", ""),
        ("step", "step", ","),
        ("mean", "mean", ".4~g"),
        ("low", "from", ".4~g"),
        ("high", "to", ".4~g"),
        ("count", "rows", ","),
    )
    bars = base.mark_rule(strokeWidth=1.5).encode(x=_step(), y=alt.Y("low:Q", title=None), y2="high:Q", color=_series("series"))
    line = base.mark_line(strokeWidth=1.2, opacity=0.6).encode(x=_step(), y=y, color=_series("series"))
    return bars + line + base.mark_circle(size=55, opacity=1).encode(x=_step(), y=y, color=_series("series"), tooltip=tooltip)


@cache
def specs() -> dict[str, dict[str, Any]]:
    """Every form by its name."""
    makers = {
        "curve": _curve,
        "lines": _lines,
        "stack": _stack,
        "heat": _heat,
        "matrix": _matrix,
        "bars": _bars,
        "bins": _bins,
        "intervals": _intervals,
    }
    return {name: _plain(make().to_dict()) for name, make in makers.items()}


def _plain(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name != "config"}
