"""What length does to a score: whether effort costs, whether length alone outweighs being right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean

from rl_rewards.auditing.attacks.padding import PADS, lengthened, padding
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.form_checks import separated
from rl_rewards.auditing.forms import Form, Source
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.reward import Reward

__all__ = ["length_findings"]

_EFFORT = 1000  # characters of working that an honest response may well have
_GAIN = 0.25
_ROWS = 8


def length_findings(subject: Subject) -> Iterator[Finding]:
    """Findings about honest responses that are longer than they must be, and about length that counts without bound."""
    yield from _without_bound(subject)
    if subject.depends_on_length or not separated(subject):
        return
    rows = subject.attacked[:_ROWS]
    ways = [way for way in (lengthened, _thoughtful) if _is_allowed(subject, way)]
    if not ways:
        return  # nothing may stand beside the answer, so there is no such thing as effort
    form = ways[0](subject.honest.form, padding(_EFFORT))
    right = subject.verdicts([(row, form.text(lambda source, row=row: source.values[row] or "")) for row, _, _ in rows])
    effort = subject.verdicts([(row, form.text(lambda source, row=row: subject.honest.wrong_answer(source, row))) for row, _, _ in rows])
    short = subject.verdicts([(row, "I do not know.") for row, _, _ in rows])
    known = [
        (a.total, b.total, c.total, r.total, w.total)
        for a, b, c, (_, r, w) in zip(right, effort, short, rows, strict=True)
        if None not in (a.total, b.total, c.total, r.total, w.total)
    ]
    if not known:
        return
    long_right, long_wrong, gave_up, right_total, wrong_total = (fmean(column) for column in zip(*known, strict=True))  # type: ignore[arg-type]
    gap = right_total - wrong_total
    if gave_up > long_wrong + _GAIN * gap and gave_up > wrong_total - 1e-9:
        yield Finding(
            kind="effort_costs", severity=Severity.ERROR, response="I do not know.", earns=gave_up, honest=long_wrong, rows=len(known), of=len(rows),
            evidence=f"giving up earns {gave_up:.3g}, a wrong answer with {_EFFORT} characters of work {long_wrong:.3g}: a policy that is often wrong learns not to try",
            remedy="let a cost of length count for right answers alone (`gate: {reward: correct}`), or bound it (`soft_overlong`, `cosine_length`)",
        )  # fmt: skip
    if long_right <= wrong_total + 1e-9 or long_right <= gave_up + 1e-9:
        yield Finding(
            kind="honest_length_costs", severity=Severity.ERROR, response=form.right(rows[0][0]), earns=long_right, honest=max(wrong_total, gave_up), rows=len(known), of=len(rows),
            evidence=f"a right answer with {_EFFORT} characters of work earns {long_right:.3g}, no more than a short wrong one ({max(wrong_total, gave_up):.3g})",
            remedy="bound what length can cost (`soft_overlong`, `clip`), below what being right is worth",
        )  # fmt: skip


def _thoughtful(form: Form, text: str) -> Form:
    """A form with thinking before all else."""
    return form.but(f"<think>\n{text}\n</think>\n{form.before}")


def _is_allowed(subject: Subject, way: Callable[[Form, str], Form]) -> bool:
    """Whether right answers with one more sentence, put in this way, are still paid better than wrong ones."""
    rows = subject.attacked[:_ROWS]
    form = way(subject.honest.form, padding(1))
    right = subject.verdicts([(row, form.text(lambda source, row=row: source.values[row] or "")) for row, _, _ in rows])
    if any(_reads_all(subject, reward, a, r) for reward in subject.weighted for a, (_, r, _) in zip(right, rows, strict=True)):
        return False
    return all(
        a.total is not None and w.total is not None and r.total is not None and a.total > w.total + _GAIN * (r.total - w.total)
        for a, (_, r, w) in zip(right, rows, strict=True)
    )


def _reads_all(subject: Subject, reward: Reward, longer: Verdict, right: Verdict) -> bool:
    """Whether a scorer of ours that compares with a reference pays less for one more sentence: it compares all of the response."""
    if reward.name not in subject.reads_references or subject.has_code(reward):
        return False
    return reward.weight * ((right.scores[reward.name] or 0.0) - (longer.scores[reward.name] or 0.0)) > 1e-9


def _without_bound(subject: Subject) -> Iterator[Finding]:
    """Scores that go on rising or falling with length, however long a response is: of wrong answers, and of right ones."""
    if subject.learned or not subject.attacked or subject.is_costly:
        return
    gaps = [a.total - b.total for _, a, b in subject.attacked if a.total is not None and b.total is not None]
    gap = abs(fmean(gaps)) if gaps and subject.reads_references else 0.0
    for sort, answer in (("wrong", subject.honest.wrong_answer), ("right", lambda source, row: source.values[row] or "")):
        means = _by_length(subject, answer)
        if means is None:
            continue
        first, second, third = means
        rises = second > first + 1e-6 and third > second + max(1e-6, gap)
        falls = second < first - 1e-6 and third < second - max(1e-6, 2 * gap)
        if rises or (falls and gap):
            yield Finding(
                kind="length_without_bound", severity=Severity.ERROR, response=None, earns=third, honest=first, rows=len(subject.attacked[:_ROWS]), of=len(subject.attacked[:_ROWS]),
                evidence=f"{sort} responses of {PADS[-3]}, {PADS[-2]} and {PADS[-1]} characters earn {first:.3g}, {second:.3g} and {third:.3g}: length counts without bound",
                remedy="bound what length earns or costs: `soft_overlong`, `cosine_length`, `length_window`, or `clip`",
            )  # fmt: skip
            return


def _by_length(subject: Subject, answer: Callable[[Source, int], str]) -> list[float] | None:
    """What responses with an answer earn at each of the last three lengths of padding; None where one has no total."""
    means = []
    for size in PADS[-3:]:
        form = lengthened(subject.honest.form, padding(size))
        texts = [(row, form.text(lambda source, row=row: answer(source, row))) for row, _, _ in subject.attacked[:_ROWS]]
        totals = [verdict.total for verdict in subject.verdicts(texts)]
        if any(total is None for total in totals):
            return None
        means.append(fmean(totals))  # type: ignore[arg-type]
    return means
