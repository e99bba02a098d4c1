"""The audit: what a rubric pays for, known before training.

report = audit("rubric.yaml", "rows.jsonl")
assert_sound(rubric, rows)
"""

from __future__ import annotations

from rl_rewards.auditing.audit import audit
from rl_rewards.auditing.findings import AuditReport, Finding, Severity
from rl_rewards.auditing.rows import AuditError
from rl_rewards.auditing.soundness import assert_sound

__all__ = ["AuditError", "AuditReport", "Finding", "Severity", "assert_sound", "audit"]
