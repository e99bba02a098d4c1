"""Text that is the same to a reader and differs in its code points."""

from __future__ import annotations

import unicodedata

__all__ = ["composed", "halfwidth"]

# The ASCII characters as East Asian writing has them, one column wide for each: `Ｂ`, `５`, `（`.
_FULL_WIDTH = {0xFF01 + place: 0x21 + place for place in range(94)} | {0x3000: 0x20}


def composed(text: str) -> str:
    """The text in Unicode's form NFC, so that `é` is one character, however it was written (UAX 15)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def halfwidth(text: str) -> str:
    """The text with its full-width letters, digits and marks as ASCII."""
    return text if text.isascii() else text.translate(_FULL_WIDTH)
