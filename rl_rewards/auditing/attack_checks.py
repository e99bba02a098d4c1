"""Which dishonest responses are paid, and how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rl_rewards.auditing.attacks import KINDS, Attack, Target, attacks_on
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.reward import Reward

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
        attacks = attacks_on(Target(subject.rows[row], row, subject.honest, subject.codes, subject.in_process))
        tries += [(row, right, wrong, attack) for attack in _first_of_each(attacks)[: subject.affordable(len(attacks))]]
    texts = [(row, text) for row, _, _, attack in tries for text in attack.texts]
    found = dict(zip(texts, subject.verdicts(texts), strict=True))
    yield from _failing(subject, found)
    if separated(subject):
        yield from _holes(subject, tries, found)
    yield from _without_content(subject, tries, found)
    yield from _dominance(subject, found)
    yield from _gates(subject, found)


def _first_of_each(attacks: list[Attack]) -> list[Attack]:
    """The attacks in another order: the first of every kind, then the second of each, and so on; those with programs lead."""
    seen: dict[str, int] = defaultdict(int)
    ranked = []
    for attack in attacks:
        ranked.append((0 if attack.kind.startswith("program") else seen[attack.kind] + 1, attack))
        seen[attack.kind] += 1
    return [attack for _, attack in sorted(ranked, key=lambda pair: pair[0])]


def separated(subject: Subject) -> bool:
    """Whether right answers earn more than wrong ones on the attacked rows."""
    gaps = [right.total - wrong.total for _, right, wrong in subject.attacked if right.total is not None and wrong.total is not None]
    return bool(gaps) and sum(gaps) / len(gaps) > 1e-9 and bool(subject.honest.sources)


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
    for kind, finding in _best(subject, paid, counts).items():
        yield finding


def _share(subject: Subject, knows: bool, share: float, attack: Attack) -> float:
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
        golds = {subject.honest.gold(case.row) for case in cases}
        if len(golds) < min(2, len({subject.honest.gold(row) for row, _, _ in subject.attacked})):
            continue
        example = min(cases, key=lambda case: len(case.text))
        share = sum((case.earns - case.honest) / (case.right - case.honest) for case in cases) / len(cases)
        rank = (round(share, 1), len(cases) / counts[kind, variant], -len(example.text))
        if kind in best and best[kind] >= rank:
            continue
        best[kind] = rank
        found[kind] = Finding(
            kind=kind, severity=_severity(subject, kind), reward=_at_fault(subject, example), response=example.text, earns=example.earns, honest=example.honest,
            evidence=f"{KINDS[kind].what} earns {example.earns:.3g}, where an honest wrong answer earns {example.honest:.3g} and a right one {example.right:.3g}",
            remedy=KINDS[kind].remedy, rows=len(cases), of=counts[kind, variant],
        )  # fmt: skip
    return found


def _severity(subject: Subject, kind: str) -> Severity:
    if kind in _DENIALS and subject.graded:
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
        if not cases:
            continue
        row, text, error = min(cases, key=lambda case: len(case[1]))
        yield Finding(
            kind="response_breaks_reward", severity=Severity.ERROR, reward=reward.name, response=text, rows=len({case[0] for case in cases}), of=len(subject.attacked),
            evidence=f"a response makes the reward itself fail: {error:.200}", remedy="score every text: what the policy wrote wrongly is a wrong answer, not an exception",
        )  # fmt: skip


def _without_content(subject: Subject, tries: list[tuple[int, Verdict, Verdict, Attack]], found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    """Rewards of form that pay their full score for a response with nothing in it."""
    ranges = _ranges(subject, found)
    total = sum(abs(reward.weight) * (ranges[reward.name][1] - ranges[reward.name][0]) for reward in subject.weighted)
    for reward in subject.weighted:
        low, high = ranges[reward.name]
        if high - low < 1e-9 or reward.name in subject.shaping or _tells_apart(subject, reward):
            continue
        share = abs(reward.weight) * (high - low) / total
        free: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
        for row, _, _, attack in tries:
            if attack.kind in _EMPTY_KINDS and len(attack.texts) == 1:
                score = found[row, attack.texts[0]].scores[reward.name]
                honest = attack.texts[0] == subject.honest.right(row)
                if score is not None and score >= high - 0.01 * (high - low) and _is_hollow(attack) and not honest:
                    free[f"{attack.kind} {attack.variant}"].append((row, attack.texts[0], score))
        cases = [
            case for of_variant in free.values() if len({row for row, _, _ in of_variant}) >= min(2, len(subject.attacked)) for case in of_variant
        ]
        if not cases:
            continue
        row, text, score = min(cases, key=lambda case: len(case[1]))
        alone = not subject.reads_references and not subject.learned
        yield Finding(
            kind="form_without_content", severity=Severity.ERROR if alone or share >= 0.5 else Severity.WARNING, reward=reward.name, response=text, earns=score,
            evidence=f"a response with nothing in it earns the full score of this reward, {share:.0%} of what the rubric pays",
            remedy="ask for content (`think_answer_format`, `tag_count`), gate it on the right answer (`gate: {reward: correct}`), or lower its weight",
            rows=len({case[0] for case in cases}), of=len(subject.attacked),
        )  # fmt: skip


_EMPTY_KINDS = frozenset({"empty", "format_only", "invisible", "keyword_stuffing", "repeated_tags"})


def _is_hollow(attack: Attack) -> bool:
    """Whether the response says nothing: marks without words between them, or single words over and over."""
    if attack.kind in ("empty", "invisible"):
        return True
    if attack.kind == "keyword_stuffing":
        return attack.variant.startswith(("alone", "in form"))
    return attack.kind == "format_only" and attack.variant.startswith("bare")


def _ranges(subject: Subject, found: dict[tuple[int, str], Verdict]) -> dict[str, tuple[float, float]]:
    """Lowest and highest score of each reward that any probe got."""
    every = [*found.values(), *(verdict for _, a, b in subject.paired for verdict in (a, b))]
    ranges = {}
    for reward in subject.rubric:
        scores = [score for verdict in every if (score := verdict.scores[reward.name]) is not None] or [0.0]
        ranges[reward.name] = min(scores), max(scores)
    return ranges


def _tells_apart(subject: Subject, reward: Reward) -> bool:
    """Whether a reward scores right and wrong answers differently."""
    return any((a.scores[reward.name] or 0.0) - (b.scores[reward.name] or 0.0) > 1e-9 for _, a, b in subject.attacked)


def _dominance(subject: Subject, found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    """How much of what can be earned depends on being right; rewards that never vary."""
    ranges = _ranges(subject, found)
    for reward in subject.weighted:
        low, high = ranges[reward.name]
        if high - low < 1e-9:
            skipped = all(reward.name in verdict.skipped for verdict in found.values())
            native = not any(code.reward == reward.name for code in subject.codes) and not subject.kinds(reward) & {"Function", "FunctionScorer"}
            if skipped or any(reward.name in verdict.failed for verdict in found.values()):
                continue
            yield Finding(
                kind="never_varies", severity=Severity.WARNING if native or subject.learned else Severity.ERROR, reward=reward.name, evidence=f"every response that was tried scores {high:.3g}",
                remedy="check its pattern or code with `rl-rewards preview`; a constant trains nothing", earns=high, rows=len(subject.attacked), of=len(subject.attacked),
            )  # fmt: skip
    if not separated(subject) or subject.learned:
        return
    gap = [right.total - wrong.total for _, right, wrong in subject.attacked if right.total is not None and wrong.total is not None]
    gained = sum(gap) / len(gap)
    kept = [reward for reward in subject.weighted if reward.name not in subject.shaping]
    whole = sum(abs(reward.weight) * (ranges[reward.name][1] - ranges[reward.name][0]) for reward in kept)
    if whole > 0 and gained / whole < 0.5:
        yield Finding(
            kind="form_outweighs_answer", severity=Severity.ERROR if gained / whole < 0.3 else Severity.WARNING, earns=whole - gained, honest=gained,
            evidence=f"being right is worth {gained:.3g} of the {whole:.3g} that responses were seen to differ by ({gained / whole:.0%}); form is worth the rest",
            remedy="raise the weight of the reward that compares the answer, clip the others (`clip`), or gate them on it",
        )  # fmt: skip


def _gates(subject: Subject, found: dict[tuple[int, str], Verdict]) -> Iterator[Finding]:
    every = [*found.values(), *(verdict for _, a, b in subject.paired for verdict in (a, b))]
    for reward in subject.rubric:
        if reward.gate is not None and not any(verdict.gates.get(reward.name) for verdict in every):
            yield Finding(
                kind="gate_never_opens", severity=Severity.ERROR if reward.weight else Severity.WARNING, reward=reward.name, rows=len(subject.attacked), of=len(subject.attacked),
                evidence=f"{reward.gate.reward!r} reached {reward.gate.at_least:g} with no response that was tried", remedy="lower `at_least`, or gate by another reward",
            )  # fmt: skip
