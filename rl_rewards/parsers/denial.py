"""Whether a text denies what it then shows: "the answer is not 42" shows 42, and does not say it."""

from __future__ import annotations

from functools import cache

from rl_rewards.patterns import Pattern, compile_pattern

__all__ = ["denied"]

# As much as is read before and behind what is shown, in characters: a clause.
_BEFORE, _BEHIND = 120, 80
# Words that may stand between a denial and what is denied: "is NOT equal to the final answer".
_LINK = (
    r"(?:\s+(?:that|the|an?|my|our|your|its|any|true|case|correct|right|final|answers?|results?|solutions?|values?|outputs?|objects?|json|"
    r"is|are|was|be|been|being|equals?|to|exactly|simply|just|really|actually|it|this|as|following|would|could|should|can|will|of|written|"
    r"given|by|say|claim|think|believe|assume|conclude|suppose))*"
)
_DENIAL = (
    r"(?i)(?:\b(?:not|never|cannot|neither|nor|none|doubt|deny|denies|reject|rejects|rather\s+than|instead\s+of|other\s+than|anything\s+but|"
    r"far\s+from|opposed\s+to)|n['’]t)" + _LINK + r"\W*$"
    r"|\b(?:false|wrong|incorrect|untrue|impossible|unlikely)\s+(?:that|to|answer|result|value|solution|output|object|json)\b" + _LINK + r"\W*$"
)
_RETRACTED = (
    r"(?i)^(?:(?:which|that|this|it)\s+)?(?:"
    r"(?:is|was|are|were|would\s+be|must\s+be|seems|looks)\s+(?:\w+ly\s+|just\s+)?(?:wrong|incorrect|false|untrue|invalid)\b|"
    r"(?:(?:is|was|are|were|would|can|could)(?:n['’]t|\s+not)|cannot)\s+(?:be\s+)?(?:\w+ly\s+)?"
    r"(?:(?:the|my|our|an?)\s+)?(?:final\s+|correct\s+|right\s+)*(?:answer|result|solution|correct|right|true|it|valid)\b)"
)
_FIRST_LETTERS = frozenset("wtiamslcWTIAMSLC")  # of the words that such a clause begins with


def denied(text: str, start: int, end: int) -> bool:
    """Whether what is at `text[start:end]` is denied by the words of its own clause, before it or behind it."""
    before = text[max(0, start - _BEFORE) : start].rstrip()
    if before and before[-1] not in ".!?;,>" and _is_denial(before):
        return True
    behind = text[end : end + _BEHIND].lstrip("\n\t `*_$\"'”’)],")
    return behind[:1] in _FIRST_LETTERS and _retracted().search(behind)


def _is_denial(before: str) -> bool:
    sentence, _, language = before.rpartition("```")  # the opening of a block of code
    before = (before if language and not language.isalnum() else sentence or language).rstrip("\n\r\t `*_$\"'“‘([:=-—")
    clause = before[max(map(before.rfind, ".!?;,\n>")) + 1 :]
    return len(clause) > 2 and _denial().search(clause) and not clause.endswith("or not")


@cache
def _denial() -> Pattern:
    return compile_pattern(_DENIAL)


@cache
def _retracted() -> Pattern:
    return compile_pattern(_RETRACTED)
