"""Statements of an answer in other languages than English, turned into "answer: ...", which `statements` reads."""

from __future__ import annotations

import re

__all__ = ["in_english"]

_FIRST = re.compile("答案|答え|정답|답은|ответ|respuesta|antwort|réponse|resposta|risposta", re.IGNORECASE)  # without one of these nothing is done
_ASIAN = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_STATEMENT = re.compile(
    r"(?:最终|最後の|最后的)?(?:答案\s*(?:就?是|应该是|为|[:：])|答え\s*(?:は|[:：])|(?:정답|답)\s*(?:은|[:：]))\s*[:：]?(?P<asian>[^\n。？?]*)(?P<asked>[？?])?"
    r"|\b(?:ответ|respuesta|antwort|réponse|resposta|risposta)\b(?:\s+(?:final|finale|correcta|correcte|correta|corretta))?"
    r"\s*(?:(?:es|ist|lautet|est|é|è)(?!\w)\s*:?|[:=—])",
    re.IGNORECASE,
)
_COUNTED = re.compile(rf"(?<=[\d}})$])\s*[{_ASIAN}]+$")  # です, or what is counted, behind a number or a formula


def in_english(text: str) -> str:
    """A text whose statements of an answer are in English; what is asked ("答案是 42 吗？") is no statement."""
    return _STATEMENT.sub(_english, text) if _FIRST.search(text) is not None else text


def _english(statement: re.Match[str]) -> str:
    if statement["asian"] is None:
        return "answer: "
    return statement[0] if statement["asked"] else f"answer: {_COUNTED.sub('', statement['asian'].strip(' *.'))}\n"
