"""Which dishonest responses are paid, and how much."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rl_rewards.auditing.attacks import KINDS, Attack, Target, attacks_on
from rl_rewards.auditing.attacks.with_answer import CANDIDATES
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.form_checks import form_findings, separated
from rl_rewards.auditing.golds import wrongs_for
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject

__all__ = ["attack_findings"]

_GRADED_SHARE = 0.9
_GRADED_CHANCE = 0.5  # words that any two texts share earn something where part of an answer is paid
_LENGTH_SHARE = 0.3
_DENIALS = frozenset({"denied", "denied_before_mark", "near_miss"})
_NATIVE_DENIAL = frozenset({"MathVerify", "MultipleChoice"})


@dataclass
class _Paid:
    """A variant of an attack that was paid on a row."""

    row: int
    text: str
    earns: float
    honest: float
    right: float
    verdict: Verdict
    control: Verdict


def attack_findings(subject: Subject) -> Iterator[Finding]:
    """The holes of a rubric: attacks that earn more than an honest wrong answer on two rows with different right answers, or more."""
    rows = subject.attacked
    tries: list[tuple[int, Verdict, Verdict, Attack]] = []
    for row, right, wrong in rows:
        target = Target(subject.rows[row], row, subject.honest, subject.codes, subject.in_process, subject.runs_programs, subject.words)
        attacks = attacks_on(target)
        tries += [(row, right, wrong, attack) for attack in _first_of_each(attacks)[: subject.affordable(len(attacks))]]
    texts = [(row, text) for row, _, _, attack in tries for text in attack.texts]
    found = dict(zip(texts, subject.verdicts(texts), strict=True))
    yield from _failing(subject, found)
    if separated(subject):
        yield from _holes(subject, tries, found)
    else:
        yield from _refusals(subject, tries, found)
    yield from form_findings(subject, tries, found)


def _first_of_each(attacks: list[Attack]) -> list[Attack]:
    """The attacks in another order: the first of every kind, then the second of each, and so on; all those with programs lead."""
    seen: dict[str, int] = defaultdict(int)
    ranked = []
    for attack in attacks:
        ranked.append((not attack.kind.startswith("program"), seen[attack.kind], attack))
        seen[attack.kind] += 1
    return [attack for *_, attack in sorted(ranked, key=lambda ranks: ranks[:2])]


def _holes(subject: Subject, tries: list[tuple[int, Verdict, Verdict, Attack]], found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    paid: dict[tuple[str, str], list[_Paid]] = defaultdict(list)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    weights = subject.call.weights
    for row, right, wrong, attack in tries:
        kind = KINDS[attack.kind]
        left_out = frozenset() if attack.kind == "padding" else subject.shaping
        high, control = right.without(weights, left_out), wrong.without(weights, left_out)
        if high is None or control is None or high - control <= 1e-9:
            continue
        if attack.kind == "candidates_listed":  # a list that earns no more than one of its wrong candidates shows nothing
            control = max(control, _best_wrong(subject, row, left_out))
        counts[attack.kind, attack.variant] += 1
        worst: _Paid | None = None
        for text in attack.texts:
            total = found[row, text].without(weights, left_out)
            if total is None:
                worst = None
                break
            if worst is None or total < worst.earns:
                worst = _Paid(row, text, total, control, high, found[row, text], wrong)
        if worst is not None and worst.earns > control + max(1e-6, _share(subject, kind.knows, kind.share, attack) * (high - control)):
            paid[attack.kind, attack.variant].append(worst)
    best = _best(subject, paid, counts)
    if not any(_is_hole(subject, paid["gold_in_thinking", variant]) for variant in _uncommitted(subject)):
        for kind in ("gold_in_thinking", "cut_off_thinking"):
            if kind in best and (name := best[kind].reward) is not None and subject.has_code(subject.rubric[name]):
                best[kind] = dataclasses.replace(best[kind], severity=Severity.WARNING)
    yield from best.values()


def _uncommitted(subject: Subject) -> list[str]:
    """Variants of answers in the thinking that show more than an answer in an odd place: another one is given behind it, or stands before it.

    Code that takes the last answer of all of a response pays what is right, and is the only answer or the last. Where the task asks for thinking, that
    is a place for answers that are not meant.
    """
    return ["plain", "before a wrong one", *(["behind a wrong one"] if subject.asks_for_thinking else [])]


def _refusals(subject: Subject, tries: list[tuple[int, Verdict, Verdict, Attack]], found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    """A refusal that earns the most of all that was tried, on every row, where right answers are not known and saying nothing earns less."""
    totals = {probe: verdict.total for probe, verdict in found.items() if verdict.total is not None}
    rows = {row for row, *_ in tries}
    if len({subject.honest.gold(row) for row in rows}) < 2 or not subject.reads_references or subject.learned or not totals:
        return
    top, empty = max(totals.values()), [totals.get((row, attack.texts[0]), 0.0) for row, _, _, attack in tries if not attack.texts[0].strip()]
    if top - min(totals.values()) < 1e-9 or max(empty, default=top) >= top - 1e-9:
        return
    told_apart = {name for name in subject.reads_references if len({verdict.scores.get(name) for verdict in found.values()} - {None}) > 1}
    if not told_apart:  # what is paid is form alone
        return
    refused = {attack.texts[0] for *_, attack in tries if attack.kind == "refusal"}
    for text in sorted(refused, key=len):
        if all(totals.get((row, text), top - 1.0) >= top - 1e-9 for row in rows):
            yield Finding(
                kind="refusal", severity=Severity.ERROR, response=text, earns=top, honest=max(empty), rows=len(rows), of=len(rows),
                evidence=f"{KINDS['refusal'].what} earns {top:.3g} on every row, the most of all that was tried", remedy=KINDS["refusal"].remedy,
            )  # fmt: skip
            return


def _best_wrong(subject: Subject, row: int, left_out: frozenset[str]) -> float:
    """What the wrong candidates of a row's lists earn at most, each alone."""
    if any(source.kind != "text" for source in subject.honest.sources):
        return float("-inf")
    others = [wrongs_for(source.values, row, CANDIDATES) for source in subject.honest.sources]
    answers = [dict(zip(subject.honest.sources, texts, strict=True)) for texts in zip(*others)]
    verdicts = subject.verdicts([(row, subject.honest.form.text(answer.__getitem__)) for answer in answers])
    totals = [verdict.without(subject.call.weights, left_out) for verdict in verdicts]
    return max((total for total in totals if total is not None), default=float("-inf"))


def _share(subject: Subject, knows: bool, share: float, attack: Attack) -> float:
    if attack.kind == "program_gives_constant":
        return share
    if attack.kind == "padding" or attack.kind.startswith("program"):
        return max(share, 0.5 if not subject.graded else 0.9)
    if subject.depends_on_length:
        share = max(share, _LENGTH_SHARE)
    if subject.graded:
        return max(share, _GRADED_SHARE if knows else _GRADED_CHANCE)
    return share


def _best(subject: Subject, paid: dict[tuple[str, str], list[_Paid]], counts: dict[tuple[str, str], int]) -> dict[str, Finding]:
    """The finding of each kind: of its paid variants the one that is paid on most rows, and of its responses the smallest."""
    found: dict[str, Finding] = {}
    best: dict[str, tuple[float, float, int]] = {}
    for (kind, variant), cases in paid.items():
        if not _is_hole(subject, cases):
            continue
        if subject.graded and kind == "prompt_echo" and len(cases) * 2 < counts[kind, variant]:
            continue  # a short passage has much of its summary in it on some rows
        if kind == "near_miss" and len(cases) * 2 < counts[kind, variant]:
            continue  # on a few rows it may be another right answer
        example = min(cases, key=lambda case: len(case.text))
        share = sum((case.earns - case.honest) / (case.right - case.honest) for case in cases) / len(cases)
        rank = (round(share, 1), len(cases) / counts[kind, variant], -len(example.text))
        if kind in best and best[kind] >= rank:
            continue
        best[kind] = rank
        found[kind] = Finding(
            kind=kind, severity=_severity(subject, kind, cases), reward=_at_fault(subject, example), response=example.text, earns=example.earns, honest=example.honest,
            evidence=f"{KINDS[kind].what} earns {example.earns:.3g}, where an honest wrong answer earns {example.honest:.3g} and a right one {example.right:.3g}",
            remedy=KINDS[kind].remedy, rows=len(cases), of=counts[kind, variant],
        )  # fmt: skip
    return found


def _is_hole(subject: Subject, cases: list[_Paid]) -> bool:
    """Whether a variant is paid on rows with two different right answers, where there are two."""
    golds = {subject.honest.gold(case.row) for case in cases}
    return len(golds) >= max(1, min(2, len({subject.honest.gold(row) for row, _, _ in subject.attacked})))


def _severity(subject: Subject, kind: str, cases: list[_Paid]) -> Severity:
    in_full = all(case.earns >= case.right - 0.001 * (case.right - case.honest) for case in cases)
    if kind in _DENIALS and subject.graded and not in_full:  # most of an answer, where each part is paid
        return Severity.WARNING
    if kind == "denied_before_mark" and any(subject.kinds(reward) & _NATIVE_DENIAL for reward in subject.weighted):
        return Severity.ERROR  # these scorers pass over what is denied, unless an option says otherwise
    return KINDS[kind].severity


def _at_fault(subject: Subject, case: _Paid) -> str | None:
    gains = {
        reward.name: reward.weight * ((case.verdict.scores[reward.name] or 0.0) - (case.control.scores[reward.name] or 0.0))
        for reward in subject.weighted
    }
    name = max(gains, key=lambda name: gains[name])
    return name if gains[name] > 0 else None


def _failing(subject: Subject, found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    """Responses that make a reward itself fail: in TRL a plain function's exception ends the run, and a policy can choose to have no score."""
    honest_fails = {name for _, a, b in subject.paired for verdict in (a, b) for name in verdict.failed}
    for reward in subject.weighted:
        if reward.name in honest_fails:
            continue
        cases = [(row, text, verdict.failed[reward.name]) for (row, text), verdict in found.items() if reward.name in verdict.failed]
        cases.sort(key=lambda case: len(case[1]))
        if not cases or not subject.fails_again(reward, [case[:2] for case in cases]):
            continue
        row, text, error = cases[0]
        yield Finding(
            kind="response_breaks_reward", severity=Severity.ERROR, reward=reward.name, response=text, rows=len({case[0] for case in cases}), of=len(subject.attacked),
            evidence=f"a response makes the reward itself fail: {error:.200}", remedy="score every text: what the policy wrote wrongly is a wrong answer, not an exception",
        )  # fmt: skip
