"""What single reward models and ensembles have in common: raw scores, then their shaping."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.reward_model.shaping import RunningMoments, Shaping
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample


@configured
class ShapedScorer(Scorer):
    """A scorer whose raw scores are shaped; a shaped result has the raw score as component `raw`."""

    shape: Shaping = field(default_factory=Shaping, kw_only=True)
    """What is done to the score; nothing by default."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_moments", RunningMoments())

    @abstractmethod
    def raw(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        """Unshaped results, one for each sample."""

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        if self.shape == Shaping():
            return self.raw(samples, answers)
        references = [self._reference(sample) for sample in samples]
        extra = [(place, reference) for place, reference in enumerate(references) if isinstance(reference, Sample)]
        # References go through the model with the batch: they share their prompts with it.
        batch = self.raw([*samples, *(sample for _, sample in extra)], [*answers, *(sample.whole for _, sample in extra)])
        results = batch[: len(samples)]
        for (place, _), result in zip(extra, batch[len(samples) :], strict=True):
            references[place] = result if result.score is None else result.score
        for place, reference in enumerate(references):
            if isinstance(reference, EvaluateResult) and results[place].score is not None:
                told = f"no score of the reference: {reference.error or reference.reason}"
                results[place] = EvaluateResult.failure(Outcome.ERROR, told, reference.cause)
        scored = [place for place, result in enumerate(results) if result.score is not None]
        shaped = self.shape.shaped(
            [results[place].score for place in scored],
            [references[place] for place in scored],
            [samples[place].group for place in scored],
            self._moments,
        )
        for place, value in zip(scored, shaped, strict=True):
            results[place].metrics = {**results[place].metrics, "raw": MetricResult(results[place].score)}
            results[place].score = value
        return results

    @property
    def traits(self) -> Traits:
        return Traits(
            columns=frozenset() if self.shape.column is None else column_template(self.shape.column).columns,
            reads_thinking=True,
            needs_groups=self.shape.normalize == "group",
        )

    def state_dict(self) -> dict[str, Any]:
        """The running mean and standard deviation, of this process; empty where they are not used."""
        return self._moments.state_dict() if self.shape.normalize == "running" else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            ValueError: when it is not a state of such a scorer.
        """
        if self.shape.normalize == "running":
            self._moments.load_state_dict(state)
        elif state:
            raise ValueError(f"a scorer without `normalize: running` has no state; got {sorted(state)}")

    def _reference(self, sample: Sample) -> float | Sample | EvaluateResult:
        """What is subtracted for a sample: a number, a response still to be scored, or why there is neither."""
        if self.shape.column is None:
            return self.shape.reference or 0.0
        try:
            value = column_template(self.shape.column).value(sample)
        except MissingReferenceError as missing:
            return failure_of(missing)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        if isinstance(value, str):
            return Sample(sample.prompt, value, value, sample.references)
        found = f"{type(value).__name__}: {value!r:.80}"
        return failure_of(
            MissingReferenceError(f"a reference is a response or its raw score, got {found}", column_template(self.shape.column).whole or ())
        )
