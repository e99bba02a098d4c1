"""What a warning says."""

from __future__ import annotations

from dataclasses import dataclass

from rl_rewards.reporting.run import Run

__all__ = ["RunWarning", "find_warnings"]


@dataclass(frozen=True, kw_only=True)
class RunWarning:
    """One thing that goes wrong in a run; the fields that an audit's finding has, too, mean the same.

    Attributes:
        kind: what is wrong, one word such as `groups_flat`.
        severity: `error`, `warning` or `note`.
        evidence: what was seen, in a sentence with its numbers.
        remedy: what to change.
        step: the step where it begins; None where the run has no steps.
        reward: the reward at fault; None where it is the total.
    """

    kind: str
    severity: str
    evidence: str
    remedy: str
    step: int | None = None
    reward: str | None = None


def find_warnings(run: Run) -> list[RunWarning]:
    """The warnings of a run, worst first, then by the step where they begin."""
    return []
