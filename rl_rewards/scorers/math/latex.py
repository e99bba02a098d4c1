"""LaTeX -> sympy, in the worker: math-verify's parser, faster and stricter.

Three things differ from calling it. ANTLR runs its SLL prediction first and the full LL one only when that fails: by ANTLR's own guarantee
an SLL parse without an error is the LL parse, at a tenth of the time. A text that was read in part only is not read. Letters are symbols: N
is not n, I is not the imaginary unit, y'' is not y.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import sympy
from antlr4 import Token
from antlr4.atn.PredictionMode import PredictionMode
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig, _Latex2Sympy, normalize_latex
from math_verify.grader import should_treat_as_complex
from sympy import Basic

__all__ = ["parsed"]

_NORMAL = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none")
_SYMBOLS = ConversionConfig(lowercase_symbols=False)
# SLL cannot tell x^2 from a subscripted name's start; in braces it can.
_BASE = re.compile(r"\\[a-zA-Z]+|\{[a-zA-Z]\}|([a-df-hj-zA-DF-Z])(?=\^\{?\d)")
_PRIMES = re.compile(r"([a-zA-Z])(?:_\{([^{}]*)\})?('+)")
_IMAGINARY = re.compile(r"\\[a-zA-Z]+|_\{[^{}]*\}|(?<![a-zA-Z])i(?![a-zA-Z])")
_INDEXED = re.compile(r"\\(?:sum|prod)")
_NAMED_SUBSCRIPT = re.compile(r"_\{\\?([a-zA-Z]{2,})\}")
_ENERGY = re.compile(r"(?<![a-zA-Z\\])E_\{([^{}]*)\}")  # the lexer takes E for an exponent's, and no subscript with it
_ROW = re.compile(r"\\\\(?=[a-zA-Z\\])")  # a row's end is no part of the command that its letters would make
_CELL = re.compile(r"(?<![a-zA-Z\\])d(?=\\end|&|\\\\)")  # and no differential of what follows
_GAMMA = re.compile(r"\\gamma(?![a-zA-Z]) ?(?:_\{([^{}]*)\})?")  # the letter, which the lexer takes for a function
_DIVISOR = re.compile(r"\\(?:gcd|lcm)[^a-zA-Z]{0,40}[a-zA-Z]")
_PERCENT = re.compile(r"(?<!\\)%")
_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_PRODUCT = re.compile(  # \sin x\cdot y is no sine of x\cdot y, as the grammar has it
    r"(\\(?:a?r?c?(?:sin|cos|tan)h?|cot|sec|csc|ln|log|exp)(?:\^\{-?\d+\}|_\{\w+\})*) ?(\d*(?:\d|[a-zA-Z]|\\(?:theta|alpha|beta|phi|omega|pi)))(?= ?(?:\\cdot|\\times|\*))"
)
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\^\{\\circ\}")
_STARRED = re.compile(r"([a-zA-Z])\^\{?\*\}?")
_DEEPEST = 100  # brackets in brackets; the parser's time grows fast with them


@lru_cache(maxsize=4096)
def parsed(text: str) -> Any | None:
    """The sympy value of a canonical text, parsed once per worker; None when it cannot be read whole."""
    if _depth(text) > _DEEPEST or "'" in (text := _PRIMES.sub(_primed, text)):
        return None
    text = _ENERGY.sub(r"Y_{ee\1}", text)
    text = _NAMED_SUBSCRIPT.sub(r"_{\1}", _STARRED.sub(r"\1_{star}", text))
    if _DIVISOR.search(text) is not None:
        return None  # sympy's gcd(a,b) is 1, as that of two polynomials
    text = _GAMMA.sub(lambda match: f"Y_{{gam{match[1] or ''}}}", text)
    text = _PRODUCT.sub(r"\1(\2)", text)
    text = _PERCENT.sub(r"\\%", text)
    if _ANGLE.search(text) is not None:
        text = _DEGREES.sub(r"\\frac{\1\\pi}{180}", text)
    text = _CELL.sub("{d}", text)
    text = _ROW.sub(r"\\\\ ", text)
    latex = normalize_latex(text.replace(";", ","), _NORMAL)
    latex = _BASE.sub(lambda match: f"{{{match[1]}}}" if match[1] else match[0], latex)
    is_complex = should_treat_as_complex(latex)
    for mode in (PredictionMode.SLL, PredictionMode.LL):
        try:
            value = _Reader(mode, is_real=not is_complex).parse(latex)
        except Exception:  # latex2sympy raises bare Exceptions, and whatever sympy's constructors raise
            continue
        return _with_imaginary_unit(value, latex)
    return None


def _primed(match: re.Match[str]) -> str:
    """A primed letter as a letter of its own: y'' is y with a subscript that nothing else has."""
    return f"{match[1]}_{{{match[2] or ''}{'p' * len(match[3])}}}"


def _with_imaginary_unit(value: Any, latex: str) -> Any:
    if not isinstance(value, Basic) or _INDEXED.search(latex) or not any(match[0] == "i" for match in _IMAGINARY.finditer(latex)):
        return value
    return value.xreplace({symbol: sympy.I for symbol in value.free_symbols if getattr(symbol, "name", "") == "i"})


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest


class _Reader(_Latex2Sympy):
    """latex2sympy with a choice of ANTLR's prediction mode, that refuses a text of which it has read only the beginning."""

    def __init__(self, mode: PredictionMode | int, is_real: bool) -> None:
        super().__init__(is_real=is_real, config=_SYMBOLS)
        self._mode = mode

    def create_parser(self, latex_str: str) -> Any:
        parser = super().create_parser(latex_str)
        parser._interp.predictionMode = self._mode
        self._parser = parser
        return parser

    def parse(self, latex_str: str) -> Any:
        value = super().parse(latex_str)
        token: Any = self._parser.getCurrentToken()
        if token.type != Token.EOF:
            raise ValueError(f"read {latex_str!r:.80} up to {token.text!r:.20} only")
        return value

    def convert_atom_expr(self, atom_expr: Any) -> Any:
        value = super().convert_atom_expr(atom_expr)
        return self.create_symbol("I") if value is sympy.I else value
