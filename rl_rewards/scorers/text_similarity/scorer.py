"""OpenAI's text_similarity grader, as a scorer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import AliasChoices, Field

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.embedding import CosineSimilarity
from rl_rewards.scorers.graders.comparing import ComparingGrader
from rl_rewards.scorers.text_similarity.metrics import METRICS, MetricName
from rl_rewards.scorers.texts import quoted
from rl_rewards.types import EvaluateResult, Outcome, Sample
from rl_rewards.user_errors import require

__all__ = ["TextSimilarity"]


@configured
class TextSimilarity(ComparingGrader):
    """Scores how alike the answer and the reference are, from 0 to 1, as OpenAI's text_similarity grader does; of a list, the nearest one.

    fuzzy_match: rapidfuzz's ratio of characters. bleu: sacrebleu's sentence BLEU. gleu: nltk's sentence GLEU. meteor: nltk's METEOR, which
    needs WordNet. rouge_1 to rouge_5, rouge_l: F1 of n-grams, and of the longest common subsequence of words. cosine: the cosine of
    embeddings by `model`, from -1 to 1. The score is wrong + similarity * (correct - wrong). A reference with too few words for a metric,
    such as two for rouge_3, is an error: nothing could be right. A text that the embedding model cuts has component `overflow` 1.

    Raises:
        ValueError: for cosine without a model, a model without cosine, or meteor where there is no WordNet.
        ImportError: when the metric's library is not installed.
    """

    metric: MetricName = Field(default="fuzzy_match", validation_alias=AliasChoices("metric", "evaluation_metric"), kw_only=True)
    """How alikeness is measured. Also called evaluation_metric."""
    model: str | None = field(default=None, kw_only=True)
    """For cosine: hub id, or directory of a transformers or sentence-transformers model."""
    pass_threshold: float | None = field(default=None, kw_only=True)
    """Component `passed` is 1 from this score on; the score is not changed by it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric == "cosine":
            if not self.model:
                raise ValueError("metric cosine must name its embedding model: add `model`, a directory or a hub id")
            require("metric cosine", "torch", "transformers")
            return
        if self.model is not None:
            raise ValueError(f"model is for metric cosine alone, got it with {self.metric!r}")
        require(f"metric {self.metric}", *METRICS[self.metric].modules)
        if self.metric == "meteor":
            from rl_rewards.scorers.text_similarity.wordnet import wordnet_place

            wordnet_place()

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        rows: list[Any] = super().score(samples, answers)
        return self._embedded(rows) if self.metric == "cosine" else rows

    def compare(self, found: str, references: tuple[str, ...]) -> Any:
        if not found.strip():  # embeddings of nothing are like something
            return EvaluateResult(self.wrong, "nothing to compare", outcome=Outcome.UNPARSED)
        if self.metric == "cosine":
            return _Pair(found, references)
        metric = METRICS[self.metric]
        lacking = [metric.lacks(reference) for reference in references]
        usable = [reference for reference, lack in zip(references, lacking, strict=True) if lack is None]
        if not usable:
            raise MissingReferenceError(f"the reference {quoted(references)} lacks {lacking[0]}: {self.metric} cannot compare with it")
        return self._result(max(metric.similarity(found, reference) for reference in usable))

    def _result(self, similarity: float) -> EvaluateResult:
        score = self.wrong + similarity * (self.correct - self.wrong)
        metrics = {} if self.pass_threshold is None else {"passed": float(score >= self.pass_threshold)}
        return EvaluateResult(score, None if similarity == 1.0 else f"{self.metric} {similarity:.4g}", metrics)

    def _embedded(self, rows: list[Any]) -> list[EvaluateResult]:
        """The results of a batch by embeddings, made in one pass of the model."""
        texts: list[str] = []
        keep: list[bool] = []
        for row in rows:
            if isinstance(row, _Pair):
                texts += [row.found, *row.references]
                keep += [False, *(True for _ in row.references)]
        if not texts:
            return rows
        assert self.model is not None
        embeddings, cut = CosineSimilarity("reference", self.model).load()(texts, keep)
        results, place = [], 0
        for row in rows:
            if isinstance(row, _Pair):
                end = place + 1 + len(row.references)
                cosine = max(float(embeddings[place] @ embeddings[other]) for other in range(place + 1, end))
                row = self._of_cosine(cosine, any(cut[place:end]))
                place = end
            results.append(row)
        return results

    def _of_cosine(self, cosine: float, overflow: bool) -> EvaluateResult:
        if not math.isfinite(cosine):
            return EvaluateResult.failure(Outcome.ERROR, f"the embedding model {self.model!r} returned numbers that are not finite")
        result = self._result(max(-1.0, min(1.0, cosine)))  # rounding may lead beyond
        result.metrics["overflow"] = float(overflow)
        return result


@dataclass(frozen=True)
class _Pair:
    """Texts that are to be embedded."""

    found: str
    references: tuple[str, ...]
