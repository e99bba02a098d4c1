"""What every scorer is: a frozen, picklable value with `score(samples, answers) -> results`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe

__all__ = ["AnswerScorer", "ReferenceScorer", "Scorer", "configured"]


class Scorer(ABC):
    """Stage 2 of a reward: a batch of samples and their parsed answers -> one result each, in order.

    Subclasses are declared with `@configured`; their first field is what the short form of a rubric file sets. One that does not run in
    the caller (a worker pool, an event loop, HTTP) also has `submit(samples, answers) -> concurrent.futures.Future` of the same list:
    the rubric submits those first and scores the others meanwhile.
    """

    @abstractmethod
    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Sequence[EvaluateResult]:
        """Score a batch.

        Args:
            samples: N samples.
            answers: N answers, `answers[i]` parsed from `samples[i]`; None where the parser found none.

        Returns:
            N results, in the samples' order. What this raises becomes outcome `error` for the whole batch, never a zero.
        """

    @property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that this scorer reads, so that a missing one is reported before training starts."""
        return frozenset()

    @property
    def needs_groups(self) -> bool:
        """Whether a score depends on the other completions to the same prompt."""
        return False

    @property
    def needs_token_ids(self) -> bool:
        """Whether a score depends on `sample.completion_ids`."""
        return False

    @property
    def reads_thinking(self) -> bool:
        """Whether a reward without a parser hands this scorer the thinking, too: a format scorer looks at both."""
        return False

    @property
    def per_sample(self) -> bool:
        """Whether each sample is scored by itself, so that an isolated one can be lost without its batch-mates."""
        return False

    @property
    def pure(self) -> bool:
        """Whether a score follows from prompt, response, references and answer alone, and costs enough to score equal samples once."""
        return False


@configured
class AnswerScorer(Scorer):
    """A scorer that looks at one answer at a time: it owns the loop, so that a new one is its `score_answer`.

    No answer (None) is the policy's fault: outcome `unparsed`, with the wrong-answer score.
    """

    correct: float = field(default=1.0, kw_only=True)
    """Score of a right answer."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of a wrong answer, and of a response without one."""

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        score_answer, results = self.score_answer, []
        for sample, answer in zip(samples, answers, strict=True):
            try:
                results.append(self.unparsed() if answer is None else score_answer(answer, sample))
            except MemoryError:  # a worker's limit, which is for the worker's owner to tell
                raise
            except Exception as error:  # one bad row costs one row, not the batch
                results.append(EvaluateResult.failure(Outcome.ERROR, describe(error)))
        return results

    @property
    def per_sample(self) -> bool:
        return True

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)

    def verdict(self, right: bool, reason: str | None = None) -> EvaluateResult:
        return EvaluateResult(self.correct if right else self.wrong, reason)

    @abstractmethod
    def score_answer(self, answer: Any, sample: Sample) -> EvaluateResult:
        """The result for one answer, which is never None."""


@configured
class ReferenceScorer(AnswerScorer):
    """A scorer that compares an answer with the row's reference.

    A row whose reference is missing or empty is ours to answer for: outcome `error`, whatever the response says, never a full score.
    """

    reference: str
    """The dataset column that holds the reference, or a template such as "{{references.answer}}"."""

    def __post_init__(self) -> None:
        column_template(self.reference)

    @property
    def columns(self) -> frozenset[str]:
        return column_template(self.reference).columns

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        value_of, results = column_template(self.reference).value, []
        for sample, answer in zip(samples, answers, strict=True):
            try:
                reference = value_of(sample)
                results.append(self.unparsed() if answer is None else self.compare(answer, reference, sample))
            except MissingReferenceError as missing:
                results.append(EvaluateResult.failure(Outcome.ERROR, str(missing)))
            except MemoryError:
                raise
            except Exception as error:
                results.append(EvaluateResult.failure(Outcome.ERROR, describe(error)))
        return results

    def score_answer(self, answer: Any, sample: Sample) -> EvaluateResult:
        return self.compare(answer, column_template(self.reference).value(sample), sample)

    @abstractmethod
    def compare(self, answer: Any, reference: Any, sample: Sample) -> EvaluateResult:
        """The result for one answer and one reference, neither of which is empty."""
