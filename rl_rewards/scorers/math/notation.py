"""One spelling for what is written in many: the canonical text of an expression.

Its patterns are Python's own, with lookarounds that RE2 lacks: they only ever meet an expression of bounded length.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ", "0123456789-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/", "⁄": "/", "π": r"\pi ",
        "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "°": r"^\circ ",
        "±": r"\pm ",
        "≈": r"\approx ", "∅": r"\emptyset ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "√": r"\sqrt ",
        "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅕": r"\frac{1}{5}",
        "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}", "⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}",
    }
)  # fmt: skip

_FONT = r"\\(?:mathrm|mathit|mathbf|mathsf|text|textrm|textit|textbf|textnormal|operatorname|rm|mbox|hbox)"
_FUNCTIONS = "sqrt|pi|infty|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|log|ln|exp"


def _compiled(*rewrites: tuple[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), replacement) for pattern, replacement in rewrites]


# What is only there for the eye becomes a space, and spaces become one, so that no pattern after these meets a long run of them.
_COSMETICS = _compiled(
    (r"\*\*(?=\S)(?<=\S\*\*)", "^"),  # Python's power; what is left of ** is Markdown
    (r"(?<=\d)(?:\\[,!]|\{,\}|\{\\,\})(?=\d{3}(?!\d))", ","),
    (r"\*\*|(?<!\\)\$\$?|(?<!\\)\\[()\[\]]", " "),
    (r"(?<!\\)\\[!,;:>](?!\d{3}(?!\d))|\\(?:quad|qquad|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])", " "),
    (r"(?<!\\)\\\s|~", " "),
    (r"\s+", " "),
)
_REWRITES = _compiled(
    (r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\.?", ""),
    (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
    (_FONT + r"\s*\{\s*([eidx])\s*\}", r"\1"),
    (_FONT + r"\s+([eidx])(?![a-zA-Z])", r"\1"),
    (_FONT + r"(?=\s*\{)", r"\\text"),
    (r"\\\$|[$£€]|\\(?:pounds|euro)(?![a-zA-Z])", ""),
    (r"\\text\s*\{\s*(?:\\?%|percent)\s*\}|\\%|\s*\b(?:percent|pct)\b", "%"),
    (r"\\(l|g|n)eq(?![a-zA-Z])", r"\\\1e"),
    (r"\\(?:lbrace|\{)(?![a-zA-Z])", r"\\{"),
    (r"\\(?:rbrace|\})(?![a-zA-Z])", r"\\}"),
    (r"\\(?:lbrack)(?![a-zA-Z])", "["),
    (r"\\(?:rbrack)(?![a-zA-Z])", "]"),
    (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])", r"^{\\circ}"),
    (r",?\s*\\text\s*\{\s*,?\s*(?:and|or)\s*\}|,?\s*(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])", ","),
    (r"(?<![a-zA-Z\\])(?:infinity|inf)(?![a-zA-Z])", r"\\infty"),
    (rf"(?<![a-zA-Z\\])({_FUNCTIONS})(?![a-zA-Z])", r"\\\1"),
    (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
    (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
    (r"(\\frac\s*\{[^{}]*\})\s*(\w)", r"\1{\2}"),
    (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"\\sqrt\s*(\d+|[a-zA-Z])", r"\\sqrt{\1}"),
    (r"\^\s*\(([^()]*)\)", r"^{\1}"),
    (r"\^\s*(-?\d+|[a-zA-Z])", r"^{\1}"),
    (r"_\s*(\d+|[a-zA-Z])", r"_{\1}"),
    (r"(?<=\d)\s+(\d+)\s*/\s*(\d+)", r"\\frac{\1}{\2}"),
)
# Not in brackets: (3,100) are two numbers, and 3,100 is one.
_THOUSANDS = re.compile(r"(?<![\d.,(\[{])\d{1,3}(?:(?:,\d{3})+|(?:\s\d{3})+)(?![\d)\]}]|,\d|\\\})")
# A space between digits, or between a command and the letter after it, has a meaning; all others have none.
_KEPT_SPACE = re.compile(r"(?<=\d)\s+(?=\d)|(\\[a-zA-Z]+)\s+(?=[a-zA-Z])")
_SPACE = re.compile(r"\s+")
_SEPARATOR = re.compile(r"[,\s]")


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """The expression in one spelling: LaTeX without cosmetics, ASCII signs, no space that means nothing. Equal texts mean the same."""
    text = text.replace("\0", "")
    if not text.isascii():
        text = _RAISED.sub(lambda run: "^{" + "".join(_SUPERSCRIPTS[char] for char in run[0]) + "}", text)
        text = _LOWERED.sub(lambda run: "_{" + "".join(_SUBSCRIPTS[char] for char in run[0]) + "}", text)
        text = unicodedata.normalize("NFKC", text.translate(_SYMBOLS)).translate(_SYMBOLS)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    for pattern, replacement in (*_COSMETICS, *_REWRITES):
        text = pattern.sub(replacement, text)
    text = _THOUSANDS.sub(lambda number: _SEPARATOR.sub("", number[0]), text)
    text = _KEPT_SPACE.sub(lambda space: (space[1] or "") + "\0", text)
    return _SPACE.sub("", text).replace("\0", " ").lstrip(",;").rstrip(".,;")
