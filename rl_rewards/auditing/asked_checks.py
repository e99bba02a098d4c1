"""Whether right answers are paid in the form that the prompts ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rl_rewards.auditing.asked import asked_templates
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.forms import Form, Slot
from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.subject import Subject
from rl_rewards.auditing.templates import beginnings

__all__ = ["asked_form_findings"]

_ROWS = 6
_PAID = 0.5  # of the way from a wrong to a right answer


def asked_form_findings(subject: Subject) -> Iterator[Finding]:
    """Prompts that ask for one form of the answer where the rubric pays another one."""
    form = subject.honest.form
    templates = asked_templates(subject.rows)
    sources = [source for source in subject.honest.sources if source.is_short]
    if not templates or len(sources) != 1 or subject.learned or any(_has(form, template) for template in templates):
        return
    gaps = {row: (b.total, a.total) for row, a, b in subject.attacked if a.total is not None and b.total is not None and a.total > b.total + 1e-9}
    rows = list(gaps)[:_ROWS]
    if len(rows) < 2:
        return
    starts = list(dict.fromkeys([form.before, *([""] if subject.is_costly else beginnings([subject.rows[0].prompt_text]))]))
    tried = [Form(start, (Slot(sources[0], template),)) for template in _combined(templates) for start in starts]
    unpaid = [[row for row in rows if not _is_paid(subject, candidate, row, *gaps[row])] for candidate in tried]
    lost = min(unpaid, key=len)
    if len(lost) * 2 <= len(rows):
        return
    plain = Form("", (Slot(sources[0], templates[0]),))
    row = next((row for row in lost if not _is_paid(subject, plain, row, *gaps[row])), lost[0])
    text = plain.right(row) or ""
    yield Finding(
        kind="asked_form_unpaid", severity=Severity.ERROR, response=text, earns=subject.verdicts([(row, text)])[0].total, honest=gaps[row][0], rows=len(lost), of=len(rows),
        evidence=f"the prompts ask for {plain.shown!r}, in which the right answer of {len(lost)} of {len(rows)} rows is not paid; in {form.shown!r:.120} it earns {gaps[row][1]:.3g}",
        remedy="let the parser or the code read the form that the prompts ask for, or ask for the form that it reads",
    )  # fmt: skip


def _is_paid(subject: Subject, form: Form, row: int, wrong: float, right: float) -> bool:
    total = subject.verdicts([(row, form.right(row) or "")])[0].total
    return total is not None and total >= wrong + _PAID * (right - wrong)


def _has(form: Form, template: str) -> bool:
    """Whether a form has the asked marks in it, with more around them perhaps (a unit, a sentence)."""
    lead = template.partition(MARK)[0].strip().casefold()
    return any(lead in slot.template.casefold() for slot in form.slots)


def _combined(templates: Sequence[str]) -> list[str]:
    """Each template alone, one in another, and all of them a line each."""
    nested = [outer.replace(MARK, inner) for outer in templates for inner in templates if outer != inner][:6]
    every = ["\n".join(templates)] if len(templates) > 1 else []
    return list(dict.fromkeys([*templates, *nested, *every]))
