"""Harmless changes of a right response: white space, an end token, a sentence around it, other spellings."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from rl_rewards.auditing.asked import leaves_order_open
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import extractions
from rl_rewards.auditing.made_answers import other_spellings, reordered
from rl_rewards.auditing.pattern_samples import FILLER
from rl_rewards.auditing.scoring import Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.parsers.identity import Identity
from rl_rewards.scorers.graders.comparing import ComparingGrader

__all__ = ["variant_findings"]

ALONE = "no working before it"
AS_PROMPTED = "the spelling that the prompts have"
IN_ANY_ORDER = "its items in another order, which the prompts allow"
_PAID = 0.5  # of the way from a wrong to a full score
_WORDS = 6  # of a reference, from which on what is marked in it is its answer
_CHOICES = 12  # different answers at most that prompts list
_MOST_ROWS = 0.8


def variant_findings(subject: Subject) -> Iterator[Finding]:
    """Harmless changes of a right response, and how many rows stop paying for them."""
    counts: dict[str, list[tuple[int, str]]] = {}
    excused: dict[str, int] = {}
    tried: dict[str, int] = {}
    spellings = _asked_spellings(subject)
    for row, right, wrong in subject.attacked:
        if right.total is None or wrong.total is None:
            continue
        variants = {**_variants_of(subject, row), **_as_prompted(subject, row, spellings)}
        for (what, changed), verdict in zip(variants.items(), subject.verdicts([(row, changed) for changed in variants.values()]), strict=True):
            tried[what] = tried.get(what, 0) + 1
            enough = wrong.total + _PAID * (right.total - wrong.total)
            if verdict.total is None or verdict.total < enough:
                counts.setdefault(what, []).append((row, changed))
                is_excused = verdict.total is not None and verdict.total + _lost_to_the_letter(subject, right, verdict) >= enough
                excused[what] = excused.get(what, 0) + is_excused
    for what, lost in counts.items():
        if len(lost) * 2 < tried[what]:
            continue
        row, changed = min(lost, key=lambda pair: len(pair[1]))
        must = what in ("thinking of several lines", ALONE, AS_PROMPTED, IN_ANY_ORDER) or (what == "a trailing newline" and excused[what] < len(lost))
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


def _as_prompted(subject: Subject, row: int, spellings: Mapping[str, str]) -> dict[str, str]:
    """The right response as the prompt has it or lets it be: in the spelling of its choices, and with a list in another order."""
    sources = [source for source in subject.honest.sources if source.kind == "text"]
    if len(sources) < len(subject.honest.sources):
        return {}
    golds = {source: source.values[row] or "" for source in sources}
    found = {}
    respelled = {source: _respelled(gold, spellings) for source, gold in golds.items()}
    if respelled != golds:
        found[AS_PROMPTED] = subject.honest.form.text(respelled.__getitem__)
    if leaves_order_open(subject.rows[row].prompt_text) and any(map(reordered, golds.values())):
        found[IN_ANY_ORDER] = subject.honest.form.text(lambda source: reordered(golds[source]) or golds[source])
    return found


def _asked_spellings(subject: Subject) -> dict[str, str]:
    """Answers that most prompts list, by how the references spell them, where the prompts do so otherwise: "Very Good" for "very_good"."""
    rows = [row for row, _, _ in subject.attacked]
    prompts = [subject.rows[row].prompt_text for row in rows]
    known = {leaf for source in subject.honest.sources for row in rows for leaf in _leaves(source.values[row] or "")}
    found: dict[str, str] = {}
    for gold in known if 1 < len(known) <= _CHOICES else ():
        words = re.findall(r"[^\W_]+", gold)
        spelled = re.compile(r"(?i)(?<!\w)" + r"[\s_-]*".join(map(re.escape, words)) + r"(?!\w)")
        counts = Counter(text for prompt in prompts for text in set(spelled.findall(prompt))) if words else Counter()
        if gold in counts:
            return {}  # the prompts have the references' own spelling, too
        if counts and (most := counts.most_common(1)[0])[1] >= _MOST_ROWS * len(prompts):
            found[gold] = most[0]
    said = " ".join(prompts[:1])
    if all(gold == gold.upper() for gold in found) and re.search(r"(?i)capitals|upper.?case|\bcaps\b|capital letters|block letters", said):
        return {}
    if all(gold == gold.lower() for gold in found) and re.search(r"(?i)lower.?case|small letters", said):
        return {}
    return found if len(found) > 1 else {}


def _leaves(gold: str) -> list[str]:
    """The texts of an object in JSON text; another text as it is."""
    try:
        value = json.loads(gold) if gold.startswith("{") else None
    except ValueError:
        value = None
    return [item for item in value.values() if isinstance(item, str)] if isinstance(value, dict) else [gold]


def _respelled(gold: str, spellings: Mapping[str, str]) -> str:
    if gold in spellings:
        return spellings[gold]
    leaves = [leaf for leaf in _leaves(gold) if leaf in spellings] if gold.startswith("{") else []
    return (
        json.dumps(
            {name: spellings.get(item, item) if isinstance(item, str) else item for name, item in json.loads(gold).items()}, ensure_ascii=False
        )
        if leaves
        else gold
    )


def _alone(gold: str) -> str:
    """The answer that a worked solution of several lines ends in, where it marks one; other references as they are."""
    ways = extractions(gold) if "\n" in gold.strip() or len(gold.split()) > _WORDS else {}
    return next((ways[way] for way in ("after ####", "in the box", "in the tag") if way in ways), gold)


def _lost_to_the_letter(subject: Subject, right: Verdict, verdict: Verdict) -> float:
    """What a changed response loses with graders of OpenAI, which compare white space as well, as the service does: no option changes that."""
    graders = [reward for reward in subject.weighted if isinstance(reward.score, ComparingGrader) and reward.parse == Identity()]
    return sum(reward.weight * ((right.scores[reward.name] or 0.0) - (verdict.scores[reward.name] or 0.0)) for reward in graders)


_VARIANT_REMEDIES = {
    IN_ANY_ORDER: "compare the items as a set (`math_verify` does, code can), or ask for one order in the prompt",
    AS_PROMPTED: "write the references as the prompts have the answers, or compare them with `ignore_case: true`",
    ALONE: 'read the answer in the reference, too: `reference: {column: ..., parse: {after: "####"}}`, or `math_verify`',
    "a trailing newline": "strip the response before it is compared (`string_match` does), and end patterns in `\\s*$`",
    "white space around": "strip the response before it is compared (`string_match` does)",
    "spaces around the answer": "strip the answer before it is compared (`whitespace: strip`)",
    "thinking of several lines": "let `.` match a line break: `(?s)` in a pattern, `re.DOTALL` in code",
    "the end token <|im_end|>": "this library's parsers drop end tokens; in code, strip them",
    "a sentence in front": "parse the answer from a tag or a box, if the policy may think aloud before it",
    "a sentence around": "parse the answer from a tag or a box, if the policy may write around it",
}
