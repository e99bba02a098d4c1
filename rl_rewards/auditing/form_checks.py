"""What form is worth in a rubric: rewards paid for nothing, rewards that never vary or pay what they should cost, gates that stay closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rl_rewards.auditing.attacks import Attack
from rl_rewards.auditing.attacks.padding import PADS, lengthened, padding
from rl_rewards.auditing.code import scorers_in
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.sources import names_answers
from rl_rewards.auditing.subject import Subject
from rl_rewards.reward import Reward

__all__ = ["form_findings", "separated"]

_TINY = 1e-9
_PENALTIES = frozenset({"SoftOverlong", "Repetition"})
"""Scorers of ours that score 0 or less."""
_LETTERS = 6  # characters of padding that have a word or a token, and more
_LONGEST = 400_000  # characters of a response that is tried
Found = dict[tuple[int, str], Verdict]


def form_findings(subject: Subject, tries: Sequence[tuple[int, Verdict, Verdict, Attack]], found: Found) -> Iterator[Finding]:
    """Findings on the share that form has in the total.

    Args:
        tries: the attacks: row, verdicts of its honest right and wrong response, attack.
        found: the verdicts of all of their responses.
    """
    yield from _without_content(subject, tries, found)
    yield from _constant(subject, found)
    yield from _penalties(subject)
    yield from _dominance(subject, found)
    yield from _gates(subject, found)


def separated(subject: Subject) -> bool:
    """Whether right answers earn more than wrong ones on the attacked rows."""
    gaps = [right.total - wrong.total for _, right, wrong in subject.attacked if right.total is not None and wrong.total is not None]
    return bool(gaps) and sum(gaps) / len(gaps) > _TINY and bool(subject.honest.sources)


def _without_content(subject: Subject, tries: Sequence[tuple[int, Verdict, Verdict, Attack]], found: Found) -> Iterator[Finding]:
    """Rewards of form that pay their full score for a response with nothing in it."""
    ranges = _ranges(subject, found)
    unseen = {reward.name for reward in subject.weighted if subject.right_is_unknown and reward.name in subject.reads_references}
    total = sum(  # a reward of which no right answer was seen pays 1 or more for one
        abs(reward.weight) * max(ranges[reward.name][1] - ranges[reward.name][0], float(reward.name in unseen)) for reward in subject.weighted
    )
    for reward in subject.weighted:
        low, high = ranges[reward.name]
        if high - low < 1e-9 or reward.name in subject.shaping or _tells_apart(subject, reward):
            continue
        if reward.name in unseen and not subject.runs(reward):
            continue  # its full score is not known
        share = abs(reward.weight) * (high - low) / total
        free: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
        for row, _, _, attack in tries:
            if (attack.kind in _EMPTY_KINDS or attack.kind.startswith("program")) and len(attack.texts) == 1:
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
        asked = "InstructionFollowing" in subject.kinds(reward)  # it scores what the prompt asks for, which may be that little
        yield Finding(
            kind="form_without_content", severity=Severity.ERROR if (alone or share >= 0.5) and not asked else Severity.WARNING, reward=reward.name, response=text, earns=score,
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
    return attack.kind.startswith("program") or (attack.kind == "format_only" and attack.variant.startswith("bare"))


def _ranges(subject: Subject, found: Found) -> dict[str, tuple[float, float]]:
    """Lowest and highest score of each reward that any probe got."""
    every = [*found.values(), *(verdict for _, a, b in subject.paired for verdict in (a, b))]
    ranges = {}
    for reward in subject.rubric:
        scores = [score for verdict in every if (score := verdict.scores[reward.name]) is not None] or [0.0]
        if "PythonTests" in subject.kinds(reward):
            scores.append(getattr(reward.score, "correct", 1.0))  # a right program is known to earn it, where none could be tried
        ranges[reward.name] = min(scores), max(scores)
    return ranges


def _tells_apart(subject: Subject, reward: Reward) -> bool:
    """Whether a reward scores right and wrong answers differently."""
    return any((a.scores[reward.name] or 0.0) - (b.scores[reward.name] or 0.0) > 1e-9 for _, a, b in subject.attacked)


def _constant(subject: Subject, found: Found) -> Iterator[Finding]:
    """Rewards that gave every response the same score, whatever it was, all checks taken together."""
    for reward in subject.weighted:
        low, high = subject.call.ranges.get(reward.name, (0.0, 0.0))
        if high - low >= _TINY or any(reward.name in verdict.failed for verdict in found.values()):
            continue
        if all(reward.name in verdict.skipped for verdict in found.values()) or _varies_with_length(subject, reward):
            continue
        if subject.right_is_unknown and reward.name in subject.reads_references:
            continue  # what no right answer was made for cannot be blamed for paying none
        is_sure = _has_code(subject, reward) and not subject.learned and (high > _TINY or _would_be_paid(subject, reward))
        yield Finding(
            kind="never_varies", severity=Severity.ERROR if is_sure else Severity.WARNING, reward=reward.name, evidence=f"every response that was tried scores {high:.3g}",
            remedy="check its pattern or code with `rl-rewards preview`; a constant trains nothing", earns=high, rows=len(subject.attacked), of=len(subject.attacked),
        )  # fmt: skip


def _has_code(subject: Subject, reward: Reward) -> bool:
    return subject.has_code(reward) or bool(subject.kinds(reward) & {"Function", "FunctionScorer"})


def _would_be_paid(subject: Subject, reward: Reward) -> bool:
    """Whether some response that was tried should have earned more than nothing: right answers are known, and no other reward tells them apart."""
    if reward.name in subject.reads_references:
        return subject.knows_right(reward)
    return not separated(subject) and any(map(names_answers, subject.rows[0].columns))


def _varies_with_length(subject: Subject, reward: Reward) -> bool:
    """Whether right responses of some length have another score: what a limit or a gate on the right answer keeps from all that was tried."""
    limits = [limit for scorer in scorers_in(reward.score) if isinstance(limit := getattr(scorer, "max_tokens", None), int)]
    sizes = [*PADS, *(min(_LETTERS * limit, _LONGEST) for limit in limits)]
    rows = [row for row, _, _ in subject.attacked[:1]]
    texts = [(row, text) for row in rows for size in sizes if (text := lengthened(subject.honest.form, padding(size)).right(row)) is not None]
    subject.verdicts(texts if not subject.is_costly else texts[-1:])
    low, high = subject.call.ranges.get(reward.name, (0.0, 0.0))
    return high - low >= _TINY


def _penalties(subject: Subject) -> Iterator[Finding]:
    """Rewards that only ever cost something, with a weight below 0, so that they pay for it."""
    for reward in subject.weighted:
        low, high = subject.call.ranges.get(reward.name, (0.0, 0.0))
        if reward.weight < 0 and (type(reward.score).__name__ in _PENALTIES or (low < -_TINY and high <= _TINY)):
            yield Finding(
                kind="penalty_pays", severity=Severity.ERROR, reward=reward.name,
                evidence=f"it scores 0 or less, and its weight is {reward.weight:g}: what it is to cost is paid", remedy=f"weight: {-reward.weight:g}",
            )  # fmt: skip


def _dominance(subject: Subject, found: Found) -> Iterator[Finding]:
    """How much of what can be earned depends on being right."""
    ranges = _ranges(subject, found)
    if not separated(subject) or subject.learned:
        return
    gap = [right.total - wrong.total for _, right, wrong in subject.attacked if right.total is not None and wrong.total is not None]
    gained = sum(gap) / len(gap)
    kept = [reward for reward in subject.weighted if reward.name not in subject.shaping]
    shares = {reward.name: abs(reward.weight) * (ranges[reward.name][1] - ranges[reward.name][0]) for reward in kept}
    rows = [subject.rows[row] for row, _, _ in subject.attacked]
    whole = sum(shares[reward.name] for row in rows for reward in kept if reward.applies_to(row.columns)) / len(rows)
    if whole > 0 and gained / whole < 0.5:
        yield Finding(
            kind="form_outweighs_answer", severity=Severity.ERROR if gained / whole < 0.3 else Severity.WARNING, earns=whole - gained, honest=gained,
            evidence=f"being right is worth {gained:.3g} of the {whole:.3g} that responses were seen to differ by ({gained / whole:.0%}); form is worth the rest",
            remedy="raise the weight of the reward that compares the answer, clip the others (`clip`), or gate them on it",
        )  # fmt: skip


def _gates(subject: Subject, found: Found) -> Iterator[Finding]:
    every = [*found.values(), *(verdict for _, a, b in subject.paired for verdict in (a, b))]
    for reward in subject.rubric:
        if reward.gate is None:
            continue
        low, high = subject.call.ranges.get(reward.gate.reward, (0.0, 0.0))
        if not any(verdict.gates.get(reward.name) for verdict in every):
            yield Finding(
                kind="gate_never_opens", severity=Severity.ERROR if reward.weight and _is_tried(subject, reward.gate.reward) else Severity.WARNING, reward=reward.name, rows=len(subject.attacked), of=len(subject.attacked),
                evidence=f"{reward.gate.reward!r} reached {reward.gate.at_least:g} with no response that was tried", remedy="lower `at_least`, or gate by another reward",
            )  # fmt: skip
        elif high - low >= _TINY and low >= reward.gate.at_least - _TINY:
            compares = any(map(subject.reads_reference, subject.parts(subject.rubric[reward.gate.reward])))
            yield Finding(
                kind="gate_never_closes", severity=Severity.ERROR if reward.weight and compares else Severity.WARNING, reward=reward.name, rows=len(subject.attacked), of=len(subject.attacked),
                evidence=f"{reward.gate.reward!r} scores {low:.3g} to {high:.3g}, and {reward.gate.at_least:g} is enough: wrong answers pass the gate like right ones",
                remedy=f"raise `at_least`, to {high:.3g} for right answers alone",
            )  # fmt: skip


def _is_tried(subject: Subject, name: str) -> bool:
    """Whether a reward had other scores than its lowest, or is one of ours: code that was never seen to pay may ask for what was not tried."""
    low, high = subject.call.ranges.get(name, (0.0, 0.0))
    if high - low >= _TINY:
        return True
    gating = [reward for reward in subject.rubric if reward.name == name]
    return not any(_has_code(subject, reward) or (subject.runs(reward) and subject.right_is_unknown) for reward in gating)
