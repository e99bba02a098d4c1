"""Scorers that compare an answer with what a template gives for the row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Number
from typing import Any

from rl_rewards.references import MissingReferenceError, Template
from rl_rewards.scorers.base import AnswerScorer, configured
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe


@configured
class TemplatedScorer(AnswerScorer):
    """A scorer that compares an answer with what a template gives for the row.

    A row whose reference is missing, empty or of no use is ours to answer for: outcome `error`, whatever the response says.
    """

    @property
    @abstractmethod
    def template(self) -> Template:
        """The template; one without placeholders gives its own text for every row."""

    @property
    def columns(self) -> frozenset[str]:
        return self.template.columns

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        value_of, compare, results = self.template.value, self.compare, []
        for sample, answer in zip(samples, answers, strict=True):
            try:
                value = value_of(sample)
                results.append(self.unparsed() if answer is None else compare(answer, value))
            except MissingReferenceError as missing:
                results.append(EvaluateResult.failure(Outcome.ERROR, str(missing)))
            except Exception as error:
                results.append(EvaluateResult.failure(Outcome.ERROR, describe(error)))
        return results

    def score_answer(self, answer: Any, sample: Sample) -> EvaluateResult:
        return self.compare(answer, self.template.value(sample))

    @abstractmethod
    def compare(self, answer: Any, value: Any) -> EvaluateResult:
        """The result for one answer, never None, and one value of the template, never empty.

        Raises:
            MissingReferenceError: when the value is of no use as a reference.
        """


def reference_texts(reference: Any) -> tuple[str, ...]:
    """The texts of a reference, any of which is right: of one value, or of each in a list; a tuple, for caches.

    Raises:
        MissingReferenceError: when the reference is an object, or nothing but blanks.
    """
    if isinstance(reference, str):
        return (reference,)
    if isinstance(reference, (list, tuple)):
        texts = tuple(text for item in reference if item is not None for text in reference_texts(item) if text.strip())
        if not texts:
            raise MissingReferenceError(f"the reference has nothing but blanks in it: {reference!r:.80}")
        return texts
    if isinstance(reference, Number):  # numpy's, too
        return (str(reference),)
    raise MissingReferenceError(f"a reference is text, a number or a list of them, found a {type(reference).__name__}: {reference!r:.80}")


def answer_text(answer: Any) -> str:
    """The text of an answer.

    Raises:
        TypeError: when the parser gave something else, such as an object: the scorer and the parser do not fit together.
    """
    if isinstance(answer, str):
        return answer
    raise TypeError(f"this scorer needs text, and the parser gave a {type(answer).__name__}: {answer!r:.80}")
