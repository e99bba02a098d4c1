"""HTML from Python: every text is escaped where it is put in, so that nothing of a completion is ever markup."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import zip_longest
from typing import Any

__all__ = ["Markup", "csp", "cell", "embedded_json", "number", "page_head", "percent", "script_hash", "table", "tag"]

_VOID = frozenset({"br", "hr", "input", "meta", "link"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Markup | str | int | float | None | Iterable["Content"]


def _render(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content
    if isinstance(content, (str, int, float)):
        return escape(str(content).encode("utf-8", "replace").decode())
    return "".join(map(_render, content))


def tag(name: str, /, *content: Content, **attributes: Any) -> Markup:
    """An element: `tag("td", text, class_="number", data_value=0.5)`.

    Args:
        content: texts, which are escaped, Markup, and lists of both; None is left out.
        attributes: `_` becomes `-`, one at the end is dropped; True gives a bare attribute, False and None none.
    """
    shown = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        shown.append(f" {key}" if value is True else f' {key}="{escape(str(value))}"')
    start = f"<{name}{''.join(shown)}>"
    return Markup(start if name in _VOID else f"{start}{_render(content)}</{name}>")


def number(value: float | None, digits: int = 3) -> str:
    """A number as the page shows it: whole ones with thousands separated, others with so many decimals, or digits where they are small."""
    if value is None or math.isnan(value):
        return "–"
    if value == int(value) and abs(value) < 1e15 and isinstance(value, int):
        return f"{value:,}".replace("-", "\N{MINUS SIGN}")
    shown = f"{value:,.{digits}f}" if abs(value) >= 0.01 or value == 0 else f"{value:.{digits - 1}g}"
    return shown.replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    """A share in [0, 1] as per cent; only 0 itself is shown as 0, and only 1 as 100."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    return f"{value:.1%}".replace("%", " %").replace(".0 ", " ").replace("-", "\N{MINUS SIGN}")


def cell(value: Content | float, kind: str = "number") -> Markup:
    """A table cell; a number keeps its whole value in `data-value`, shown on hover."""
    if isinstance(value, (int, float)):
        whole = None if isinstance(value, float) and math.isnan(value) else repr(value)
        return tag("td", (percent if kind == "share" else number)(value), class_="number", data_value=whole, title=whole)
    return tag("td", value)


def table(caption: str, heads: Sequence[Content], rows: Iterable[Sequence[Content]], **attributes: Any) -> Markup:
    """A table whose first column is each row's heading. Cells are Markup of `cell`, or texts."""
    lines = [(first, [each if isinstance(each, Markup) and each.startswith("<td") else cell(each) for each in rest]) for first, *rest in rows]
    numeric = [each.startswith('<td class="number') for each in lines[0][1]] if lines else []
    kinds = [None, *("number" if is_number else None for is_number in numeric)]
    head = tag("tr", [tag("th", each, scope="col", class_=kind) for each, kind in zip_longest(heads, kinds)])
    body = [tag("tr", tag("th", first, scope="row"), cells) for first, cells in lines]
    inner = tag("table", tag("caption", caption, class_="visually-hidden"), tag("thead", head), tag("tbody", body), **attributes)
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def embedded_json(name: str, value: Any) -> Markup:
    """A JSON block that the page's script reads: no text in it can end the block or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, written in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(character, written)
    return Markup(f'<script type="application/json" id="{escape(name)}">{text}</script>')


def script_hash(text: str) -> str:
    """The source expression of a content security policy that allows this inline script or style."""
    import base64
    import hashlib

    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def csp(scripts: Sequence[str], styles: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
    """A content security policy under which these scripts and styles run, nothing else does, and nothing leaves the page."""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(map(script_hash, scripts)) or "'none'",
        "style-src": " ".join(map(script_hash, styles)) or "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        **(extra or {}),
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def page_head(title: str, style: str, scripts: Sequence[str] = (), extra: Mapping[str, str] | None = None) -> Markup:
    """The head of a self-contained page: its policy allows these scripts and this style, and `extra`."""
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=csp(scripts, [style], extra)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(style)),
    )
