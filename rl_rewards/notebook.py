"""HTML of an object in a notebook: escaped, without scripts, in the notebook's own colours, so that it reads in light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Html", "bar", "cell", "code", "folded", "frame", "number", "table"]

# Colours are the notebook's: text inherits its colour, lines and shades are a translucent grey, which shows on any background. Styles are
# attributes, since VS Code, Jupyter and exporters treat style elements differently.
_LINE = "1px solid rgba(128,128,128,.4)"
_CELL = f"text-align:left;vertical-align:top;padding:.25em .7em;border-bottom:{_LINE};background:transparent;color:inherit;white-space:normal"
_CODE = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em;background:transparent;color:inherit"


class Html(str):
    """Text that is HTML already; every other text is escaped."""

    __slots__ = ()


Content = str | int | float | None


def _escaped(content: Content) -> str:
    if content is None:
        return ""
    return content if isinstance(content, Html) else escape(str(content).encode("utf-8", "replace").decode("utf-8"))


def frame(title: Content, *parts: Content) -> str:
    """An object's HTML: its title, and its parts below each other."""
    inner = "".join(map(_escaped, parts))
    return f'<div style="color:inherit;overflow-x:auto;line-height:1.45"><div style="font-weight:600;margin:.2em 0 .4em">{_escaped(title)}</div>{inner}</div>'


def table(heads: Sequence[Content], rows: Iterable[Sequence[Content]]) -> Html:
    """A table; the first cell of a row is its heading."""
    shown = "".join(f'<th scope="col" style="{_CELL};font-weight:600">{_escaped(head)}</th>' for head in heads)
    body = []
    for first, *rest in rows:
        cells = "".join(each if isinstance(each, Html) and each.startswith("<td") else cell(each) for each in rest)
        body.append(f'<tr style="background:transparent"><th scope="row" style="{_CELL};font-weight:600">{_escaped(first)}</th>{cells}</tr>')
    style = "border-collapse:collapse;margin:0 0 .6em;color:inherit;font-size:.95em"
    return Html(f'<table style="{style}"><thead><tr style="background:transparent">{shown}</tr></thead><tbody>{"".join(body)}</tbody></table>')


def cell(content: Content, title: str | None = None) -> Html:
    """A cell; numbers are set to the right. `title` is shown on hover."""
    right = ";text-align:right;font-variant-numeric:tabular-nums" if isinstance(content, (int, float)) else ""
    shown = number(content) if isinstance(content, float) else content
    hover = "" if title is None else f' title="{_escaped(title)}"'
    return Html(f'<td style="{_CELL}{right}"{hover}>{_escaped(shown)}</td>')


def code(text: str, most: int = 400) -> Html:
    """Text in a fixed-width font with its own line breaks, cut after so many characters."""
    shown = text if len(text) <= most else f"{text[:most]} ... ({len(text) - most:,} more characters)"
    return Html(f'<span style="{_CODE}">{_escaped(shown)}</span>')


def folded(summary: Content, *parts: Content) -> Html:
    """Parts that a click shows."""
    inner = "".join(map(_escaped, parts))
    return Html(f'<details style="margin:.2em 0"><summary style="cursor:pointer">{_escaped(summary)}</summary>{inner}</details>')


def bar(share: float) -> Html:
    """A share of 0 to 1 as a bar; beside a number, not in its place."""
    width = 0.0 if math.isnan(share) else 100 * min(max(share, 0.0), 1.0)
    track = "display:inline-block;width:5em;height:.55em;border:1px solid rgba(128,128,128,.6);vertical-align:middle"
    return Html(f'<span style="{track}"><span style="display:block;height:100%;width:{width:.0f}%;background:rgba(128,128,128,.75)"></span></span>')


def number(value: float | None) -> str:
    """A number with three decimals, or three digits where it is small; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
