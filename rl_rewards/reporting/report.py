"""The page: one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from rl_rewards import __version__
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.html import Markup, embedded_json, page_head, tag
from rl_rewards.reporting.reading import read_run, unique_names
from rl_rewards.reporting.rows import packed_rows
from rl_rewards.reporting.run import Run
from rl_rewards.tables.atomic import atomic_path
from rl_rewards.user_errors import require

__all__ = ["asset", "library", "report_html", "write_report"]

_SIZE = 4_900_000
"""Bytes that a page may have; the browser's completions take what the rest leaves."""
_MOST_RUNS = 8


def report_html(runs: Sequence[Run], live: bool = False) -> str:
    """The report of one run, or of several overlaid, as one self-contained page.

    The warnings are those of `rl_rewards.reporting.warnings.find_warnings`, for each run.

    Args:
        live: whether a server renews the page while the run goes on: the page then asks `version` beside its own address every few seconds
            for a text, and when that has changed takes the page anew, keeping what the reader has chosen.

    Raises:
        ReportError: when there is no run, or there are more than eight.
        MissingPackageError: without altair and vl-convert (`rl_rewards[report]`).
    """
    require("a report", "altair", "vl_convert")
    if not 1 <= len(runs) <= _MOST_RUNS:
        raise ReportError(f"a report must be of 1 to {_MOST_RUNS} runs, got {len(runs)}")
    from rl_rewards.reporting.sections import sections
    from rl_rewards.reporting.specs import specs

    names = unique_names(runs)
    found, figures = sections(runs, names)
    style, scripts = asset("base.css") + asset("report.css"), [library(), _script()]
    title = f"Report: {', '.join(names)}"
    head = page_head(title, style, scripts, {"connect-src": "'self'"} if live else None)
    charts = embedded_json("charts", {"specs": specs(), "figures": {figure.id: figure.data() for figure in figures}})
    body = [_header(names, live), found, charts]
    tail = [tag("script", Markup(script)) for script in scripts]
    used = sum(len(str(part).encode("utf-8", "replace")) for part in (head, *body[:1], *body[1], charts, *tail))
    packed, shown = packed_rows(runs, max(_SIZE - used, 200_000))
    counts = [{"name": name, "rows": rows, "of": len(run)} for name, rows, run in zip(names, shown, runs, strict=True)]
    body += [embedded_json("runs", counts), tag("script", Markup(packed), type="application/octet-stream", id="rows")]
    document = tag("html", head, tag("body", body, tail, data_live=live), lang="en")
    return f"<!doctype html>\n{document}\n"


def _header(names: Sequence[str], live: bool) -> Markup:
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    chips = [tag("span", tag("span", class_="key", data_colour=f"--hue-{i}"), name, class_="run-name") for i, name in enumerate(names)]
    runs = [tag("span", names[0], class_="run-name")] if len(names) == 1 else chips
    state = (
        tag("span", "live", class_="chip", id="live", role="status")
        if live
        else tag("span", f"made {made} by rl_rewards {__version__}", class_="muted made")
    )
    themes = [tag("option", name, value=name.lower()) for name in ("Auto", "Light", "Dark")]
    choice = tag("label", tag("span", "Theme", class_="visually-hidden"), tag("select", themes, id="theme"), class_="theme")
    skip = tag("a", "Skip to the report", href="#main", class_="skip")
    return Markup(skip + tag("header", tag("h1", "Reward report"), tag("div", runs, class_="run-names"), state, choice))


@cache
def asset(name: str) -> str:
    """A file of the page."""
    return (files("rl_rewards.reporting") / "page" / name).read_text(encoding="utf-8")


def _script() -> str:
    return "\n".join(asset(name) for name in ("text.js", "charts.js", "filters.js", "completion.js", "browser.js", "page.js"))


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed, as vl-convert brings them."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def write_report(runs: Sequence[Run | str | os.PathLike[str]], path: str | os.PathLike[str]) -> Path:
    """Write the report of runs, or of paths to them, whole or not at all.

    Raises:
        ReportError, OSError: as `read_run`.
    """
    html = report_html([run if isinstance(run, Run) else read_run(run) for run in runs])
    with atomic_path(Path(path)) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)
