"""For tests: a rubric must be sound on some rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rl_rewards.auditing.audit import audit
from rl_rewards.auditing.findings import AuditReport, Severity

__all__ = ["assert_sound"]


def assert_sound(rubric: Any, rows: Iterable[Mapping[str, Any]] | str, *, fail_on: Severity | str = Severity.ERROR) -> AuditReport:
    """Audit a rubric and fail where it is not sound.

    Args:
        rubric: what `audit` takes.
        rows: what `audit` takes as its dataset.
        fail_on: the least severity that fails.

    Returns:
        The report.

    Raises:
        AssertionError: with the findings, a line each.

    Example:
        def test_my_rubric_pays_right_answers_alone():
            assert_sound("rubric.yaml", "rows.jsonl")
    """
    __tracebackhide__ = True
    report = audit(rubric, rows)
    found = report.at_least(fail_on)
    if found:
        listed = "\n".join(str(AuditReport(findings=(finding,))) for finding in found)
        raise AssertionError(f"the rubric is not sound, {len(found)} finding{'s' * (len(found) > 1)}:\n{listed}")
    return report
