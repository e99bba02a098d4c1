"""The audit: every check on a rubric, one after the other, none of which can end the others."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rl_rewards.auditing.asked_checks import asked_form_findings
from rl_rewards.auditing.attack_checks import attack_findings
from rl_rewards.auditing.attacks import KINDS
from rl_rewards.auditing.code_checks import code_findings
from rl_rewards.auditing.contract import contract_findings, infra_forecast, speed
from rl_rewards.auditing.data_checks import data_findings
from rl_rewards.auditing.field_checks import field_findings
from rl_rewards.auditing.findings import AuditReport, Finding, Severity
from rl_rewards.auditing.gold_checks import gold_findings, separation
from rl_rewards.auditing.lengths import length_findings
from rl_rewards.auditing.rows import AuditError, rows_of
from rl_rewards.auditing.scoring import Call
from rl_rewards.auditing.subject import Subject
from rl_rewards.auditing.targets import as_rubric, tolerant
from rl_rewards.checks import RubricDataError, check_columns

__all__ = ["audit", "subject_of"]

MOST_ROWS = 1000


def audit(
    rubric: Any,
    dataset: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
    responses: Iterable[Mapping[str, Any]] | None = None,
    *,
    code: bool = True,
    most_rows: int = MOST_ROWS,
    step_budget: float | None = None,
    tokenize: Callable[[str], Sequence[int]] | None = None,
) -> AuditReport:
    """Find out what a rubric pays for, on a dataset's own rows, before anything is trained on it.

    Responses of every kind (right, wrong, dishonest) are made of the rows' own references and prompts in the form that the rubric asks for, and
    scored through the call that TRL makes. No model is needed.

    Args:
        rubric: a Rubric, a Reward, a scorer, a reward function, a list of these, or a name as `rl-rewards` takes it.
        dataset: rows with a `prompt` and the columns that the rubric reads; or a name of a dataset.
        responses: rows with a prompt and a completion each, several for a prompt: what a policy says; for the checks of the signal.
        code: whether the code that names and rubric files lead to may be run.
        most_rows: rows that are looked at; of a longer dataset the first.
        step_budget: seconds that the rewards of 1,000 completions may take; more is a finding.
        tokenize: text -> token ids, for rewards that count tokens; without one, pieces of words are counted.

    Returns:
        The findings, worst first, and the facts that they rest on.

    Raises:
        AuditError: when there are no rows to audit on.
        ValueError, TypeError: when the rubric cannot be loaded.

    Example:
        >>> def right(completions, answer, **columns):
        ...     return [float(gold in text) for text, gold in zip(completions, answer)]
        >>> rows = [{"prompt": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(10, 30)]
        >>> report = audit(right, rows)
        >>> report.sound, "candidates_listed" in {finding.kind for finding in report.findings}
        (False, True)
    """
    subject = subject_of(rubric, dataset, code=code, most_rows=most_rows, tokenize=tokenize)
    with _quiet():
        return _audited(subject, responses, step_budget)


def subject_of(
    rubric: Any,
    dataset: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
    *,
    code: bool = True,
    most_rows: int = MOST_ROWS,
    tokenize: Callable[[str], Sequence[int]] | None = None,
) -> Subject:
    """What an audit looks at; the arguments and errors are those of `audit`."""
    loaded = tolerant(as_rubric(rubric, code))
    rows = rows_of(itertools.islice(_rows(dataset), most_rows))
    return Subject(loaded, Call(loaded, rows, tokenize))


def _rows(dataset: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(dataset, (str, os.PathLike)):
        from rl_rewards.tables.datasets import dataset_rows

        for row in dataset_rows(os.fspath(dataset)):
            if row.values is not None:
                yield row.values
        return
    if not hasattr(dataset, "__iter__"):
        raise AuditError(f"a dataset must be rows or the name of a dataset, got {type(dataset).__name__}")
    for row in dataset:
        if not isinstance(row, Mapping):
            raise AuditError(f"a row must be a mapping of column names to values, got {type(row).__name__}: {row!r:.80}")
        yield row


def _audited(subject: Subject, responses: Any, step_budget: float | None) -> AuditReport:
    facts: dict[str, Any] = {"rows": len(subject.rows), "rewards": [reward.name for reward in subject.rubric]}
    findings: list[Finding] = []
    try:
        check_columns(subject.rubric, subject.rows[0].columns)
        if not subject.weighted:
            raise RubricDataError("some reward must have a weight other than 0")
    except RubricDataError as error:
        findings.append(Finding(kind="columns_do_not_fit", severity=Severity.ERROR, evidence=str(error), remedy="name the columns that the data has"))
        return AuditReport.of([*findings, *code_findings(list(subject.codes))], facts)
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "code": lambda: code_findings(list(subject.codes)),
        "right answers": lambda: gold_findings(subject),
        "attacks": lambda: attack_findings(subject),
        "the form that is asked for": lambda: asked_form_findings(subject),
        "fields": lambda: field_findings(subject),
        "length": lambda: length_findings(subject),
        "data": lambda: data_findings(subject),
        "contract": lambda: contract_findings(subject, step_budget),
    }
    if responses is not None:
        from rl_rewards.auditing.signal import signal_findings

        checks["signal"] = lambda: signal_findings(subject, responses, facts)
    for name, check in checks.items():
        try:
            findings += list(check())
        except Exception as error:  # a rubric's own code may raise anything, anywhere: that is a finding, and no reason to stop
            findings.append(_stopped(name, error))
    findings = _consistent(findings)
    for name, fact in (
        ("form", lambda: subject.honest.form.shown),
        ("separation", lambda: separation(subject)),
        ("speed", lambda: speed(subject)),
        ("infra", lambda: infra_forecast(subject)),
    ):
        try:
            facts[name] = fact()
        except Exception as error:  # as above
            facts[name] = f"not known: {type(error).__name__}: {error!s:.200}"
    return AuditReport.of(findings, facts)


def _stopped(check: str, error: Exception) -> Finding:
    logging.getLogger(__name__).debug("the check of %s stopped", check, exc_info=error)
    return Finding(
        kind="check_stopped", severity=Severity.ERROR, evidence=f"the check of {check} could not be carried out: {type(error).__name__}: {error!s:.300}",
        remedy="make the reward answer every batch with one score for each completion",
    )  # fmt: skip


_OF_BATCHES = frozenset({"depends_on_batch", "not_deterministic"})
_OF_SINGLE_SCORES = frozenset({
    "right_answer_unpaid", "wrong_answer_paid", "never_paid", "variant_unpaid", "asked_form_unpaid", "field_not_compared", "alternatives_in_one_text", "gold_makes_no_difference",
    "wrong_answers_pay_more", "form_outweighs_answer", "never_varies", "effort_costs", "honest_length_costs", "length_without_bound", *KINDS,
})  # fmt: skip
"""What is found by comparing scores of responses that were in different batches."""


def _consistent(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those that follow from others.

    A reward that is never paid never varies, either. Where its scores change with the batch, or by chance, nothing else that they seem to show is
    known: a right answer that stood among other right ones is no reference to drop.
    """
    never_paid = {finding.reward for finding in findings if finding.kind == "never_paid"}
    unsteady = {finding.reward for finding in findings if finding.kind in _OF_BATCHES and finding.severity is Severity.ERROR}
    return [
        finding
        for finding in findings
        if not (finding.kind == "never_varies" and finding.reward in never_paid)
        and not (unsteady and finding.kind in _OF_SINGLE_SCORES and finding.reward in {None, *unsteady})
    ]


class _quiet:
    """Keeps the library's warnings of failing rewards out of the way: they become findings."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("rl_rewards")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
