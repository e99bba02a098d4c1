"""Words compared with the reference's words, in the tradition of SQuAD's evaluation (1606.05250)."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from string import punctuation
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.scorers.base import ReferenceScorer
from rl_rewards.scorers.texts import answer_text, quoted, reference_texts
from rl_rewards.scorers.word_units import word_units
from rl_rewards.types import EvaluateResult, Sample
from rl_rewards.unicode_text import composed

_PUNCTUATION = punctuation + "“”‘’„«»‹›–—−…¿¡"
_NO_PUNCTUATION = str.maketrans("", "", _PUNCTUATION)
_ARTICLES = frozenset({"a", "an", "the"})
_LETTER_WITH_SIGNS = re.compile(r"[^\w\s]{0,8}([^\W\d_](?:\+{1,2}|#))[^\w\s]{0,8}")  # C++, C#, A+: what names them is not C or A


@configured
class ExactMatch(ReferenceScorer):
    """Scores whether the answer has the reference's words, or those of any one of a list.

    Capitals, punctuation, articles and white space do not count. Other than in SQuAD's script, numbers keep their sign and their point,
    an article is one only before another word, and a letter keeps its + and #, so that "A", "Vitamin A", "-5", "3.14" and "C++" stay what they are.
    """

    def target(self, sample: Sample) -> tuple[str, ...]:
        return reference_texts(super().target(sample))

    def score_answer(self, answer: Any, target: tuple[str, ...], sample: Sample) -> EvaluateResult:
        found = _words(answer_text(answer))
        if any(found == gold for gold in _gold(target)):
            return EvaluateResult(self.correct)
        return EvaluateResult(self.wrong, f"{quoted(answer)} is not {quoted(target)}")


@configured
class TokenF1(ReferenceScorer):
    """Scores how many words the answer and the reference share: F1 of their bags of words, the best one over a reference that is a list.

    F1 = 2 p r / (p + r), where precision p is the shared part of the answer's words and recall r that of the reference's; words are made
    as in `exact_match`, and of scripts without spaces (Chinese, Japanese, Thai, ...) each letter is one. The score is wrong + F1 * (correct - wrong), this sample's own F1, so that a mean of scores is a mean of F1s.
    """

    def target(self, sample: Sample) -> tuple[str, ...]:
        return reference_texts(super().target(sample))

    def score_answer(self, answer: Any, target: tuple[str, ...], sample: Sample) -> EvaluateResult:
        found = _words(answer_text(answer))
        f1, precision, recall = max(_f1(found, gold) for gold in _gold(target))
        reason = None if f1 == 1.0 else f"{quoted(answer)} has F1 {f1:.3g} with {quoted(target)}"
        return EvaluateResult(self.wrong + f1 * (self.correct - self.wrong), reason, {"precision": precision, "recall": recall})


def _f1(found: tuple[str, ...], gold: tuple[str, ...]) -> tuple[float, float, float]:
    shared = (Counter(found) & Counter(gold)).total()
    if not shared:
        return 0.0, 0.0, 0.0
    precision, recall = shared / len(found), shared / len(gold)
    return 2 * precision * recall / (precision + recall), precision, recall


@lru_cache(maxsize=65536)
def _gold(texts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(_words(text) for text in texts)


def _words(text: str) -> tuple[str, ...]:
    """The words of a text, normalised; of a text without any (`+`, `?!`), what is there as one word."""
    if text.isalnum() and text.isascii():
        return (text.casefold(),)
    words = [word for token in word_units(composed(text).casefold()) if (word := _word(token))]
    last = len(words) - 1
    return tuple(word for place, word in enumerate(words) if place == last or word not in _ARTICLES) or tuple(text.split())


def _word(token: str) -> str:
    """A token without its punctuation; a number keeps its sign and what is between digits (3.14, 1/2, 12:30) but thousands commas."""
    if token.isalnum():
        return token
    bare = token.strip(_PUNCTUATION)
    if not (bare[:1].isdigit() or bare[-1:].isdigit()):
        kept = _LETTER_WITH_SIGNS.fullmatch(token)
        return kept[1] if kept is not None else token.translate(_NO_PUNCTUATION)
    before = token[: token.index(bare)]
    sign = "-" if bare[0].isdigit() and ("-" in before or "−" in before) else ""
    point = "0." if bare[0].isdigit() and before.endswith(".") and not before.endswith("..") else ""
    return sign + point + "".join(char for place, char in enumerate(bare) if char not in _PUNCTUATION or _in_number(bare, place))


def _in_number(token: str, place: int) -> bool:
    """Whether the punctuation at `place`, never the first or last of the token, is part of a number, and not just easier to read."""
    if not (token[place - 1].isdigit() and token[place + 1].isdigit()):
        return False
    if token[place] == ",":
        group = token[place + 1 : place + 5]
        return not (len(group) >= 3 and group[:3].isdigit() and not group[3:].isdigit())
    return token[place] in "./:-"
