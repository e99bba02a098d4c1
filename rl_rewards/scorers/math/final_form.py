"""Whether an answer is a final form, or a calculation that the judge would have to finish for the policy."""

from __future__ import annotations

import re

_TEXT = re.compile(r"\\text\{[^{}]*\}")
_DEGREE = re.compile(r"\^\{\\circ\}")
_OPERATION = re.compile(
    r"\+|(?<=[\w)}\]!])-|\*|/|\^|!|(?<=\d)\(|\)\(|"
    r"\\(?:times|cdot|div|frac|binom|choose|over|sqrt|sum|int|prod|lim|log|ln|lg|exp|sin|cos|tan|cot|sec|csc|arc\w+|p?mod|bmod|"
    r"gcd|lcm|max|min|det|lfloor|lceil|pm|mp|Gamma|zeta|star|ast|circ)(?![a-zA-Z])"
)
_IRRATIONAL = re.compile(r"\\(?:sqrt|pi|log|ln|exp|sin|cos|tan)(?![a-zA-Z])|(?<![a-zA-Z\\])e(?![a-zA-Z])")
# What is calculated and never the last line, unless the reference says so too.
_CALCULATIONS = {
    "a sum": re.compile(r"\\sum(?![a-zA-Z])"),
    "a product": re.compile(r"\\prod(?![a-zA-Z])"),
    "an integral": re.compile(r"\\i{1,3}nt(?![a-zA-Z])|\\oint"),
    "a limit": re.compile(r"\\lim(?![a-zA-Z])"),
    "a derivative": re.compile(r"\\frac\{(?:d|\\partial)\}\{(?:d|\\partial)"),
    "a binomial": re.compile(r"\\d?binom|\\choose"),
    "a factorial": re.compile(r"!"),
    "a remainder": re.compile(r"\\[pb]?mod(?![a-zA-Z])"),
    "a determinant": re.compile(r"\\det(?![a-zA-Z])|\\begin\{vmatrix\}"),
    "a divisor or multiple": re.compile(r"\\(?:gcd|lcm)(?![a-zA-Z])|\\text\{(?:gcd|lcm)\}"),
    "rounding": re.compile(r"\\[lr](?:floor|ceil)"),
}
_MULTIPLICATION = re.compile(r"\\(?:times|cdot)(?![a-zA-Z]) ?|\*")
_SHORTEST_COPY = 4  # characters; x+1 is in every other question


def has_operation(text: str) -> bool:
    """Whether a canonical text still has something to work out: arithmetic, a root, a power, a function."""
    return _OPERATION.search(_DEGREE.sub("", _TEXT.sub("", text))) is not None


def is_irrational(text: str) -> bool:
    """Whether a canonical text is written with roots, logarithms or constants that no decimal is exact for."""
    return _IRRATIONAL.search(text) is not None


def calculation_left(answer: str, reference: str) -> str | None:
    """What canonical `answer` has yet to calculate although the reference has not, in words; None when nothing is left."""
    for name, pattern in _CALCULATIONS.items():
        if pattern.search(answer) and not pattern.search(reference):
            return name
    return None


def is_copied(answer: str, question: str) -> bool:
    """Whether a canonical answer with something to work out is in the canonical question as it is."""
    answer, question = _MULTIPLICATION.sub("*", answer), _MULTIPLICATION.sub("*", question)
    return len(answer) >= _SHORTEST_COPY and has_operation(answer) and answer in question
