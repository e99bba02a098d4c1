"""Are right answers paid, are wrong ones not, and how far are they apart?"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import other_spellings
from rl_rewards.auditing.measures import auc
from rl_rewards.auditing.pattern_samples import FILLER
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.reward import Reward

__all__ = ["gold_findings", "separation"]

_PAID = 0.5  # of the way from a wrong to a full score
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
    if not subject.reads_references:
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
        yield from _variants(subject)


def _failures(subject: Subject) -> Iterator[Finding]:
    paired = {i for i, _, _ in subject.paired}
    without = [(i, subject.honest.wrong(i)) for i in range(len(subject.rows)) if i not in paired]
    unpaired = list(zip(without, subject.verdicts(without), strict=True))
    of = len(subject.rows)
    for reward in subject.weighted:
        failed = [(i, a.failed[reward.name]) for i, a, _ in subject.paired if reward.name in a.failed]
        if not failed:
            failed = [(i, b.failed[reward.name]) for i, _, b in subject.paired if reward.name in b.failed]
        failed += [(i, verdict.failed[reward.name]) for (i, _), verdict in unpaired if reward.name in verdict.failed]
        if not failed:
            continue
        share = len(failed) / of
        numbers = ", ".join(str(subject.rows[i].number) for i, _ in failed[:_LISTED])
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
    return any(code.reward == reward.name for code in subject.codes) or bool(subject.kinds(reward) & {"Function", "FunctionScorer"})


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
            yield _never_paid(subject, reward, known[0][0])
            continue
        unpaid = [i for i, a, _ in known if a < low + _PAID * (top - low)]
        if unpaid:
            share = len(unpaid) / len(known)
            numbers = ", ".join(str(subject.rows[i].number) for i in unpaid[:_LISTED]) + (", ..." if len(unpaid) > _LISTED else "")
            yield Finding(
                kind="right_answer_unpaid", severity=Severity.ERROR if share > 1 - _MOST_ROWS else Severity.WARNING, reward=reward.name,
                evidence=f"the right answer of {len(unpaid)} of {len(known)} rows (rows {numbers}) earns less than half of a full score: nothing honest can satisfy their references",
                remedy="mend or drop these references, or use a scorer that reads them (`math_verify`, `number_match`)",
                response=subject.honest.right(unpaid[0]), earns={i: a for i, a, _ in known}[unpaid[0]], rows=len(unpaid), of=len(known),
            )  # fmt: skip


def _never_paid(subject: Subject, reward: Reward, row: int) -> Finding:
    return Finding(
        kind="never_paid", severity=Severity.WARNING if subject.learned else Severity.ERROR, reward=reward.name, evidence="no honest response that was tried changes its score, right or wrong",
        remedy="check what its parser and scorer ask for with `rl-rewards preview`", response=subject.honest.right(row), rows=len(subject.paired), of=len(subject.rows),
    )  # fmt: skip


def _variants(subject: Subject) -> Iterator[Finding]:
    """Harmless changes of a right response, and how many rows stop paying for them."""
    counts: dict[str, list[tuple[int, str]]] = {}
    tried: dict[str, int] = {}
    for row, right, wrong in subject.attacked:
        if right.total is None or wrong.total is None:
            continue
        variants = _variants_of(subject, row)
        for (what, changed), verdict in zip(variants.items(), subject.verdicts([(row, changed) for changed in variants.values()]), strict=True):
            tried[what] = tried.get(what, 0) + 1
            if verdict.total is None or verdict.total < wrong.total + _PAID * (right.total - wrong.total):
                counts.setdefault(what, []).append((row, changed))
    for what, lost in counts.items():
        if len(lost) * 2 < tried[what]:
            continue
        row, changed = min(lost, key=lambda pair: len(pair[1]))
        must = what in ("a trailing newline", "thinking of several lines")
        yield Finding(
            kind="variant_unpaid", severity=Severity.ERROR if must else Severity.WARNING if "space" in what else Severity.NOTE,
            evidence=f"a right answer with {what} is not paid on {len(lost)} of {tried[what]} rows", response=changed, rows=len(lost), of=tried[what],
            remedy=_VARIANT_REMEDIES.get(what, "`number_match`, `exact_match` or `math_verify` read other spellings; or say in the prompt which one is wanted"),
            earns=subject.verdicts([(row, changed)])[0].total,
        )  # fmt: skip


def _variants_of(subject: Subject, row: int) -> dict[str, str]:
    """Harmless changes of the right response to a row, by what they are."""
    form, text = subject.honest.form, subject.honest.right(row) or ""
    golds = {source: source.values[row] or "" for source in subject.honest.sources}
    variants = {
        "a trailing newline": f"{text}\n",
        "white space around": f" {text} \n\n",
        "the end token <|im_end|>": f"{text}<|im_end|>",
        "spaces around the answer": form.text(lambda source: f" {golds[source]} ") if form.is_delimited else text,
        "a sentence in front": f"Let me think about it. {text}",
        "a sentence around": f"I have worked it out. {text} That is what I find.",
    }
    if any(source.kind == "program" for source in subject.honest.sources):
        return {what: variants[what] for what in ("a trailing newline", "the end token <|im_end|>", "a sentence in front", "a sentence around")}
    if "</" in form.before and FILLER in form.before:
        variants["thinking of several lines"] = (
            f"{form.before.replace(FILLER, f'{FILLER}.{chr(10)}{FILLER} again.{chr(10)}{chr(10)}So')}{form.answer(lambda source: golds[source])}"
        )
    for what in dict.fromkeys(what for gold in golds.values() for what in other_spellings(gold)):
        variants[what] = form.text(lambda source, what=what: other_spellings(golds[source]).get(what, golds[source]))
    return variants


_VARIANT_REMEDIES = {
    "a trailing newline": "strip the response before it is compared (`string_match` does), and end patterns in `\\s*$`",
    "white space around": "strip the response before it is compared (`string_match` does)",
    "spaces around the answer": "strip the answer before it is compared (`whitespace: strip`)",
    "thinking of several lines": "let `.` match a line break: `(?s)` in a pattern, `re.DOTALL` in code",
    "the end token <|im_end|>": "this library's parsers drop end tokens; in code, strip them",
    "a sentence in front": "parse the answer from a tag or a box, if the policy may think aloud before it",
    "a sentence around": "parse the answer from a tag or a box, if the policy may write around it",
}
