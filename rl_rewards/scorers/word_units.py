"""Words of a text in any script."""

from __future__ import annotations

import re

__all__ = ["word_units"]

# Scripts that put no spaces between words, whose letters are counted instead, each with the vowel signs and tones that are written on it.
_LETTER = (
    r"\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"  # Han, kana, bopomofo
    r"\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"  # Thai, Lao
    r"\u0f40-\u0f6c\u1000-\u102a\u103f-\u1055\u1780-\u17b3"  # Tibetan, Myanmar, Khmer
)
_SIGN = (
    r"\u0300-\u036f\u3099\u309a\ufe00-\ufe0f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
    r"\u0f71-\u0f84\u0f8d-\u0fbc\u102b-\u103e\u1056-\u1060\u17b4-\u17d3\u17dd"
)
_MARK = r"\u3001-\u3004\u3008-\u3020\u3030-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\u30fb\u0f0b-\u0f14\u104a-\u104f\u17d4-\u17da"
_WORD = re.compile(rf"[{_LETTER}][{_SIGN}]*|[^\s{_LETTER}{_MARK}]+")


def word_units(text: str) -> list[str]:
    """The words of a text: what blanks part; of scripts that put none between words (Chinese, Japanese, Thai, ...), each letter."""
    return text.split() if text.isascii() else _WORD.findall(text)
