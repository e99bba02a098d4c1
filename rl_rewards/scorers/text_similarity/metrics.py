"""How alike two texts are, from 0 to 1, by the metrics of OpenAI's text_similarity grader.

Its guide names the metrics and one library (rapidfuzz). What it leaves open is decided here: which scorer, which words, which smoothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, get_args

from rl_rewards.scorers.text_similarity.tokens import bleu_words, rouge_words

__all__ = ["METRICS", "Metric", "MetricName"]

MetricName = Literal["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l", "cosine"]
"""The names of the metrics; cosine compares embeddings and is computed by a model."""


@dataclass(frozen=True)
class Metric:
    """A metric of two texts.

    Attributes:
        similarity: (answer, reference) -> how alike they are, from 0 to 1.
        lacks: reference -> what it lacks to be compared with by this metric; None where it lacks nothing.
        modules: the modules that it needs.
    """

    similarity: Callable[[str, str], float]
    lacks: Callable[[str], str | None]
    modules: tuple[str, ...]


def _fuzzy_match(answer: str, reference: str) -> float:
    """rapidfuzz's `ratio`: 2 * (longest common subsequence) / (sum of lengths), in characters."""
    from rapidfuzz import fuzz

    return fuzz.ratio(answer, reference) / 100


def _bleu(answer: str, reference: str) -> float:
    """sacrebleu's sentence BLEU: effective order, exponential smoothing (Chen and Cherry 2014, method 3; Post 2018, 1804.08771)."""
    return min(1.0, _sacrebleu().sentence_score(" ".join(bleu_words(answer)), [" ".join(bleu_words(reference))]).score / 100)


@cache
def _sacrebleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="none", effective_order=True)


def _gleu(answer: str, reference: str) -> float:
    """nltk's sentence GLEU (Wu et al. 2016, 1609.08144): the smaller of precision and recall of all 1- to 4-grams."""
    from nltk.translate.gleu_score import sentence_gleu

    return float(sentence_gleu([bleu_words(reference)], bleu_words(answer)))


def _meteor(answer: str, reference: str) -> float:
    """nltk's METEOR (Banerjee and Lavie 2005): exact, stemmed and WordNet's matches; alpha 0.9, beta 3, gamma 0.5.

    Of equal texts it is 1 - 0.5 / n^3 for n words. Synonyms are looked up for stems, as nltk does: "auto" is a "car", "automobile" is not.
    """
    from nltk.translate.meteor_score import single_meteor_score

    from rl_rewards.scorers.text_similarity.wordnet import wordnet

    lookup: Any = wordnet()
    return float(single_meteor_score(bleu_words(reference), bleu_words(answer), wordnet=lookup))


def _rouge_n(n: int, answer: str, reference: str) -> float:
    """rouge-score's F1 of n-grams (Lin 2004), without stemming."""
    return float(_rouge_scorer(n).score(reference, answer)[f"rouge{n}"].fmeasure)


@cache
def _rouge_scorer(n: int) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([f"rouge{n}"], tokenizer=_RougeWords())


class _RougeWords:
    """Our words in rouge-score's interface."""

    def tokenize(self, text: str) -> list[str]:
        return rouge_words(text)


def _rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004). rouge-score's own takes time in the product of the lengths, in Python."""
    from rapidfuzz.distance import LCSseq

    found, gold = rouge_words(answer), rouge_words(reference)
    return 2 * LCSseq.similarity(found, gold) / (len(found) + len(gold)) if found and gold else 0.0


def _no_text(reference: str) -> str | None:
    return None if reference.strip() else "text"


def _too_few(words: Callable[[str], Sequence[str]], least: int, reference: str) -> str | None:
    return None if len(words(reference)) >= least else "a word" if least == 1 else f"{least} words, for {least}-grams to compare"


_OF_WORDS = partial(_too_few, bleu_words, 1)
METRICS: dict[str, Metric] = {
    "fuzzy_match": Metric(_fuzzy_match, _no_text, ("rapidfuzz",)),
    "bleu": Metric(_bleu, _OF_WORDS, ("sacrebleu",)),
    "gleu": Metric(_gleu, _OF_WORDS, ("nltk", "sacrebleu")),
    "meteor": Metric(_meteor, _OF_WORDS, ("nltk", "sacrebleu")),
    **{f"rouge_{n}": Metric(partial(_rouge_n, n), partial(_too_few, rouge_words, n), ("rouge_score",)) for n in range(1, 6)},
    "rouge_l": Metric(_rouge_l, partial(_too_few, rouge_words, 1), ("rapidfuzz",)),
}
"""Name -> metric, but for cosine."""
assert METRICS.keys() | {"cosine"} == set(get_args(MetricName))
