"""Whether the words around an answer deny it or leave it open: "the answer is not 42", "58, or maybe 57"."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["WINDOW", "corrected", "denied_after", "denied_before", "is_asked", "is_denied", "is_hedged", "negation", "retracted"]

WINDOW = 80  # characters before and after an answer in which a denial is looked for

# Words after which an answer is denied, and those that may stand between: "is not equal to the 42".
_DENYING = frozenset("not never neither nor cannot except but hardly wrong incorrect false".split())
_DENYING_PAIRS = frozenset({("other", "than"), ("rather", "than"), ("instead", "of"), ("different", "from"), ("anything", "but"), ("far", "from")})
_BETWEEN = frozenset(
    "possibly conceivably ever likely get gets got find found have has obtain reach is be equal equals to exactly simply just the answer result value a an really actually".split()
)
_DENYING_SIGNS = ("\\ne", "\\neq", "\\not=", "\\not =", "≠", "!=")
# Clauses that deny what follows their "that": "it is not true that", "I doubt that"; "it is not hard to see that" denies nothing.
_DOUBTED = re.compile(
    r"(?:\b(?<!no )(?<!not )(?<!cannot )(?<!never )(?:false|wrong|incorrect|untrue|impossible|doubt(?:s|ful)?|unlikely|refus(?:e|ed|es|ing)|reluctant|unable|den(?:y|ies)|disagree)"
    r"|(?:\bnot|n['’]t|\bnever|\bhardly|\bcannot|\bno\s+longer|\bnobody|\bno\s+one)\s+(?:\w+\s+){0,2}?"
    r"(?:true|the\s+case|correct|right|so|possible|certain|sure|clear|likely|believe|think|say|said|claim|mean|imply|follow|convinced|conclude|says|thinks|believes|claims|be(?=\s+that\b))|\bno\s+(?:way|chance)\b)"
    r"\b(?:\s+(?:that|to\s+say|to\s+claim|if|whether)\b)?[^.;:\n]*$"
)
_CLAUSE = re.compile(r"\b(?:that|to|if|whether|thinks?|believes?|says?|claims?|way|chance)\b")
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|supposing|assume|assuming|imagine|unless)\s+(?:that\s+)?(?:the\s+|my\s+|our\s+)?(?:\w+\s+)?answer\s+(?:is|was|were)$"
)
# What is stated about the answer without saying what it is: "twice the answer is", "the answer plus one is", "one might think the answer is".
_OF_THE_ANSWER = re.compile(
    r"\b(?:twice|thrice|double|triple|half|(?:square|cube|root|negative|opposite|inverse|reciprocal|logarithm|double|half|third|multiple|power|digits?) of)"
    r"\s+(?:of\s+)?(?:the|my|our|this)\s+(?:\w+\s+)?answer\b[^.;\n]{0,20}$"
    r"|\banswer\s+(?:plus|minus|times|divided|multiplied|squared|cubed|increased|decreased|modulo|mod)\b[^.;\n]*$|\banswer\s*[-+*/]\s*\w+\s+(?:is|equals)$"
    r"|\b(?:one|you|some|someone|many|people|students|others|they|he|she)\s+(?:\w+\s+)?(?:might|may|could|would)\s+(?:\w+\s+)?(?:think|believe|guess|suppose|expect)\b[^.;\n]*$"
    r"|\b(?:some|many|people|students|others|they|he|she)\s+(?:\w+\s+)?(?:thinks?|says?|believes?|claims?|guess(?:es)?)\b[^.;\n]*$"
    r"|\bat first (?:glance|sight)\b[^.;\n]*$"
)
_CORRECTION = re.compile(r"(?:\bbut(?: rather)?|\bit is|\bit['’]s|\brather|\binstead)\s+(?=[-$\\(\d])")
_NEGATED = re.compile(
    r"\W*(?:not|never|neither|hardly|unlikely|no longer|(?:anything|everything|nothing) but|(?:other|rather|less|more) than|far from|close to|near|different from"
    r"|(?:some|any|a)\s+(?:\w+\s+)?(?:number|value|integer)\s+(?:but|other than|except|different from))\b|n['’]t",
    re.IGNORECASE,
)  # at the start of what is stated
_DENIED_AFTER = re.compile(
    r"[\s$*)\]}\\,]*(?:q?quad\b[\s\\]*)?(?:(?:text|mathrm)\s*\{\s*)?(?:(?:is|was|would be|seems)\s+(?:not\s+(?:the|a|my|correct|right|true|valid|it\b)|wrong|incorrect|false|impossible)"
    r"|\?\s*(?:no|nope|not|never|wrong|hardly|unlikely|doubtful)\b|[^.!?\n]{0,30}\b(?:they|he|she|this|that|it|which)\s+(?:are|is|was|were)\s+(?:wrong|incorrect|false|mistaken)\b"
    r"|[^.!?\n]{0,20}[.!]\s+(?:(?:wait|no|hmm|oops|sorry|actually|but|hold on)\b\W*)*(?:that|this|it)(?:['’]s|\s+(?:is|was))\s+(?:\w+ly\s+)?"
    r"(?:wrong|incorrect|false|mistaken|a mistake|not\s+(?:right|correct|true|it\b))"
    r"|(?:is|was)n['’]t\s+(?:the|correct|right|true|valid|it\b)"
    r"|(?:cannot|can['’]t|could not)\s+be\s+(?:the|correct|right|true|valid|it\b))",
    re.IGNORECASE,
)
# Another answer in the same breath: "or maybe 57", "or 57", "(or 57)", "perhaps 57", "but it could be 57", "alternatively 57".
_HEDGE = re.compile(
    r"[^.!?\n]{0,40}?(?:\bor\b|\bmaybe\b|\bperhaps\b|\bpossibly\b|\balternatively\b|\b(?:could|might|may)\s+(?:also\s+)?be\b|\beither\b|\bunless\b|\botherwise\b|\bor else\b)"
    r"[^.!?\n]{0,40}?(?:\d|\\[a-zA-Z]|\$)",
    re.IGNORECASE,
)

# Another answer in its place: "No, wait: 43", "Actually, it is 43", "I mean 43".
_RETRACTED = re.compile(
    r"[\s$*.,;:!?…—–-]*(?:(?:oh|wait|no|nope|oops|sorry|actually|rather|correction|hold on|hmm|just kidding|scratch that|on second thought|i mean|my mistake"
    r"|let me correct (?:myself|that|it|this)|i made (?:a mistake|an error))\b[\s,.:;!…—–-]*)+"
    r"(?P<link>(?:it|that|the (?:\w+ )?answer)(?:['’]s|\s+(?:is|was|should be|must be|would be|has to be))\s+|make (?:that|it)\s+)?(?=[-−]?[$\\(\d])",
    re.IGNORECASE,
)
_ASKED = re.compile(r"\b(?:is|was|could|can|might|would|will|should)\s+(?:the|my|our|this|that)\s+(?:\w+\s+)?$", re.IGNORECASE)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the answer at that place of a text is denied by what is before or behind it."""
    return denied_before(text[max(0, start - WINDOW) : start]) or denied_after(text, end)


def denied_after(text: str, end: int) -> bool:
    return _DENIED_AFTER.match(text, end, end + WINDOW) is not None


@lru_cache(maxsize=4096)
def denied_before(before: str) -> bool:
    """Whether the words before an answer deny it."""
    before = before.rstrip(" \t\n:$*([{\\").lower()
    if before.endswith(_DENYING_SIGNS):
        return True
    words = before.split()
    while words and words[-1] in _BETWEEN:
        words.pop()
    if words and ((words[-1] in _DENYING and words[-1] != "but") or words[-1].endswith(("n't", "n’t")) or tuple(words[-2:]) in _DENYING_PAIRS):
        return True
    if "answer" in before and (_OF_THE_ANSWER.search(before) is not None or _SUPPOSED.search(before) is not None):
        return True
    return _is_doubted(before)


def _is_doubted(before: str) -> bool:
    if _CLAUSE.search(before) is None:
        return False
    doubt = _DOUBTED.search(before)
    return doubt is not None and _CLAUSE.search(doubt[0]) is not None


def negation(statement: str) -> re.Match[str] | None:
    """The denial at the start of what is stated, as in "The answer is not 42"."""
    return _NEGATED.match(statement)


def corrected(statement: str) -> str | None:
    """What a denial puts in the place of what it denies: "not 41, but 42"."""
    correction = _CORRECTION.search(statement)
    return statement[correction.end() :] if correction is not None else None


def is_hedged(rest: str) -> bool:
    """Whether what follows an answer in its sentence offers another one."""
    return _HEDGE.match(rest) is not None


def retracted(rest: str) -> re.Match[str] | None:
    """The words behind an answer that take it back for the one that follows them; `link` is their verb, where they have one."""
    return _RETRACTED.match(rest)


def is_asked(before: str, rest: str) -> bool:
    """Whether the words around "answer ..." ask for it: "Is the answer 42?"."""
    return rest.lstrip(" $*.").startswith("?") and _ASKED.search(before) is not None
