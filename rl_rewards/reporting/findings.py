"""Findings as cards: warnings of a run, and what an audit reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rl_rewards.reporting.html import Markup, tag

__all__ = ["findings_html"]

_SIGNS = {"error": "✕", "warning": "!", "note": "i"}


def findings_html(findings: Iterable[Any], nothing: str, link: str | None = None) -> Markup:
    """Findings as a list of cards: anything with `kind`, `severity`, `evidence` and `remedy`, such as a RunWarning or an audit's Finding.

    Args:
        nothing: what is said where there is none.
        link: where a step leads to, with `{step}` in it.
    """
    cards = [_card(finding, link) for finding in findings]
    return tag("ul", cards, class_="findings") if cards else tag("p", nothing, class_="all-well")


def _card(finding: Any, link: str | None) -> Markup:
    step, response = getattr(finding, "step", None), getattr(finding, "response", None)
    places = [getattr(finding, name, None) for name in ("reward", "place")]
    head = [
        tag("span", _SIGNS.get(finding.severity, "i"), class_="sign", aria_hidden="true"),
        tag("span", str(finding.severity), class_="visually-hidden"),
        tag("strong", finding.kind.replace("_", " ")),
        [tag("span", place, class_="chip") for place in places if place],
    ]
    if step is not None:
        where = f"from step {step}"
        head.append(tag("a", where, href=link.format(step=step), class_="chip link") if link else tag("span", where, class_="chip"))
    body = [tag("p", finding.evidence)]
    if response is not None:
        body.append(tag("pre", response, class_="text"))
    body.append(tag("p", tag("span", "Remedy: ", class_="remedy"), finding.remedy, class_="muted"))
    return tag("li", tag("div", head, class_="finding-head"), body, class_=f"finding {finding.severity}")
