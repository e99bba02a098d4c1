"""One reward's way through a batch: which rows it scores, and the column they make."""

from __future__ import annotations

from collections.abc import Sequence

from rl_rewards.pipeline.columns import RewardColumn
from rl_rewards.pipeline.duplicates import first_equal, repeated
from rl_rewards.pipeline.parsing import Parse
from rl_rewards.pipeline.runner import ScoringJob
from rl_rewards.reward import Reward
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["Share"]


class Share:
    """The rows of a batch that a reward scores, as a job, and its column when the job is done."""

    def __init__(self, reward: Reward, samples: Sequence[Sample], parse: Parse) -> None:
        self.reward = reward
        self._samples = samples
        self._rows: list[int] | None = None
        answers = self._answers = parse.answers() if reward.reads_answer else [None] * len(samples)
        self._failures = parse.failures if reward.reads_answer else {}
        if reward.when is not None or self._failures:
            self._rows = [i for i, sample in enumerate(samples) if i not in self._failures and reward.applies_to(sample.references)]
            samples, answers = [samples[i] for i in self._rows], [answers[i] for i in self._rows]
        self._first: list[int] | None = None
        traits = reward.score.traits
        if traits.pure and traits.per_sample:
            self._first = first_equal(samples, answers)
            kept = sorted(set(self._first))
            samples, answers = [samples[i] for i in kept], [answers[i] for i in kept]
        self.job = ScoringJob(reward.name, reward.runs, samples, answers)

    def column(self) -> RewardColumn:
        """The reward's column, before its gate and its failure policy."""
        reward = self.reward
        results = reward.all_checked(self.job.results)
        if self._first is not None:
            results = repeated(results, self._first)
        answers = self._answers
        if self._rows is not None:
            scored = dict(zip(self._rows, results, strict=True))
            results = [scored.get(i) or self._unscored(i) for i in range(len(self._samples))]
            answers = [answer if i in scored else None for i, answer in enumerate(answers)]
        raw = scores = [result.score for result in results]
        clipped = 0
        if reward.clip is not None:
            scores = [None if score is None else reward.clipped(score) for score in raw]
            clipped = sum(before != after for before, after in zip(raw, scores, strict=True))
        else:
            scores = raw.copy()
        return RewardColumn(reward, answers, results, raw, scores, self.job.seconds, clipped)

    def _unscored(self, row: int) -> EvaluateResult:
        if self.reward.applies_to(self._samples[row].references):
            return self._failures[row]
        return EvaluateResult.skip("the reward's `when` does not select this row")
