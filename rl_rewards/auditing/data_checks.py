"""What is wrong with the rows themselves: duplicates, answers in the prompt, answers that never change, columns that change type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import number_in
from rl_rewards.auditing.subject import Subject

__all__ = ["data_findings"]

_LISTED = 10
_SHORT = 3  # letters of an answer from which on it is in a prompt by more than chance
_ALTERNATIVES = re.compile(r"(?<=\w)\s+\|{1,2}\s+(?=\w)|(?<=\w)\|\|(?=\w)")  # and no bars of a norm or a condition
_SHARE_OF_ALTERNATIVES = 0.3  # of the rows
_CONSTANT = 0.9
_SEVERAL = 4  # different numbers, from which on one for all of them is no answer
_NEAR_ALL = 0.8  # of what being right is worth
_FEW_ANSWERS = 10  # of all rows: choices that a prompt may list


def data_findings(subject: Subject) -> Iterator[Finding]:
    """Findings about the rows."""
    yield from _duplicates(subject)
    yield from _types(subject)
    if subject.honest.sources and subject.honest.sources[0].kind == "text":
        yield from _answers_in_prompts(subject)
        yield from _alternatives(subject)
        yield from _constant(subject)
        yield from _near_all(subject)


def _duplicates(subject: Subject) -> Iterator[Finding]:
    places: dict[str, list[int]] = {}
    for row in subject.rows:
        places.setdefault(row.prompt_text, []).append(row.number)
    twice = [numbers for numbers in places.values() if len(numbers) > 1]
    if not twice:
        return
    rows = sum(map(len, twice))
    clashing = [numbers for numbers in twice if len({subject.honest.gold(number - 1) for number in numbers}) > 1]
    yield Finding(
        kind="duplicate_prompts", severity=Severity.WARNING, rows=rows, of=len(subject.rows), remedy="drop repeated rows; they weigh more than others, and count twice in an evaluation",
        evidence=f"{'1 prompt occurs' if len(twice) == 1 else f'{len(twice)} prompts occur'} more than once (rows {', '.join(map(str, twice[0][:_LISTED]))}, ...)" + (f", {len(clashing)} of them with different references" if clashing else ""),
    )  # fmt: skip


def _types(subject: Subject) -> Iterator[Finding]:
    for name in subject.rows[0].columns:
        kinds = Counter(type(row.columns[name]).__name__ for row in subject.rows if row.columns[name] is not None)
        empty = sum(row.columns[name] is None or row.columns[name] == "" for row in subject.rows)
        read = name in subject.rubric.columns or any(source.name.startswith(name) for source in subject.honest.sources)
        if len(kinds) > 1:
            yield Finding(
                kind="column_changes_type", severity=Severity.WARNING, evidence=f"column {name!r} has values of several types: {', '.join(f'{kind} in {count} rows' for kind, count in kinds.most_common())}",
                remedy="write every value the same way, as text for answers", rows=len(subject.rows) - max(kinds.values()), of=len(subject.rows),
            )  # fmt: skip
        if empty and read:
            yield Finding(
                kind="empty_references", severity=Severity.ERROR if empty >= 0.1 * len(subject.rows) else Severity.WARNING, rows=empty, of=len(subject.rows),
                evidence=f"column {name!r} is empty in {empty} of {len(subject.rows)} rows", remedy="fill or drop these rows, or route others to the reward with `when`",
            ) if not _routed(subject, name) else Finding(kind="empty_references", severity=Severity.NOTE, rows=empty, of=len(subject.rows), evidence=f"column {name!r} is empty in {empty} of {len(subject.rows)} rows, and rewards that read it have a `when`", remedy="none, where `when` keeps them from these rows")  # fmt: skip


def _routed(subject: Subject, column: str) -> bool:
    return all(reward.when for reward in subject.rubric if column in reward.columns)


def _answers_in_prompts(subject: Subject) -> Iterator[Finding]:
    shown, told = [], []
    every = {gold.strip() for i in range(len(subject.rows)) if (gold := subject.honest.gold(i)) and gold.strip()}
    for i, row in enumerate(subject.rows):
        gold = subject.honest.gold(i)
        text = row.prompt_text
        if gold is None or not gold.strip():
            continue
        if re.search(rf"(?i)\b(?:answer|solution|result|gold|label)\b\W{{0,4}}(?:is|=|:)?\W{{0,6}}{re.escape(gold.strip())}(?!\w)", text):
            if len(every) > _FEW_ANSWERS or not any(_has(text, other) for other in every - {gold.strip()}):  # and no list of the choices
                told.append(i)
        elif len(gold.strip()) >= _SHORT and _has(text, gold.strip()):
            shown.append(i)
    rows = len(subject.rows)
    if len({subject.honest.gold(i) for i in told}) >= 2 and len(told) >= 0.2 * rows:
        yield Finding(
            kind="answer_in_prompt", severity=Severity.ERROR, rows=len(told), of=rows, evidence=f"the prompt says the answer in {len(told)} of {rows} rows; row {subject.rows[told[0]].number}: {subject.rows[told[0]].prompt_text[-120:]!r}",
            remedy="take the answer out of the prompt",
        )  # fmt: skip
    elif len(shown) >= 0.5 * rows and len(shown) >= 2:
        yield Finding(
            kind="answer_in_prompt", severity=Severity.WARNING, rows=len(shown), of=rows, evidence=f"the right answer's text is in the prompt of {len(shown)} of {rows} rows: copying is a strategy",
            remedy="look at these prompts; where the question offers choices, that is as it should be",
        )  # fmt: skip


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _alternatives(subject: Subject) -> Iterator[Finding]:
    """References that hold several answers in one text, of which none is paid alone."""
    rows = [
        (i, right, wrong)
        for i, right, wrong in subject.paired
        if _ALTERNATIVES.search(subject.honest.gold(i) or "") and "|" not in subject.rows[i].prompt_text
    ]
    if len(rows) < 2 or len(rows) < _SHARE_OF_ALTERNATIVES * len(subject.rows) or len(subject.honest.sources) != 1:
        return
    texts = [(i, subject.honest.form.text(lambda source, i=i: _ALTERNATIVES.split(source.values[i] or "")[0].strip())) for i, _, _ in rows[:8]]
    unpaid = [
        (i, text, verdict.total) for (i, text), verdict, (_, right, wrong) in zip(texts, subject.verdicts(texts), rows, strict=False)
        if None not in (verdict.total, right.total, wrong.total) and verdict.total <= wrong.total + 0.5 * (right.total - wrong.total)  # type: ignore[operator]
    ]  # fmt: skip
    if len(unpaid) * 2 > len(texts):
        i, text, earned = unpaid[0]
        yield Finding(
            kind="alternatives_in_one_text", severity=Severity.ERROR, response=text, earns=earned, rows=len(rows), of=len(subject.rows),
            evidence=f"the references of {len(rows)} of {len(subject.rows)} rows hold several answers in one text ({subject.honest.gold(i)!r:.80}), and one of them alone is not paid",
            remedy="make the reference a list, any one of which is right: split the text at its marks",
        )  # fmt: skip


def _constant(subject: Subject) -> Iterator[Finding]:
    golds = [gold.strip() for i in range(len(subject.rows)) if (gold := subject.honest.gold(i))]
    if len(golds) < 4:
        return
    answer, count = Counter(golds).most_common(1)[0]
    share = count / len(golds)
    if share >= _CONSTANT:
        yield Finding(
            kind="constant_answers", severity=Severity.ERROR, rows=count, of=len(golds), response=subject.honest.form.text(lambda source: answer), evidence=f"the answer is {answer!r:.60} in {share:.0%} of the rows: a policy that always says so is paid for it",
            remedy="balance the answers; a reward of 1 for the majority teaches nothing else",
        )  # fmt: skip
    elif share >= 0.6:
        yield Finding(
            kind="majority_answer", severity=Severity.WARNING, rows=count, of=len(golds), response=subject.honest.form.text(lambda source: answer), evidence=f"always answering {answer!r:.60} is right in {share:.0%} of the rows",
            remedy="balance the answers, and compare accuracy with this baseline",
        )  # fmt: skip


def _near_all(subject: Subject) -> Iterator[Finding]:
    """Numbers that lie so near each other that the middle one is paid like each of them: the scale of the reward is too wide for them."""
    form = subject.honest.form
    known = [(i, right.total, wrong.total, number_in(subject.honest.gold(i) or "")) for i, right, wrong in subject.attacked]
    rows = [
        (i, right, wrong, number)
        for i, right, wrong, number in known
        if right is not None and wrong is not None and right > wrong + 1e-9 and number is not None
    ]
    numbers = sorted({number for *_, number in rows})
    if len(subject.honest.sources) != 1 or len(rows) < len(known) or len(numbers) < _SEVERAL:
        return
    middle = numbers[len(numbers) // 2]
    others = [row for row in rows if row[3] != middle]
    text = form.text(lambda source: f"{middle:f}")
    totals = [verdict.total for verdict in subject.verdicts([(i, text) for i, *_ in others])]
    silent = [verdict.total for verdict in subject.verdicts([(i, "I do not know.") for i, *_ in others])]
    floors = [wrong if none is None else min(wrong, none) for none, (_, _, wrong, _) in zip(silent, others, strict=True)]
    shares = [
        (total - low) / (right - low) for total, low, (_, right, *_) in zip(totals, floors, others, strict=True) if total is not None and right > low
    ]
    if shares and sum(shares) / len(shares) >= _NEAR_ALL:
        yield Finding(
            kind="constant_answers", severity=Severity.ERROR, rows=len(shares), of=len(known), response=text,
            evidence=f"the answers are {numbers[0]:f} to {numbers[-1]:f}, and always answering {middle:f} earns {sum(shares) / len(shares):.0%} of what being right is worth",
            remedy="let the score fall with the distance faster than the answers are apart",
        )  # fmt: skip
