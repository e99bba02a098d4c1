"""One spelling for what is written in many: the canonical text of an expression.

It drops what has no meaning (fonts, sizes, spaces) and keeps what has: a comma with a space behind it separates, one without may belong to
a number; "or" becomes ";" and "and" a separating comma. Its patterns are Python's own, with lookarounds that RE2 lacks: they only ever meet
an expression of bounded length.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rl_rewards.scorers.math.families import over_integers

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_SYMBOLS = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/", "⁄": "/", "∕": "/", "π": r"\pi ",
        "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
        "°": r"^\circ ", "±": r"\pm ", "∓": r"\mp ", "≈": r"\approx ", "≃": r"\approx ", "∅": r"\emptyset ", "√": r"\sqrt ", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]", "∖": r"\setminus ",
        "∧": r"\land ", "∨": r"\lor ", "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "∣": "|", "′": "'", "″": "''", "’": "'",
        "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "、": ", ", "。": ".", "∠": r"\angle ",
        "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "λ": r"\lambda ", "μ": r"\mu ", "ω": r"\omega ",
        "φ": r"\phi ", "ρ": r"\rho ", "σ": r"\sigma ", "ε": r"\epsilon ",
        "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅕": r"\frac{1}{5}",
        "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}", "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}", "⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}",
        "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}",
    }
)  # fmt: skip

_PRAISE = "✅✓✔☑✨⭐🎉🎊🎯🏆👍💯😀😃😄😁😊🙂🥳🚀\ufe0f \n"  # signs that an answer is decorated with

_TEXT_FONT = r"\\(?:mathrm|mathit|mathsf|mathtt|mathnormal|text|textrm|textit|textbf|textsf|texttt|textup|textnormal|emph|operatorname|mbox|hbox)\*?"
_SYMBOL_FONT = r"\\(?:mathbf|boldsymbol|bm|pmb|bold|vec|overrightarrow|hat|mathbit)(?![a-zA-Z])"
_SWITCH = r"\\(?:bf|rm|it|sf|tt|bfseries|rmfamily|itshape|boldmath|large|Large|LARGE|huge|Huge|normalsize|small)(?![a-zA-Z])"
_MYRIADS = "十百千万亿萬億兆"  # they multiply the number before them
_LETTER = r"\\(?:pi|theta|alpha|beta|gamma|lambda|mu|omega|phi|rho|sigma)(?![a-zA-Z])"
_CURRENCY = "[$£€¥₹₩₫₽₺₪₦₱₴₡₲₵₸฿]"
_CURRENCY_NAME = r"(?:Rs\.?|USD|EUR|GBP|INR|CAD|AUD|CNY|JPY|CHF)"
_ABOUT = r"(?:about|approximately|approx\.?|roughly|around|exactly)"
# What is in a unit's \text{...}, and its power.
_UNIT_TEXT = r"\\text\s*\{\s*((?:[^{}]|\^\s*\{[^{}]*\})*?)\s*\}\s*(\^\s*(?:-?\d|\{\s*-?\d\s*\}))?"
_FUNCTIONS = "sqrt|pi|infty|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|log|ln|exp"


def _compiled(*rewrites: tuple[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), replacement) for pattern, replacement in rewrites]


# What is only there to look well becomes a space, and spaces become one, so that no pattern after these meets a long run of them.
_COSMETICS = _compiled(
    (r"""^\s*["“«'‘]([^"“”«»']*)["”»']\s*$""", r"\1"),
    (r"\*\*(?=\S)(?<=\S\*\*)", "^"),  # Python's power; what is left of ** is Markdown
    (r"(?<=\d)\s*(?:,\s*\\[!;:]|\\[,!;:]|\{\s*,\s*\}|\{\\,\})\s*(?=\d{3}(?!\d))", ""),  # TeX's ways to write thousands
    (r"(?<=\d)\s*\{\s*,\s*\}\s*(?=\d)", "."),  # and decimals
    (r"(?<=\d),\s*\\,\s*(?=\d{3}(?!\d))", ","),
    (rf"(?<=\d)\s*((?![^\s]*[{_MYRIADS}])[\u4e00-\u9fff]{{1,3}})\s*$", r"\\text{\1}"),  # a unit, or the word that counts things: 5元, 3 个
    (r"\*\*|(?<!\\)\$\$?|(?<!\\)\\[()\[\]]", " "),
    (r"(?<!\\)\\[!,;:>]|\\q?quad|\\(?:displaystyle|textstyle|limits|nolimits|hspace\{[^{}]*\}|hfill|noindent)(?![a-zA-Z])", " "),
    (_SWITCH, " "),
    (r"(?<!\\)\\\s|~", " "),
    (r"\s+", " "),
)
_REWRITES = _compiled(
    (r"\\cr(?![a-zA-Z])", r"\\\\"),
    (r"\\hline(?![a-zA-Z])|\\\\\s*(?=\\end\b)", ""),
    (r"\\(begin|end)\s*\{smallmatrix\}", r"\\\1{matrix}"),
    (r"\\(begin|end)\s*\{(?:align|split|gather(?:ed)?|aligned)\*?\}", r"\\\1{aligned}"),
    (
        r"(?:\\left\s*)?\\(?:lbrace|\{)\s*\\begin\s*\{(?:array|aligned|matrix)\}(?:\s*\{[lcr| ]+\})?(.*)\\end\s*\{(?:array|aligned|matrix)\}(?:\s*\\right\s*\.)?$",
        r"\\begin{cases}\1\\end{cases}",
    ),
    (r"&\s*(?=[=<>]|\\(?:le|ge|leq|geq|ne|neq|in|equiv|approx|lt|gt)(?![a-zA-Z]))", ""),
    (r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])(?:\.(?!\d))?", ""),
    (r"\\(?:(?:text)?color|colorbox|[hv]?phantom|tag\*?|label)\s*\{[^{}]*\}|\\(?:underline|ensuremath|mathop|mathord)(?![a-zA-Z])", ""),
    (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
    (r"\\(mathbb|mathcal|mathfrak|mathscr)\s+([a-zA-Z])(?![a-zA-Z])", r"\\\1{\2}"),
    (r"\\([RZNQC])(?![a-zA-Z])", r"\\mathbb{\1}"),
    (r"\\langle(?![a-zA-Z])", "("),
    (r"\\rangle(?![a-zA-Z])", ")"),
    (_SYMBOL_FONT + r"\s*\{?\s*\\?([ijk])(?:math)?(?![a-zA-Z])\s*\}?", r"\\hat{\1}"),
    (rf"(\\nabla|{_SYMBOL_FONT}\s*(?:\{{\s*[a-zA-Z]\s*\}}|[a-zA-Z]))\s*\\times(?=\s*(?:{_SYMBOL_FONT}|[a-zA-Z]))", r"\1\\otimes "),  # of vectors
    (_SYMBOL_FONT + r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}", r"\1"),
    (_SYMBOL_FONT + r"\s*", ""),
    (r"\\operatorname\*?\s*\{\s*a(?:rc)?(sin|cos|tan)\s*\}", r"\\arc\1 "),
    (r"\\(?:operatorname\*?|mathrm|text)\s*\{\s*((?:arc)?(?:sin|cos|tan)h?|cot|csc|log|ln|exp|gcd|lcm|max|min)\s*\}", r"\\\1 "),
    (r"\\operatorname\*?\s*\{\s*(sec|det)\s*\}", r"\\\1 "),
    (r"\\(arc)?tg(?![a-zA-Z])", r"\\\1tan "),
    (r"\\(?:cot|c)tg(?![a-zA-Z])", r"\\cot "),
    (r"\\(max|min|gcd|lcm)\s*(?:\\left\s*)?\\\{([^{}]*?)(?:\\right\s*)?\\\}", r"\\\1(\2)"),
    (r"\\root\s*(\w+)\s*\\of(?![a-zA-Z])", r"\\sqrt[\1]"),
    (r"\\var(epsilon|phi|theta|rho|sigma|pi|kappa)(?![a-zA-Z])", r"\\\1"),
    (_TEXT_FONT + r"\s*\{\s*([eidx])\s*\}", r"\1"),
    (_TEXT_FONT + r"\s+([a-zA-Z])(?![a-zA-Z])", r"\1"),
    (_TEXT_FONT + r"(?=\s*\{)", r"\\text"),
    (
        rf"\\\$|{_CURRENCY}|\\(?:pounds|euro)(?![a-zA-Z])|(?:\\text\s*\{{\s*{_CURRENCY_NAME}\s*\}}|\b{_CURRENCY_NAME})(?=\s*\d)|\bUS(?=\s*\\?\$)|\\text\s*\{{\s*\}}",
        "",
    ),
    (rf"^\s*(?:\\text\s*\{{\s*{_ABOUT}\s*\}}|{_ABOUT}(?![a-zA-Z]))(?=\s*[-+.\d\\(])", ""),
    (r"^\s*\\text\s*\{(?:[^{}]{2,60}:|[^{}]{0,60}\b(?:is|are|equals):?)\s*\}(?!.*:\s*\})", ""),  # \text{The answer is }42
    (r"(?<=\d)\s*(?:\\[lc]?dots|\.\.\.)\s*$", ""),
    (r"\\text\s*\{\s*(?:\\?%|percent)\s*\}|\\%|\s*\b(?:percentage|percent|per cent|pct)\b", "%"),
    (r"\\(l|g)(?:eqslant|eqq|eq)(?![a-zA-Z])", r"\\\1e"),
    (r"\\neq(?![a-zA-Z])|\\not\s*=|!=", r"\\ne "),
    (r"\\lt(?![a-zA-Z])", "<"),
    (r"\\gt(?![a-zA-Z])", ">"),
    (r"<\s*=", r"\\le "),
    (r">\s*=", r"\\ge "),
    (r"\\(?:approxeq|simeq|thickapprox|doteq|fallingdotseq)(?![a-zA-Z])", r"\\approx "),
    (r"\\(?:lbrace|\{)(?![a-zA-Z])", r"\\{"),
    (r"\\(?:rbrace|\})(?![a-zA-Z])", r"\\}"),
    (r"\\(?:lbrack)(?![a-zA-Z])", "["),
    (r"\\(?:rbrack)(?![a-zA-Z])", "]"),
    (r"\\colon(?![a-zA-Z])|\{\s*:\s*\}", ":"),
    (r"\\div(?![a-zA-Z])", "/"),
    (r"\\big(cup|cap)(?![a-zA-Z_])", r"\\\1"),
    (r"\\backslash(?![a-zA-Z])|(?<=\})\s*-\s*(?=\\\{)", r"\\setminus "),
    (r"\\mathcal\s*\{\s*O\s*\}(?=\s*\()", "O"),
    (r"\\[lc]?dots[bcimo]?(?![a-zA-Z])|\.\.\.", r"\\ldots "),
    (r"\\varnothing(?![a-zA-Z])|\\\{\s*\\\}", r"\\emptyset"),
    (r"\\mid(?![a-zA-Z])|\\vert(?![a-zA-Z])|\\[lr]vert(?![a-zA-Z])", "|"),
    (r"\{\s*\}(?=\s*\^)", ""),
    (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))|\\degree(?![a-zA-Z])", r"^{\\circ}"),
    (r"\^\s*\{\s*((?:\\prime\s*)+)\}|\^?\s*\\prime(?![a-zA-Z])", "'"),
    (
        r",?\s*\\text\s*\{\s*,?\s*or\s*\}|,?\s*(?<![a-zA-Z\\])or(?![a-zA-Z])|(?<=[\d)}\]])or(?=[a-zA-Z](?![a-zA-Z])|[\d(\\-])|\\(?:lor|vee)(?![a-zA-Z])",
        ";",
    ),
    (r",?\s*\\text\s*\{\s*,?\s*and\s*\}|,?\s*(?<![a-zA-Z\\])and(?![a-zA-Z])|\\(?:land|wedge)(?![a-zA-Z])", ", "),
    (r"(?<![a-zA-Z\\])(?:np|numpy|math|sympy)\.(?=[a-z])", ""),
    (r"\\text\s*\{\s*negative infinity\s*\}|(?<![a-zA-Z\\{])negative infinity(?![a-zA-Z])", r"-\\infty "),
    (r"\\text\s*\{\s*infinity\s*\}|(?<![a-zA-Z\\])(?:[iI]nfinity|[iI]nf|INF|oo)(?![a-zA-Z])", r"\\infty "),
    (r"(?<![a-zA-Z\\])[aA]bs\s*\(([^()|]*)\)", r"|\1|"),  # as programs write them
    (r"(?<![a-zA-Z\\])(floor|ceil)\s*\(([^()]*)\)", r"\\l\1 \2\\r\1 "),
    (r"(?<![a-zA-Z])\\?cbrt\s*(?:\(([^()]*)\)|\{([^{}]*)\})", r"\\sqrt[3]{\1\2}"),
    (r"\\text\s*\{\s*\(?\s*mod(?:ulo)?\s*(\d+)\s*\)?\s*\}", r"\\pmod{\1}"),
    (
        r"\(?\s*(?:\\[pb]?mod(?![a-zA-Z])|\\text\s*\{\s*\(?\s*mod(?:ulo)?\s*\}|(?<![a-zA-Z\\{])mod(?:ulo)?(?![a-zA-Z]))\s*(?:(\d+)|\{\s*(\d+)\s*\})\s*\)?",
        r"\\pmod{\1\2}",
    ),
    (r"\\text\s*\{\s*\(?\s*(?:in\s+)?base[\s-]*\}\s*(\d+)|(?<=\d)\s*\(?(?:in\s+)?base[\s-]*(\d+)\)?\s*$", r"_{\1\2}"),
    (r"(\d)\s*\\text\s*\{\s*([A-Fa-f]+)\s*\}(?=\s*_\s*\{?\s*1[1-6])|\\text\s*\{\s*([0-9A-Fa-f]+)\s*\}(?=\s*_\s*\{?\s*1[1-6])", r"\1\2\3"),
    (r"(?<=\d)\s*\^\s*\{?\s*\\text\s*\{\s*(st|nd|rd|th)\s*\}\s*\}?", r"\\text{\1}"),
    (r"(?<=\d)\s*x\s*(?=10\s*\^)", r"\\times "),  # 6.02 x 10^23
    (r"(?:(?<=^)|(?<=[-+*/=:,(]))\{\s*(-?\w+(?:\.\d+)?)\s*\}", r"\1"),  # {3}/{4}
    (rf"(?<![a-zA-Z\\])({_FUNCTIONS})(?![a-zA-Z])", r"\\\1"),
    (r"\\text\s*\{(?=[^{}]*_)((?:[A-Z][a-z]?\d*|_\s*(?:\d|\{\s*\d+\s*\})|[()])+)\}", r"\1"),  # H_2O
    (r"\\text\s*\{\s*([A-Z][a-z]?)\s*\}(?=\s*_\s*\{?\s*\d)", r"\1"),
    (r"(_\s*(?:\d|\{\s*\d+\s*\}))\s*\\text\s*\{\s*([A-Z][a-zA-Z]?)\s*\}", r"\1\2"),
    (r"\\text\s*\{([^a-zA-Z{}\\\u4e00-\u9fff]*)\}", r"\1"),
    (r"\\text\s*\{\s*~?([a-zA-Z]+)\s*\}\s*/\s*\\text\s*\{\s*~?([a-zA-Z]+)\s*\}", r"\\text{\1/\2}"),
    (rf"\\frac\s*\{{\s*{_UNIT_TEXT}\s*\}}\s*\{{\s*{_UNIT_TEXT}\s*\}}", r"\\text{\1\2/\3\4}"),
    (r"(?<=[\d)}%])\s*\\mu\s*\\text\s*\{", r"\\text{u"),
    (r"(?<=[\d)}%])\s*(?:\\text\s*\{\s*([kMm])\s*\}\s*)?\\Omega\s*$", r"\\text{\1ohm}"),
    (rf"{_UNIT_TEXT}\s*(?:\\cdot|\\times|\*)(?=\s*\\text)\s*{_UNIT_TEXT}", r"\\text{\1\2*\3\4}"),
    (rf"{_UNIT_TEXT}\s*(?:\\cdot|\\times|\*)(?=\s*\\text)\s*{_UNIT_TEXT}", r"\\text{\1\2*\3\4}"),  # of three
    (rf"(?<=\d)\s*[\[(]\s*{_UNIT_TEXT}\s*[\])]\s*$", r"\\text{\1\2}"),
    (rf"\\frac\s*({_LETTER})", r"\\frac{\1}"),
    (rf"(\\frac\s*(?:\{{[^{{}}]*\}}|\d))\s*({_LETTER})", r"\1{\2}"),
    (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
    (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
    (r"(\\frac\s*\{[^{}]*\})\s*(\w)", r"\1{\2}"),
    (r"((?<![a-zA-Z\\])[a-zA-Z]|\\(?:(?:arc)?(?:sin|cos|tan)|cot|sec|csc|log|ln|exp|gcd|lcm|max|min) ?)\s*\{\s*(\([^{}()]*\))\s*\}", r"\1\2"),
    (r"\{\s*([^{}]+?)\s*\\choose\s*([^{}]+?)\s*\}", r"\\binom{\1}{\2}"),
    (r"\{\s*([^{}]+?)\s*\\over(?![a-zA-Z])\s*([^{}]+?)\s*\}", r"\\frac{\1}{\2}"),
    (r"^\s*(-?)\(\s*(-?\d+)\s*\)\s*/\s*\(?\s*(-?\d+)\s*\)?\s*$", r"\1\\frac{\2}{\3}"),  # (-1)/2
    (r"^\s*(-?\d+)\s*/\s*\(\s*(-?\d+)\s*\)\s*$", r"\\frac{\1}{\2}"),
    (r"\\lg(?![a-zA-Z])", r"\\log_{10}"),
    (r"\\binom\s*(\w)\s*(\w)(?!\w)", r"\\binom{\1}{\2}"),
    (r"\\[dt]binom(?![a-zA-Z])", r"\\binom"),
    (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"\\sqrt\s*(\d+|[a-zA-Z])", r"\\sqrt{\1}"),
    (r"(\\sqrt\s*\[[^\[\]]*\])\s*(\d+|[a-zA-Z])", r"\1{\2}"),
    (r"\^\s*\(([^()]*)\)", r"^{\1}"),
    (r"\^\s*(-?\d+|[a-zA-Z])", r"^{\1}"),
    (r"_\s*(\d+|[a-zA-Z])", r"_{\1}"),
    (r"_\s*\{\s*\\text\s*\{([^{}]*)\}\s*\}", r"_{\1}"),
    (r"(?<=[a-zA-Z}])(\^\s*\{[^{}]*\})\s*(_\s*\{[^{}]*\})", r"\2\1"),
    (r"(?<=[a-zA-Z])('+)\s*(_\s*\{[^{}]*\})", r"\2\1"),
    (r"(?<=\d)\s+(\d+)\s*/\s*(\d+)", r"\\frac{\1}{\2}"),
)
_LOGIC = re.compile(
    r"(?=.*\\(?:land|lor|wedge|vee))(?:[A-Za-z()\s]|\\(?:land|lor|wedge|vee|neg|lnot|to|implies|(?:left)?rightarrow|(?:Left)?Rightarrow)(?![a-zA-Z]))+"
)
_LOGIC_SIGNS = {"\\wedge": "\\land", "\\vee": "\\lor", "\\lnot": "\\neg", "\\to": "\\rightarrow"}
# Names of letters as programs write them, where the text has no other words but functions.
_GREEK = re.compile(r"(?<![a-zA-Z\\])(?:alpha|beta|gamma|delta|epsilon|theta|lambda|sigma|omega|phi|rho|tau)(?![a-zA-Z])")
_WORDS = re.compile(rf"(?<![a-zA-Z\\])(?!(?:{_FUNCTIONS}|abs|and)(?![a-zA-Z]))[a-zA-Z]{{3,}}")
_PRIMES = re.compile(r"\^\s*\{\s*((?:\\prime\s*|'\s*)+)\}")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[a-zA-Z(){}\[\],!;$%|])")  # LaTeX that went through JSON twice; only an environment has line breaks
_LINE_BREAK = re.compile(r",?\s*\\\\(?=\s)")
# Spaces between digits group thousands: not in brackets, where (3, 100) are two numbers.
_THOUSANDS = re.compile(r"(?<![\d.,(\[{])\d{1,3}(?:\s\d{3})+(?![\d)\]}]|,\d|\\\})")
# A space between digits, behind the comma between them, or between a command and the letter after it, has a meaning; all others have none.
_KEPT_SPACE = re.compile(r"(?<=\d)\s+(?=\d)|(?<=\d,)\s+(?=\d)|(\\[a-zA-Z]+)\s+(?=[a-zA-Z])")
_SPACE = re.compile(r"\s+")
# Thousands as they are written in Switzerland, in Python, and in Germany or Brazil where there are two points, so that neither is a decimal one.
_MARKED_THOUSANDS = re.compile(r"(-?\d{1,3}(?:'\d{3})+|-?\d{1,3}(?:_\d{3})+|-?\d{1,3}(?:\.\d{3}){2,})([.,]\d+)?")


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """The expression in one spelling: LaTeX without cosmetics, ASCII signs, no space that means nothing. Equal texts mean the same."""
    if text.isdigit() and text.isascii():
        return text
    text = text.replace("\0", "")
    if not text.isascii():
        text = _ascii(text)
    if "\\\\" in text and "\\begin" not in text:
        text = _LINE_BREAK.sub(", ", _ESCAPED_TWICE.sub(r"\\", text))
    if _LOGIC.fullmatch(text) is not None:  # p \\land q is no list
        return " ".join(re.sub(r"\\[a-zA-Z]+", lambda sign: f" {_LOGIC_SIGNS.get(sign[0], sign[0])} ", text).split())
    if (marked := _MARKED_THOUSANDS.fullmatch(text.strip().removesuffix("."))) is not None:
        text = re.sub(r"['_.]", "", marked[1]) + (marked[2] or "").replace(",", ".")
    if _GREEK.search(text) is not None and "\\text" not in text and all(map(_GREEK.fullmatch, _WORDS.findall(text))):
        text = _GREEK.sub(r"\\\g<0>", text)
    if "prime" in text:
        text = _PRIMES.sub(lambda primes: "'" * (primes[1].count("prime") + primes[1].count("'")), text)
    for pattern, replacement in (*_COSMETICS, *_REWRITES):
        text = pattern.sub(replacement, text)
    text = _THOUSANDS.sub(lambda number: _SPACE.sub("", number[0]), text)
    text = _KEPT_SPACE.sub(lambda space: (space[1] or "") + "\0", text)
    text = _SPACE.sub("", text).replace("\0", " ").lstrip(",;")
    text = text.rstrip(".,;") if "\\begin" in text else text.rstrip(".,;\\")
    return over_integers(text) if "\\mathbb{Z}" in text or "integer" in text else text


def _ascii(text: str) -> str:
    text = _RAISED.sub(lambda run: "^{" + "".join(_SUPERSCRIPTS[char] for char in run[0]) + "}", text)
    text = _LOWERED.sub(lambda run: "_{" + "".join(_SUBSCRIPTS[char] for char in run[0]) + "}", text)
    text = unicodedata.normalize("NFKC", text.translate(_SYMBOLS)).translate(_SYMBOLS)
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip(_PRAISE)
