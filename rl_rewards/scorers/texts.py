"""The texts of references and answers, for scorers that compare text."""

from __future__ import annotations

from datetime import date, time
from numbers import Number
from typing import Any
from unicodedata import category

from rl_rewards.references import MissingReferenceError, is_whole_float, text_of

__all__ = ["answer_text", "has_content", "quoted", "reference_texts"]


def reference_texts(reference: Any) -> tuple[str, ...]:
    """The texts of a reference, any of which is right: of one value, or of each in a list; a tuple, for caches.

    A float that is a whole number has two: 12.0 is "12" and "12.0", since readers that guess types make floats of integers with a gap.

    Raises:
        MissingReferenceError: when the reference is an object, a date or time, or nothing but blanks.
    """
    if isinstance(reference, str):
        return (reference,)
    if isinstance(reference, (list, tuple)):
        texts = tuple(text for item in reference if item is not None for text in reference_texts(item) if text.strip())
        if not texts:
            raise MissingReferenceError(f"the reference has nothing but blanks in it: {reference!r:.80}")
        return texts
    if isinstance(reference, Number):  # numpy's, too
        return (text_of(reference), str(reference)) if is_whole_float(reference) else (str(reference),)
    if isinstance(reference, (date, time)):
        return (text_of(reference),)
    raise MissingReferenceError(f"a reference is text, a number or a list of them, found a {type(reference).__name__}: {reference!r:.80}")


def answer_text(answer: Any) -> str:
    """The text of an answer.

    Raises:
        TypeError: when the parser gave something else, such as an object: the scorer and the parser do not fit together.
    """
    if isinstance(answer, str):
        return answer
    raise TypeError(f"this scorer needs text, and the parser gave a {type(answer).__name__}: {answer!r:.80}")


def has_content(text: str) -> bool:
    """Whether a text has a character that is seen: not white space, nor a mark without width such as U+200B."""
    return any(not char.isspace() and category(char) not in _UNSEEN for char in text)


_UNSEEN = frozenset({"Cc", "Cf"})


def quoted(value: Any) -> str:
    """A value in quotes and cut to 80 characters, for the reason of a result; of the texts of a reference, the first or all."""
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else list(value)
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 80 else text[:77] + "...")
