"""Are right answers paid, are wrong ones not, and how far are they apart?"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import number_in, text_form
from rl_rewards.auditing.measures import auc
from rl_rewards.auditing.reference_types import other_type
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.sources import is_term
from rl_rewards.auditing.subject import Subject, is_said
from rl_rewards.auditing.variant_checks import variant_findings
from rl_rewards.reward import Reward

__all__ = ["gold_findings", "separation"]

_PAID = 0.5  # of the way from a wrong to a full score
_FULL = 0.95  # of it
_MOST_ROWS = 0.9
_LISTED = 20
_NO_ANSWER = "I do not know."


def separation(subject: Subject) -> dict[str, Any]:
    """How well right answers are told from wrong ones: AUC with its interval of 95 %, for the total and each reward, and mean scores."""
    found: dict[str, Any] = {}
    for name in (None, *(reward.name for reward in subject.rubric)):
        pairs = [(_score(a, name), _score(b, name)) for _, a, b in subject.paired]
        right = [a for a, _ in pairs if a is not None]
        wrong = [b for _, b in pairs if b is not None]
        if right and wrong:
            area, low, high = auc(right, wrong)
            found[name or "total"] = {
                "auc": round(area, 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "right": fmean(right),
                "wrong": fmean(wrong),
                "rows": len(right),
            }
    return found


def _score(verdict: Verdict, reward: str | None) -> float | None:
    return verdict.total if reward is None else verdict.scores[reward]


def gold_findings(subject: Subject) -> Iterator[Finding]:
    """What is wrong with how right and wrong answers are paid."""
    yield from _failures(subject)
    yield from _skipped(subject)
    if not subject.compares:
        yield from _no_reference(subject)
        return
    if not subject.paired:
        yield Finding(
            kind="no_reference",
            severity=Severity.ERROR,
            evidence="no row has a reference that can be written as an answer",
            remedy="fill the column that the rubric compares with, or name the right one",
        )
        return
    totals = [(a.total, b.total) for _, a, b in subject.paired if a.total is not None and b.total is not None]
    if not totals:
        return  # every row failed, which is a finding already
    right, wrong = fmean(a for a, _ in totals), fmean(b for _, b in totals)
    spread = max(max(pair) for pair in totals) - min(min(pair) for pair in totals)
    if right - wrong < -1e-9:
        yield Finding(
            kind="wrong_answers_pay_more", severity=Severity.ERROR, evidence=f"right answers earn {right:.3g} on average, wrong ones {wrong:.3g}",
            remedy="check the sign of the weight and of the score", response=subject.honest.wrong(subject.paired[0][0]), earns=wrong, honest=right, rows=len(totals), of=len(subject.rows),
        )  # fmt: skip
    elif right - wrong <= max(1e-9, 0.02 * spread):
        if (inverted := subject.inverted) is not None:
            row, a, b = inverted
            yield Finding(
                kind="wrong_answers_pay_more", severity=Severity.ERROR, evidence=f"a right answer earns {a.total:.3g}, a wrong one in the same form {b.total:.3g}",
                remedy="check the sign of the weight and of the score", response=row, earns=b.total, honest=a.total,
            )  # fmt: skip
            return
        shown = subject.honest.right(subject.paired[0][0])
        if any_row := list(_any_row_paid(subject)):
            yield from any_row
            return
        if (fitting := other_type(subject)) is not None:
            yield Finding(
                kind="gold_makes_no_difference", severity=Severity.ERROR, response=shown, earns=right, honest=wrong, rows=len(totals), of=len(subject.rows),
                evidence=f"the right answer earns {right:.3g}, another row's {wrong:.3g}, since what is compared has different types: {fitting}",
                remedy="compare text with text, or number with number: `str(answer)`, `float(text)`",
            )  # fmt: skip
            return
        if subject.right_is_unknown is not None:
            yield Finding(
                kind="right_answer_unknown", severity=Severity.WARNING, response=shown, earns=right, honest=wrong, rows=len(totals), of=len(subject.rows),
                evidence=f"no right response could be made of the rows, so whether one is paid is not known: {subject.right_is_unknown}",
                remedy="give the data a column with right answers (`solution`) or score some with `rl-rewards preview`",
            )  # fmt: skip
            return
        yield Finding(
            kind="gold_makes_no_difference", severity=Severity.WARNING if subject.learned else Severity.ERROR,
            evidence=f"the right answer earns {right:.3g}, another row's {wrong:.3g}, in every form that was tried (the best: {subject.honest.form.shown!r:.160})",
            remedy="compare the answer with the row's reference, and check that the parser finds what the prompt asks for", response=shown, earns=right, honest=wrong, rows=len(totals), of=len(subject.rows),
        )  # fmt: skip
    else:
        yield from _unpaid(subject)
        yield from _wrong_paid(subject)
        yield from _target_paid(subject)
        yield from _copied(subject)
        yield from variant_findings(subject)


def _failures(subject: Subject) -> Iterator[Finding]:
    paired = {i for i, _, _ in subject.paired}
    without = [(i, subject.honest.wrong(i)) for i in range(len(subject.rows)) if i not in paired]
    unpaired = list(zip(without, subject.verdicts(without), strict=True))
    of = len(subject.rows)
    for reward in subject.weighted:
        failed = [(i, a.failed[reward.name], subject.honest.right(i) or "") for i, a, _ in subject.paired if reward.name in a.failed]
        if not failed:
            failed = [(i, b.failed[reward.name], subject.honest.wrong(i)) for i, _, b in subject.paired if reward.name in b.failed]
        failed += [(i, verdict.failed[reward.name], text) for (i, text), verdict in unpaired if reward.name in verdict.failed]
        if not failed or not subject.fails_again(reward, [(i, text) for i, _, text in failed]):
            continue
        share = len(failed) / of
        numbers = ", ".join(str(subject.rows[i].number) for i, *_ in failed[:_LISTED])
        yield Finding(
            kind="reward_fails", severity=Severity.ERROR if share >= 0.1 or _has_code(subject, reward) else Severity.WARNING, reward=reward.name,
            evidence=f"it fails on honest responses to {len(failed)} of {of} rows (rows {numbers}); the first: {failed[0][1]:.300}",
            remedy="give those rows a reference that can be read, or drop them" if not _has_code(subject, reward) else "return a score for every response; a plain function that takes a batch needs `mode: batch`",
            response=subject.honest.right(failed[0][0]), rows=len(failed), of=of,
        )  # fmt: skip


def _skipped(subject: Subject) -> Iterator[Finding]:
    """Rewards that give no score where the answer is wrong or missing: trainers compare what is scored, so that what is skipped is never worse."""
    silent = [(i, _NO_ANSWER) for i, _, _ in subject.paired]
    responses = {
        "wrong ones": [(i, subject.honest.wrong(i), b) for i, _, b in subject.paired],
        "responses without one": [(i, text, verdict) for (i, text), verdict in zip(silent, subject.verdicts(silent), strict=True)],
    }
    for reward in subject.weighted:
        answered = {i for i, a, _ in subject.paired if a.scores[reward.name] is not None}
        for what, tried in responses.items():
            lost = [(i, text) for i, text, verdict in tried if i in answered and reward.name in verdict.skipped]
            if lost and len(lost) * 2 >= len(tried):
                yield Finding(
                    kind="wrong_answers_skipped", severity=Severity.ERROR, reward=reward.name, rows=len(lost), of=len(tried), response=lost[0][1],
                    evidence=f"it scores right answers, and returns None for {what} to {len(lost)} of {len(tried)} rows: what is skipped is never worse than what is right",
                    remedy="return the score of a wrong answer; None is for rows that the reward does not apply to, whatever the response",
                )  # fmt: skip
                break


def _has_code(subject: Subject, reward: Reward) -> bool:
    return subject.has_code(reward) or bool(subject.kinds(reward) & {"Function", "FunctionScorer"})


def _no_reference(subject: Subject) -> Iterator[Finding]:
    if not subject.learned:
        yield Finding(
            kind="nothing_is_compared", severity=Severity.NOTE, evidence="no weighted reward reads a reference: the rubric pays form alone, whatever the answer",
            remedy="add a reward that compares the answer with the row's reference, unless form is all that is wanted",
        )  # fmt: skip


def _unpaid(subject: Subject) -> Iterator[Finding]:
    """Rows whose right answer does not earn what right answers earn elsewhere."""
    for reward in subject.weighted:
        if reward.name not in subject.reads_references or "GroupLength" in subject.kinds(reward):
            continue
        scores = [(i, a.scores[reward.name], b.scores[reward.name]) for i, a, b in subject.paired]
        known = [(i, a, b) for i, a, b in scores if a is not None and b is not None]
        if len(known) < 2:
            continue
        top, low = max(max(a, b) for _, a, b in known), min(min(a, b) for _, a, b in known)
        top = max(top, getattr(reward.score, "correct", top)) if reward.weight > 0 else top
        if top - low < 1e-9:
            lowest, highest = subject.call.ranges[reward.name]
            if subject.knows_right(reward) or highest - lowest < 1e-9:  # else it scores something beside the answer
                yield _never_paid(subject, reward, known[0][0])
            continue
        unpaid = [i for i, a, _ in known if a < low + _PAID * (top - low)]
        if unpaid:
            share = len(unpaid) / len(known)
            numbers = ", ".join(str(subject.rows[i].number) for i in unpaid[:_LISTED]) + (", ..." if len(unpaid) > _LISTED else "")
            yield Finding(
                kind="right_answer_unpaid", severity=Severity.ERROR if share > 1 - _MOST_ROWS and subject.knows_right(reward) else Severity.WARNING, reward=reward.name,
                evidence=f"the right answer of {len(unpaid)} of {len(known)} rows (rows {numbers}) earns less than half of a full score: nothing honest can satisfy their references",
                remedy="mend or drop these references, or use a scorer that reads them (`math_verify`, `number_match`)",
                response=subject.honest.right(unpaid[0]), earns={i: a for i, a, _ in known}[unpaid[0]], rows=len(unpaid), of=len(known),
            )  # fmt: skip


def _wrong_paid(subject: Subject) -> Iterator[Finding]:
    """Rewards that pay another row's answer like the right one, on some rows: those whose right answers are alike."""
    for reward in subject.weighted:
        if reward.name not in subject.reads_references or reward.weight < 0:
            continue
        known = [(i, a.scores[reward.name], b.scores[reward.name]) for i, a, b in subject.paired]
        scored = [(i, a, b) for i, a, b in known if a is not None and b is not None]
        if not scored:
            continue
        top, low = max(max(a, b) for _, a, b in scored), min(min(a, b) for _, a, b in scored)
        full = low + _FULL * (top - low)
        paid = [i for i, a, b in scored if top > low and a >= full and b >= full]
        if len({subject.honest.gold(i) for i in paid}) < 2 or len(paid) < (1 - _MOST_ROWS) * len(scored):
            continue
        row, totals = paid[0], {i: (a.total, b.total) for i, a, b in subject.paired}
        gaps = {i: a.total - b.total for i, a, b in subject.paired if a.total is not None and b.total is not None}
        is_all = fmean(gaps.get(i, 0.0) for i in paid) <= _PAID * max(gaps.values(), default=0.0)
        yield Finding(
            kind="wrong_answer_paid", severity=Severity.ERROR if is_all and not subject.learned and subject.answers_are_known else Severity.WARNING, reward=reward.name, rows=len(paid), of=len(scored),
            evidence=f"another row's answer is paid like the right one, {subject.honest.gold(row)!r:.60}, on {len(paid)} of {len(scored)} rows",
            remedy="compare the whole answer, with a tolerance that tells the references apart", response=subject.honest.wrong(row), earns=totals[row][1], honest=totals[row][0],
        )  # fmt: skip


def _any_row_paid(subject: Subject) -> Iterator[Finding]:
    """Code that reads the terms of a task, and pays a column's answers on every row as well as on their own: what it reads keeps nothing out."""
    columns = {source.name.partition(" (")[0] for source in subject.honest.sources}
    for reward in subject.weighted:
        low, high = subject.call.ranges.get(reward.name, (0.0, 0.0))
        read = subject.read_by(reward) if subject.has_code(reward) else []
        if high - low < 1e-9 or not read or not columns or columns & set(read) or any(map(is_term, columns)) or subject.learned:
            continue
        scores = [(a.scores[reward.name], b.scores[reward.name]) for _, a, b in subject.paired]
        full = low + _FULL * (high - low)
        paid = [i for i, (a, b) in enumerate(scores) if a is not None and b is not None and a >= full and b >= full]
        if len(paid) >= _MOST_ROWS * len(subject.rows) and len({subject.honest.gold(subject.paired[i][0]) for i in paid}) > 1:
            row, right, wrong = subject.paired[paid[0]]
            yield Finding(
                kind="wrong_answer_paid", severity=Severity.ERROR, reward=reward.name, rows=len(paid), of=len(scores), response=subject.honest.wrong(row), earns=wrong.total, honest=right.total,
                evidence=f"the answer of any row ({', '.join(map(repr, sorted(columns)))}) is paid on every other: what the reward reads ({', '.join(map(repr, read))}) makes no difference",
                remedy="check that the response keeps to the row's own terms, or compare it with the row's answer",
            )  # fmt: skip


def _target_paid(subject: Subject) -> Iterator[Finding]:
    """Tasks to make a number of others, all of which the prompts state, where that number is paid as it is: the target alone is no answer."""
    columns = {source.name.partition(" (")[0] for source in subject.honest.sources}
    name = next(iter(columns), "")
    rows = [i for i, right, wrong in subject.attacked if right.total is not None and wrong.total is not None and right.total > wrong.total + 1e-9]
    if len(columns) != 1 or name not in subject.rows[0].columns or not is_term(name) or len(rows) < 2:
        return
    given = [other for other in subject.rows[0].columns if other != name and all(_is_made_of(subject.rows[i], name, other) for i in rows)]
    if given:
        text = subject.honest.right(rows[0])
        yield Finding(
            kind="target_paid", severity=Severity.ERROR, response=text, rows=len(rows), of=len(subject.attacked), earns=subject.attacked[0][1].total, honest=subject.attacked[0][2].total,
            evidence=f"the prompts say what {name!r} is, and what it is to be made of ({given[0]!r}); repeating it, with none of these used, is paid",
            remedy=f"ask for a response that uses {given[0]!r}, each as often as it is given, before its value is compared",
        )  # fmt: skip


def _copied(subject: Subject) -> Iterator[Finding]:
    """A term of the task, copied from the prompt, that is paid as the answer, while another column holds answers that are paid as well."""
    (source, *more), form = subject.honest.sources, subject.honest.form
    rows = [i for i, right, wrong in subject.attacked if right.total is not None and wrong.total is not None and right.total > wrong.total + 1e-9]
    name = source.name.partition(" (")[0]
    if more or len(rows) < 2 or not is_term(name) or not all((source.values[i] or "\0") in subject.rows[i].prompt_text for i in rows):
        return
    read = {column for reward in subject.weighted for column in subject.read_by(reward)}
    totals = {i: right.total for i, right, _ in subject.attacked}
    for other in [column for column in subject.rows[0].columns if column != name and column not in read]:
        values = {i: text_form(subject.rows[i].columns[other]) or "" for i in rows}
        if any(not value or value == source.values[i] or value in subject.rows[i].prompt_text for i, value in values.items()):
            continue
        verdicts = subject.verdicts([(i, form.text(lambda _, value=value: value)) for i, value in values.items()])
        if all(verdict.total is not None and verdict.total >= (totals[i] or 0.0) - 1e-9 for i, verdict in zip(values, verdicts, strict=True)):
            yield Finding(
                kind="target_paid", severity=Severity.ERROR, response=subject.honest.right(rows[0]), rows=len(rows), of=len(subject.attacked), earns=totals[rows[0]],
                evidence=f"{name!r}, copied from the prompt, is paid like the answer that {other!r} holds", remedy=f"check all of the answer, and not {name!r} alone",
            )  # fmt: skip
            return


def _is_made_of(row: Row, target: str, given: str) -> bool:
    """Whether a row's prompt states a number, and several others in a list, of which it is none."""
    value, others = row.columns[target], row.columns[given]
    numbers = isinstance(others, list) and len(others) > 1 and all(isinstance(other, (int, float)) for other in others)
    return (
        numbers and number_in(str(value)) is not None and value not in others and is_said(value, row.prompt_text) and is_said(others, row.prompt_text)
    )


def _never_paid(subject: Subject, reward: Reward, row: int) -> Finding:
    return Finding(
        kind="never_paid", severity=Severity.WARNING if subject.learned or not subject.knows_right(reward) else Severity.ERROR, reward=reward.name, evidence="no honest response that was tried changes its score, right or wrong",
        remedy="check what its parser and scorer ask for with `rl-rewards preview`", response=subject.honest.right(row), rows=len(subject.paired), of=len(subject.rows),
    )  # fmt: skip
