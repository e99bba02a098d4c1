"""The words that similarity metrics compare."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from rl_rewards.scorers.word_units import word_units

__all__ = ["bleu_words", "rouge_words"]

_ASCII_WORD = re.compile(r"[a-z0-9]+")


def bleu_words(text: str) -> list[str]:
    """Words and punctuation as mteval-v13a and sacrebleu have them; of scripts without spaces each letter is one."""
    return word_units(_mteval()(text))


def rouge_words(text: str) -> list[str]:
    """Small-letter words without punctuation as rouge-score has them; letters beyond ASCII are letters, too, which it drops."""
    text = text.lower()
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return word_units("".join(char if char.isalnum() or unicodedata.category(char)[0] == "M" else " " for char in text))


@cache
def _mteval() -> Any:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return Tokenizer13a()
