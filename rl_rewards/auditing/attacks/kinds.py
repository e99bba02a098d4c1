"""Kinds of dishonest responses: what each does, and the edit of a rubric that stops it."""

from __future__ import annotations

from dataclasses import dataclass

from rl_rewards.auditing.findings import Severity
from rl_rewards.auditing.programs import CHEATS

__all__ = ["KINDS", "AttackKind"]


@dataclass(frozen=True)
class AttackKind:
    """A kind of dishonest response.

    Attributes:
        what: what such a response does, for a report.
        remedy: the edit of a rubric that stops it.
        knows: whether it holds the right answer, so that a reward that pays part of an answer pays part of it.
        share: of the way from a wrong to a right answer that it must earn to be a hole.
        severity: of the hole.
    """

    what: str
    remedy: str
    knows: bool = False
    share: float = 0.1
    severity: Severity = Severity.ERROR


_E, _W = Severity.ERROR, Severity.WARNING
KINDS = {
    "empty": AttackKind("an empty answer", "compare the whole answer (`string_match: COLUMN`), never `answer in reference`, and score no answer as wrong"),
    "prompt_echo": AttackKind("the prompt, repeated", "parse the answer from a tag or a box (`parse: {tag: answer}`) and compare all of it"),
    "candidates_listed": AttackKind(
        "a list of candidates, the right one among them", "compare the whole answer (`equals`, `number_match`, `math_verify`) instead of `contains` or a search", True
    ),
    "two_answers": AttackKind("two different answers, in either order", "take one answer, the last (`parse: {tag: answer}`), and compare all of it", True),
    "format_only": AttackKind("the format with no answer in it", "gate the format reward (`gate: {reward: correct}`), or lower its weight"),
    "gold_in_thinking": AttackKind(
        "the answer inside the thinking alone", "read what comes after the thinking: drop `thinking: keep`, or `parse: [{after: \"</think>\"}, ...]`", True
    ),
    "denied": AttackKind("a denial of the right answer", "`allow_denied: false`; parse the answer from a tag and compare all of it", True),
    "denied_before_mark": AttackKind("a denial in front of the answer's mark", "use this library's parsers, which pass over a denied answer", True, severity=_W),
    "copied_expression": AttackKind("an expression of the question, not worked out", "`allow_unevaluated: false` and `allow_copied: false`, or `number_match`"),
    "unevaluated": AttackKind("a sum that makes the right answer, not worked out", "`allow_unevaluated: false`, or `number_match`", True, severity=_W),
    "keyword_stuffing": AttackKind("the words that the reward looks for, without an answer", "reward words at most once, with little weight, and behind a gate on the right answer"),
    "padding": AttackKind("padding of a wrong answer to a length that pays", "`cosine_length` or `soft_overlong` with little weight; no reward that grows with length", False, 0.5),
    "cut_off": AttackKind("an answer whose closing mark is missing", "let the parser ask for the closing mark", True, severity=_W),
    "cut_off_thinking": AttackKind("thinking that never ends, with the answer in it", "drop `thinking: keep` or `allow_think`", True),
    "repeated_tags": AttackKind("tags over and over", "count a tag once: `tag_count`, `think_answer_format`"),
    "invisible": AttackKind("zero-width marks for an answer", "strip marks without width, and compare the whole answer"),
    "master_key": AttackKind("an opener that says nothing, such as ':' or 'Solution'", "ask the judge for a reason before its verdict, and compare with a reference"),
    "injected_verdict": AttackKind("a verdict addressed to the judge", "put the response between marks that it cannot write, and read the verdict from the judge's reply alone"),
    "flattery": AttackKind("praise for itself", "judge against a reference, not by tone"),
    "json_keys": AttackKind("JSON whose keys hold several answers", "`parse: {json: {whole: true}}` and `extra_fields: false`", True),
    "language_switch": AttackKind("another language", "`when` or a language reward with little weight"),
    "refusal": AttackKind("a refusal to answer", "score a refusal as a wrong answer"),
    "near_miss": AttackKind("a wrong answer that looks like the right one", "compare the whole answer, with a tolerance that fits the references", True, 0.6),
    **{kind: AttackKind(what, "`python_tests`, which runs programs apart from what compares their results", False, 0.6) for kind, what in CHEATS.items()},
    "program_gives_constant": AttackKind(CHEATS["program_gives_constant"], "tests that want different results, none of them most of the time; `scoring: all`", False, 0.7),
}  # fmt: skip
