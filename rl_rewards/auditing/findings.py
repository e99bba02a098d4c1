"""What an audit reports: findings, worst first, and the facts that they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["AuditReport", "Finding", "Severity"]


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """A dishonest response is paid, an honest one is not, or the score cannot be trusted."""
    WARNING = "warning"
    """It may cost signal, time or honest answers; look at it before training."""
    NOTE = "note"
    """Worth knowing."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a rubric, its data or the code of a reward.

    Attributes:
        kind: what is wrong, one of the words of the table in the package's page, such as `candidates_listed`.
        evidence: what was seen, in a sentence.
        remedy: the change of the rubric (or its data or code) that mends it.
        reward: the reward at fault; None where it is the total, or the data.
        response: the smallest response that shows it.
        earns: weighted total that this response earns.
        honest: weighted total of an honest wrong answer to the same row.
        rows: on how many rows it was seen, of `of`.
        place: file and line, for findings in code.
    """

    kind: str
    severity: Severity
    evidence: str
    remedy: str
    reward: str | None = None
    response: str | None = None
    earns: float | None = None
    honest: float | None = None
    rows: int | None = None
    of: int | None = None
    place: str | None = None

    @property
    def order(self) -> tuple[int, float, str]:
        """Sorting key, worst first: the severity, then what there is to gain."""
        gain = (self.earns or 0.0) - (self.honest or 0.0) if self.earns is not None else 0.0
        return self.severity.rank, -gain, self.kind


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """The findings of an audit, worst first, and its facts.

    Attributes:
        findings: worst first.
        facts: what was measured, by name: rows, the honest form, separation, speed, signal; plain JSON values.
    """

    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, findings: Sequence[Finding], facts: Mapping[str, Any]) -> AuditReport:
        """A report with the findings in their order, each once."""
        return cls(findings=tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding.order)), facts=dict(facts))

    def at_least(self, severity: Severity | str) -> list[Finding]:
        """The findings that are as bad as `severity`, or worse."""
        return [finding for finding in self.findings if finding.severity.rank <= Severity(severity).rank]

    @property
    def sound(self) -> bool:
        """Whether no finding is an error."""
        return not self.at_least(Severity.ERROR)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        findings = [{name: value for name, value in asdict(finding).items() if value is not None} for finding in self.findings]
        return {"sound": self.sound, "findings": findings, "facts": dict(self.facts)}

    def __str__(self) -> str:
        """The findings as lines of text."""
        if not self.findings:
            return "no findings"
        return "\n".join(_line(finding) for finding in self.findings)


def _line(finding: Finding) -> str:
    where = "".join(f" [{part}]" for part in (finding.reward, finding.place) if part)
    shown = "" if finding.response is None else f" Response: {finding.response!r:.200}"
    return f"{finding.severity.value}: {finding.kind}{where}: {finding.evidence}{shown} Remedy: {finding.remedy}"
