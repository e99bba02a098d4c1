"""The report's sections, in order: each a heading, a sentence, and its tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rl_rewards.reporting import charts
from rl_rewards.reporting.definitions import glossary
from rl_rewards.reporting.evaluations import evaluation_figures
from rl_rewards.reporting.figures import Figure, figure_html
from rl_rewards.reporting.findings import findings_html
from rl_rewards.reporting.groups import Groups, groups_of
from rl_rewards.reporting.html import Markup, tag
from rl_rewards.reporting.overview import overview
from rl_rewards.reporting.run import Run
from rl_rewards.reporting.slowest import slow_table
from rl_rewards.reporting.tables import evaluation_table, group_table, ledger_table, provenance, score_table
from rl_rewards.reporting.warnings import find_warnings

__all__ = ["sections"]

_OPEN_TRAINER = 6


@dataclass
class _Section:
    id: str
    title: str
    parts: list[Markup] = field(default_factory=list)

    def html(self) -> Markup:
        return tag("section", tag("h2", self.title, id=f"{self.id}-title"), self.parts, id=self.id, aria_labelledby=f"{self.id}-title")


class _Page:
    """Sections and figures as they are added."""

    def __init__(self, runs: Sequence[Run], names: Sequence[str]) -> None:
        self.runs, self.names = runs, names
        self.groups: list[Groups] = [groups_of(run) for run in runs]
        self.sections: list[_Section] = []
        self.figures: list[Figure] = []
        self.warnings = 0

    def section(self, id: str, title: str, *parts: Markup | None) -> None:
        """Add a section; one without parts is left out."""
        kept = [part for part in parts if part]
        if kept:
            self.sections.append(_Section(id, title, kept))

    def counted(self, section: _Section) -> Markup | None:
        """How many warnings there are, beside their section's name."""
        return tag("span", self.warnings, class_="count") if section.id == "warnings" and self.warnings else None

    def warned(self, run: Run, groups: Groups, prefix: str) -> Markup:
        """A run's warnings."""
        found = find_warnings(run)
        self.warnings += len(found)
        return findings_html(found, "None of the checks found anything.", link="#step={step}&view=rows")

    def grouped(self, run: Run, groups: Groups, prefix: str) -> Markup | None:
        """A run's groups: their numbers, then their course."""
        table = group_table(run, groups)
        return None if table is None else tag("div", table, self.grid(charts.group_figures(run, groups, prefix)))

    def slow(self, run: Run, groups: Groups, prefix: str) -> Markup | None:
        """A run's slowest rows."""
        return slow_table(run, self.runs.index(run) + 1 if len(self.runs) > 1 else None)

    def grid(self, figures: Sequence[Figure], kind: str = "panels") -> Markup | None:
        """Figures side by side; those with nothing to draw are left out."""
        figures = _drawable(figures)
        self.figures += figures
        return tag("div", [figure_html(figure) for figure in figures], class_=kind) if figures else None

    def chosen(self, figures: Sequence[Figure], label: str, id: str) -> Markup | None:
        """Figures of which one is shown at a time, by a choice."""
        figures = _drawable(figures)
        if len(figures) < 2:
            return self.grid(figures, "wide")
        self.figures += figures
        options = [tag("option", figure.title, value=figure.id) for figure in figures]
        choice = tag("label", f"{label} ", tag("select", options, data_choice=id))
        shown = [tag("div", figure_html(figure), data_of=id, data_choice_value=figure.id, hidden=i > 0) for i, figure in enumerate(figures)]
        return tag("div", choice, shown, class_="choice wide")

    def folded(self, summary: str, inner: Markup | None) -> Markup | None:
        return tag("details", tag("summary", summary), inner, class_="more") if inner else None

    def each(self, make: Callable[[Run, Groups, str], Markup | None]) -> list[Markup]:
        """A part for each run, under its name where there are several."""
        parts = []
        for i, (run, groups) in enumerate(zip(self.runs, self.groups, strict=True)):
            inner = make(run, groups, f"r{i}-" if len(self.runs) > 1 else "")
            if inner is not None and len(self.runs) > 1:
                heading = tag("h3", tag("span", class_="key", data_colour=f"--hue-{i}"), self.names[i], class_="run-heading")
                inner = tag("div", heading, inner, class_="of-run")
            if inner is not None:
                parts.append(inner)
        return parts


def _drawable(figures: Sequence[Figure]) -> list[Figure]:
    return [figure for figure in figures if not figure.empty]


def sections(runs: Sequence[Run], names: Sequence[str]) -> tuple[list[Markup], list[Figure]]:
    """The page's navigation and main part, and its figures."""
    page = _Page(runs, names)
    scores = charts.score_figures(runs, names) if any(run.stepped for run in runs) else []
    page.section("overview", "Overview", *overview(runs, names, page.groups), page.grid(scores[:1], "wide"))
    page.section("warnings", "Warnings", *page.each(page.warned))
    page.section("scores", "Scores", *page.each(lambda run, groups, _: score_table(run, groups)), *_scores(page, _drawable(scores[1:])))
    page.section("ledger", "Ledger", _says(_LEDGER), *page.each(_ledger), *_outcomes(page))
    page.section("distribution", "Distribution", *_distribution(page))
    page.section(
        "advantage",
        "What drives the advantage",
        *page.each(lambda run, groups, prefix: page.grid(charts.advantage_figures(run, groups, prefix), "wide")),
    )
    page.section("groups", "Groups", *page.each(page.grouped))
    page.section("length", "Length and reward", page.grid(charts.length_figures(runs, names)))
    page.section("correlation", "Correlation", *page.each(lambda run, _, prefix: page.grid(charts.correlation_figures(run, prefix))))
    page.section("evaluation", "Evaluation", evaluation_table(runs, names), page.grid(evaluation_figures(runs, names)))
    page.section("time", "Time", page.grid(charts.time_figures(runs, names), "wide"), *page.each(page.slow))
    page.section("trainer", "Trainer's log", *_trainer(page))
    page.section("completions", "Completions", _browser(runs))
    page.section(
        "made-of", "Rubric, configuration, versions", *page.each(lambda run, _, __: tag("div", parts) if (parts := provenance(run)) else None)
    )
    page.section("definitions", "Definitions", glossary())
    links = [tag("li", tag("a", section.title, page.counted(section), href=f"#{section.id}")) for section in page.sections]
    navigation = tag("nav", tag("ul", links), aria_label="Sections")
    main = tag("main", [section.html() for section in page.sections], id="main", tabindex="-1")
    return [tag("div", navigation, main, class_="layout")], page.figures


_LEDGER = "Every row of a reward is in exactly one column: rows = scored + unparsed + skipped + failed + left out."


def _says(text: str) -> Markup:
    return tag("p", text, class_="says")


def _scores(page: _Page, scores: Sequence[Figure]) -> list[Markup | None]:
    if not scores:
        return []
    says = _says("Line: mean of a step. Band: from the 10th to the 90th percentile.")
    components = _drawable(charts.component_figures(page.runs, page.names))
    return [says, page.grid(scores), page.folded(f"Components ({len(components)})", page.grid(components))]


def _ledger(run: Run, groups: Groups, prefix: str) -> Markup:
    trained, evaluated = run.trained, ~run.trained
    what = "Training" if run.training.any() else "All"
    tables = [tag("h3", f"{what} rows") if evaluated.any() else None, ledger_table(run, trained, f"Ledger, {what.lower()} rows")]
    if evaluated.any():
        tables += [tag("h3", "Evaluation rows"), ledger_table(run, evaluated, "Ledger, evaluation rows")]
    return tag("div", tables)


def _distribution(page: _Page) -> list[Markup | None]:
    heat = page.each(lambda run, _, prefix: page.chosen(charts.distribution_figures(run, prefix), "Scores of", f"{prefix}heat"))
    return [*heat, page.grid(charts.histogram_figures(page.runs, page.names)) if any(not run.stepped for run in page.runs) else None]


def _outcomes(page: _Page) -> list[Markup | None]:
    if not any(run.stepped for run in page.runs):
        return []
    outcomes = page.each(lambda run, _, prefix: page.grid(charts.outcome_figures(run, prefix)))
    return [*outcomes, page.grid(charts.gate_figures(page.runs, page.names))]


def _trainer(page: _Page) -> list[Markup | None]:
    figures = _drawable(charts.trainer_figures(page.runs, page.names))
    rest = figures[_OPEN_TRAINER:]
    return [page.grid(figures[:_OPEN_TRAINER]), page.folded(f"All other metrics ({len(rest)})", page.grid(rest))]


def _browser(runs: Sequence[Run]) -> Markup:
    return tag("div", tag("p", "Loading the completions needs JavaScript.", class_="says", id="sampled"), tag("div", id="browser"))
