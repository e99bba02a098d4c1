"""Harmless changes of a right response: white space, an end token, a sentence around it, other spellings."""

from __future__ import annotations

from collections.abc import Iterator

from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import extractions, other_spellings
from rl_rewards.auditing.pattern_samples import FILLER
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.parsers.identity import Identity
from rl_rewards.scorers.graders.comparing import ComparingGrader

__all__ = ["variant_findings"]

ALONE = "no working before it"
_PAID = 0.5  # of the way from a wrong to a full score
_WORDS = 6  # of a reference, from which on what is marked in it is its answer


def variant_findings(subject: Subject) -> Iterator[Finding]:
    """Harmless changes of a right response, and how many rows stop paying for them."""
    counts: dict[str, list[tuple[int, str]]] = {}
    at_fault: dict[str, set[str]] = {}
    tried: dict[str, int] = {}
    for row, right, wrong in subject.attacked:
        if right.total is None or wrong.total is None:
            continue
        variants = _variants_of(subject, row)
        for (what, changed), verdict in zip(variants.items(), subject.verdicts([(row, changed) for changed in variants.values()]), strict=True):
            tried[what] = tried.get(what, 0) + 1
            if verdict.total is None or verdict.total < wrong.total + _PAID * (right.total - wrong.total):
                counts.setdefault(what, []).append((row, changed))
                at_fault.setdefault(what, set()).update(_lost(subject, right, verdict))
    for what, lost in counts.items():
        if len(lost) * 2 < tried[what]:
            continue
        row, changed = min(lost, key=lambda pair: len(pair[1]))
        must = what in ("thinking of several lines", ALONE) or (what == "a trailing newline" and not _is_to_the_letter(subject, at_fault[what]))
        yield Finding(
            kind="variant_unpaid", severity=Severity.ERROR if must else Severity.WARNING if "space" in what or "newline" in what else Severity.NOTE,
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
    if not subject.graded and form.is_delimited and any(_alone(gold) != gold for gold in golds.values()):
        variants[ALONE] = form.text(lambda source: _alone(golds[source]))
    for what in dict.fromkeys(what for gold in golds.values() for what in other_spellings(gold)):
        variants[what] = form.text(lambda source, what=what: other_spellings(golds[source]).get(what, golds[source]))
    return variants


def _alone(gold: str) -> str:
    """The answer that a worked solution of several lines ends in, where it marks one; other references as they are."""
    ways = extractions(gold) if "\n" in gold.strip() or len(gold.split()) > _WORDS else {}
    return next((ways[way] for way in ("after ####", "in the box", "in the tag") if way in ways), gold)


def _lost(subject: Subject, right: Verdict, verdict: Verdict) -> set[str]:
    """The rewards that pay less for a changed response."""
    return {
        reward.name
        for reward in subject.weighted
        if reward.weight * ((right.scores[reward.name] or 0.0) - (verdict.scores[reward.name] or 0.0)) > 1e-9
    }


def _is_to_the_letter(subject: Subject, rewards: set[str]) -> bool:
    """Whether all that is lost is with graders of OpenAI, which compare white space as well, as the service does: no option changes that."""
    return bool(rewards) and all(
        isinstance(reward.score, ComparingGrader) and reward.parse == Identity() for reward in subject.weighted if reward.name in rewards
    )


_VARIANT_REMEDIES = {
    ALONE: 'read the answer in the reference, too: `reference: {column: ..., parse: {after: "####"}}`, or `math_verify`',
    "a trailing newline": "strip the response before it is compared (`string_match` does), and end patterns in `\\s*$`",
    "white space around": "strip the response before it is compared (`string_match` does)",
    "spaces around the answer": "strip the answer before it is compared (`whitespace: strip`)",
    "thinking of several lines": "let `.` match a line break: `(?s)` in a pattern, `re.DOTALL` in code",
    "the end token <|im_end|>": "this library's parsers drop end tokens; in code, strip them",
    "a sentence in front": "parse the answer from a tag or a box, if the policy may think aloud before it",
    "a sentence around": "parse the answer from a tag or a box, if the policy may write around it",
}
