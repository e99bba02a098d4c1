"""An audit as a page: its findings and facts, in the report's form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rl_rewards.reporting.findings import findings_html
from rl_rewards.reporting.html import Markup, number, page_head, table, tag
from rl_rewards.reporting.report import asset

if TYPE_CHECKING:
    from rl_rewards.auditing import AuditReport

__all__ = ["audit_html"]


def audit_html(report: AuditReport, name: str) -> str:
    """An audit as one self-contained page without scripts: findings, worst first, and the facts that they rest on.

    Args:
        name: the rubric's, for the title.
    """
    style = asset("base.css") + asset("audit.css")
    levels = [finding.severity.value for finding in report.findings]
    counts = ", ".join(f"{levels.count(level)} {level}{'s' * (levels.count(level) != 1)}" for level in ("error", "warning", "note"))
    main = tag(
        "main",
        tag("h1", "Audit of ", tag("b", name)),
        tag("p", f"{report.facts.get('rows', 0)} rows: {counts}.", class_="muted"),
        findings_html(report.findings, "The audit found nothing."),
        tag("h2", "What was measured"),
        table("Facts", ["fact", "value"], [(fact, tag("td", value)) for fact, value in _facts(report.facts)]),
    )
    return f"<!doctype html>\n{tag('html', page_head(f'Audit of {name}', style), tag('body', main), lang='en')}\n"


def _facts(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Markup | str]]:
    """Facts by their name; those inside others by `name, inner name`."""
    for name, value in facts.items():
        shown = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping) and value:
            yield from _facts(value, f"{shown}, ")
        elif isinstance(value, str):
            yield shown, value if "\n" not in value else tag("pre", value, class_="text")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield shown, tag("span", number(value), title=repr(value))
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            yield shown, tag("ul", [tag("li", each) for each in value])
        else:
            yield shown, json.dumps(value, ensure_ascii=False, default=str)
