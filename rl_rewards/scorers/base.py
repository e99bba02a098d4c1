"""What every scorer is: a frozen, picklable value with `score(samples, answers) -> results`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from rl_rewards.configured import configured
from rl_rewards.failures import described_with_place, failure_of
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.reference import Reference, columns_of, path_of, value_of
from rl_rewards.scorers.timing import each_timed
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["AnswerScorer", "ReadsReferences", "ReferenceScorer", "RowScorer", "Scorer", "Traits", "configured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What the rest of the library must know of a scorer; one that wraps another forwards them with `dataclasses.replace`.

    Attributes:
        columns: names of the dataset columns that it reads: a missing one is reported before training starts.
        literals: texts of its options that are compared as they are, and so must not be the name of a column by mistake.
        reads_thinking: a reward without a parser hands this scorer the thinking, too: a format scorer looks at both.
        reads_answer: a score depends on the parsed answer: without one and without a parser of its own, a reward parses nothing.
        needs_groups: a score depends on the other completions to the same prompt.
        needs_token_ids: a score depends on `sample.completion_ids`.
        per_sample: each sample is scored by itself, so that an isolated one can be lost without its batch-mates.
        pure: a score follows from prompt, response, references and answer alone, and costs enough to score equal samples once.
        isolate: score in worker processes, also where the Reward does not say so.
        timeout: with isolate, seconds for one sample; None for the default.
        memory_mb: with isolate, what a worker may allocate, in MiB; None for the default.
        runs_in_workers: it starts processes of its own, so that `isolate` would start processes in processes.
        calls_server: it calls a server, with deadlines of its own; a worker has neither its keys nor its limits, so it cannot be isolated.
        holds_model: it loads a model, once in each process that scores with it: a process for each of a node's accelerators is enough.
        rewards: names of the rubric's other rewards whose scores it is computed from, by `combine`; nothing else is scored by it then.
    """

    columns: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    reads_thinking: bool = False
    reads_answer: bool = True
    needs_groups: bool = False
    needs_token_ids: bool = False
    per_sample: bool = False
    pure: bool = False
    isolate: bool = False
    timeout: float | None = None
    memory_mb: int | None = None
    runs_in_workers: bool = False
    calls_server: bool = False
    holds_model: bool = False
    rewards: frozenset[str] = frozenset()


class Scorer(ABC):
    """Stage 2 of a reward: a batch of samples and their parsed answers -> one result each, in order.

    Subclasses are declared with `@configured`; their first field is what the short form of a rubric file sets. `score` is all that one
    needs; the rest has defaults.
    """

    @property
    def traits(self) -> Traits:
        """What the rest of the library must know of it."""
        return Traits()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What its scores depend on that its options do not say, of JSON's types, for a run's record: such as the digest of a judge's prompt."""
        return {}

    @abstractmethod
    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Sequence[EvaluateResult]:
        """Score a batch.

        Args:
            samples: N samples.
            answers: N answers, `answers[i]` parsed from `samples[i]`; None where the parser found none.

        Returns:
            N results, in the samples' order. What this raises becomes outcome `error` for the whole batch, never a zero.
        """

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]] | None:
        """Start scoring a batch elsewhere: a worker pool, an event loop, a server. The rubric submits before it scores in the caller.

        Returns:
            A future of what `score` returns; None where the scorer runs in the caller, and `score` is to be called.
        """
        return None

    def combine(self, scores: Mapping[str, float]) -> EvaluateResult:
        """The result of one sample from the scores of the rewards that `traits.rewards` names, all of which have one there."""
        raise NotImplementedError(f"a {type(self).__name__} cannot be computed from other rewards' scores")

    def state_dict(self) -> Mapping[str, Any]:
        """What must be kept with a checkpoint for scores to go on as they were; empty for a scorer without a state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of `state_dict`.

        Raises:
            ValueError: when it is not a state of such a scorer.
        """
        if state:
            raise ValueError(f"a {type(self).__name__} has no state, got {sorted(state)}")


@runtime_checkable
class ReadsReferences(Protocol):
    """A scorer that can read a row's references before anything is scored."""

    def check_reference(self, sample: Sample) -> None:
        """Read a row's reference as scoring would.

        Raises:
            MissingReferenceError, ValueError: when it cannot be used.
        """


class RowScorer(Scorer):
    """A scorer that looks at one answer at a time: it owns the loop, so that a new one is its `target` and its `score_answer`."""

    @property
    def traits(self) -> Traits:
        return Traits(per_sample=True)

    def target(self, sample: Sample) -> Any:
        """What the row's answer is compared with; None for a scorer that looks at the answer alone.

        Raises:
            MissingReferenceError: when the row has nothing of use. Our failure: outcome `error`, whatever the response is.
        """
        return None

    @property
    def reference_path(self) -> tuple[str, ...]:
        """The column that most of its target is read from, and the keys in it; empty where no column is that."""
        return ()

    def check_reference(self, sample: Sample) -> None:
        """Read a row's reference as scoring would, before anything is scored.

        Raises:
            MissingReferenceError, ValueError: when it cannot be used.
        """
        self.target(sample)

    @abstractmethod
    def score_answer(self, answer: Any, target: Any, sample: Sample) -> Any:
        """The EvaluateResult of one answer, which is never None, and the row's target.

        A scorer that needs the whole batch for it (one call of a model, of a worker pool) returns a value of its own here, and its
        `score` makes results of `score_row`'s values.

        Raises:
            MissingReferenceError: when the target turns out to be of no use.
        """

    @abstractmethod
    def unparsed(self) -> EvaluateResult:
        """The result of a response without an answer (None), which is the policy's fault."""

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return each_timed(self.score_row, samples, answers)

    def score_row(self, sample: Sample, answer: Any) -> Any:
        """What `score_answer` returns for one sample, or its result where nothing is to be scored.

        What the target or the scoring raises costs this row, not the batch.
        """
        try:
            try:
                target = self.target(sample)
            except MissingReferenceError:
                raise
            except (ValueError, TypeError, LookupError) as error:  # what reading something else than it expects runs into
                raise MissingReferenceError(described_with_place(error)) from error
            return self.unparsed() if answer is None else self.score_answer(answer, target, sample)
        except MissingReferenceError as missing:
            missing.path = missing.path or self.reference_path
            return failure_of(missing)
        except MemoryError:  # a worker's limit, which its owner reports
            raise
        except BaseException as error:
            return failure_of(error)


@configured
class AnswerScorer(RowScorer):
    """A scorer of right and wrong answers; no answer scores like a wrong one."""

    correct: float = field(default=1.0, kw_only=True)
    """Score of a right answer."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of a wrong answer, and of a response without one."""

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)

    def verdict(self, right: bool, reason: str | None = None) -> EvaluateResult:
        return EvaluateResult(self.correct if right else self.wrong, reason)


@configured
class ReferenceScorer(AnswerScorer):
    """A scorer that compares an answer with the row's reference.

    A row whose reference is missing or empty is our failure: outcome `error`, whatever the response is, never a full score.
    """

    reference: str | Reference
    """The dataset column that holds the reference, a template such as "{{references.answer}}", or {column: ..., parse: ...}."""

    def __post_init__(self) -> None:
        value_of(self.reference)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, columns=columns_of(self.reference))

    @property
    def reference_path(self) -> tuple[str, ...]:
        return path_of(self.reference)

    def target(self, sample: Sample) -> Any:
        return value_of(self.reference)(sample)
