"""The page of a run that has no rows yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rl_rewards.reporting.html import Markup, csp, tag
from rl_rewards.reporting.report import asset

__all__ = ["waiting_html"]


def waiting_html(paths: Sequence[Path], reason: str) -> str:
    """A page that waits for a run's first rows, and then shows the report in its place.

    Args:
        reason: why the run cannot be shown; empty where it has just not begun.
    """
    style, script = asset("base.css") + asset("waiting.css"), asset("waiting.js")
    names = ", ".join(path.resolve().name or str(path) for path in paths)
    said = reason or "No rows have been recorded yet. This page shows the report as soon as there are some."
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=csp([script], [style], {"connect-src": "'self'"})),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Waiting: {names}"),
        tag("style", Markup(style)),
    )
    main = tag("main", tag("h1", names), tag("p", said, id="reason", role="status"), tag("p", "", id="live", class_="muted", role="status"))
    return f"<!doctype html>\n{tag('html', head, tag('body', main, tag('script', Markup(script))), lang='en')}\n"
