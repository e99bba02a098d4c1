"""What there is to choose from: labels (letters or digits) and, where the row has them, the options' texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any, NamedTuple

from rl_rewards.references import MissingReferenceError, is_whole_float
from rl_rewards.scorers.multiple_choice.tokens import key_of, tokens
from rl_rewards.unicode_text import composed, halfwidth

__all__ = ["Options", "options_of"]


class Options(NamedTuple):
    """The labels in order, and for each option's first word the word sequences that begin with it, longest first, with their label."""

    labels: str
    texts: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    label_of_text: Mapping[str, str]

    def label(self, reference: Any) -> str:
        """The label that a reference names: a label, an option's text, or a place from 0.

        Raises:
            MissingReferenceError: when it names none.
        """
        digits = self.labels.isdigit()
        if is_whole_float(reference):  # of a column of integers with a gap
            reference = int(reference)
        if isinstance(reference, int) and not isinstance(reference, bool):
            if digits:
                reference = str(reference)
            elif 0 <= reference < len(self.labels):
                return self.labels[reference]
        if isinstance(reference, str):
            label = halfwidth(reference).strip().strip("().[]").upper()
            if len(label) == 1 and label in self.labels:
                return label
            if found := self.label_of_text.get(_plain(reference)):
                return found
        rule = "a digit" if digits else "a letter or a place from 0"
        raise MissingReferenceError(f"the reference must be {rule} of {self.labels}, or an option's text, got {reference!r:.80}")


def options_of(value: Any, labels: str) -> Options:
    """The options that a column holds: a list of texts, {label: text}, or {"label": [...], "text": [...]}; None for labels alone.

    Raises:
        MissingReferenceError: when the column holds something else.
    """
    if value is None:
        return _made(labels, ())
    if isinstance(value, Mapping):
        if isinstance(value.get("label"), Sequence) and isinstance(value.get("text"), Sequence) and not isinstance(value["text"], str):
            pairs = list(zip(value["label"], value["text"], strict=True))
        else:
            pairs = [(label, text) for label, text in value.items() if text is not None]  # Arrow fills up with None
    elif isinstance(value, Sequence) and not isinstance(value, str):
        every = labels if len(value) <= len(labels) or not ascii_uppercase.startswith(labels) else ascii_uppercase
        if len(value) > len(every):
            raise MissingReferenceError(f"the options must be at most {len(every)}, one for each of {every}, got {len(value)}")
        pairs = list(zip(every, value))
    else:
        raise MissingReferenceError(f"the options must be a list of texts or an object of labels and texts, got {value!r:.80}")
    named = "".join(str(label).strip().upper() for label, _ in pairs)
    if len(named) != len(pairs) or len(named) < 2 or len(set(named)) < len(named) or not (named.isdigit() or named.isalpha()):
        raise MissingReferenceError(f"the options must have two or more different letters or digits, got {[label for label, _ in pairs]!r:.80}")
    return _made(named, tuple(str(text) for _, text in pairs))


@lru_cache(maxsize=1024)
def _made(labels: str, texts: tuple[str, ...]) -> Options:
    """Options, made once for all completions of a group. A text that two options share names neither."""
    of_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    keys = [tuple(key for token in tokens(composed(halfwidth(text))) if (key := key_of(token)) is not None) for text in texts]
    for label, words in zip(labels, keys):
        if words and keys.count(words) == 1:
            of_first.setdefault(words[0], []).append((words, label))
    plain = [_plain(text) for text in texts]
    label_of_text = {text: label for label, text in zip(labels, plain) if text and plain.count(text) == 1}
    return Options(labels, {first: tuple(sorted(found, key=lambda one: -len(one[0]))) for first, found in of_first.items()}, label_of_text)


def _plain(text: str) -> str:
    return " ".join(composed(halfwidth(text)).casefold().split()).strip(" .,;:!?\"'“”()[]*")
