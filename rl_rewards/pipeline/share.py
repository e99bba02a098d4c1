"""One reward's way through a batch: which rows it scores, and the column they make."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rl_rewards.failures import failure_of
from rl_rewards.pipeline.columns import RewardColumn
from rl_rewards.pipeline.duplicates import first_equal, repeated
from rl_rewards.pipeline.parsing import Parse
from rl_rewards.pipeline.runner import ScoringJob
from rl_rewards.reward import Reward
from rl_rewards.types import EvaluateResult, Outcome, Sample

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
            self._rows = [i for i, sample in enumerate(samples) if i not in self._failures and reward.selects(sample)]
            samples, answers = [samples[i] for i in self._rows], [answers[i] for i in self._rows]
        self._first: list[int] | None = None
        traits = reward.score.traits
        if traits.pure and traits.per_sample and not traits.needs_groups:
            self._first = first_equal(samples, answers)
            kept = sorted(set(self._first))
            samples, answers = [samples[i] for i in kept], [answers[i] for i in kept]
        self.job = ScoringJob(reward.name, reward.runs, samples, answers)

    @property
    def combines(self) -> bool:
        """Whether its scores are computed from other rewards' columns, and its job is not to be run."""
        return bool(self.reward.score.traits.rewards)

    def combined(self, columns: Mapping[str, RewardColumn]) -> RewardColumn:
        """The column of a reward that is computed from others, which have been through their gates and policies."""
        start = time.perf_counter()
        rows = range(len(self._samples)) if self._rows is None else self._rows
        used = {name: columns[name] for name in sorted(self.reward.score.traits.rewards)}
        self.job.results = [self._of_row(used, row) for row in rows]
        self.job.seconds = time.perf_counter() - start
        return self.column()

    def _of_row(self, used: Mapping[str, RewardColumn], row: int) -> EvaluateResult:
        """One row's result: failed where a reward that it needs has failed, skipped where one does not apply."""
        results = {name: column.results[row] for name, column in used.items()}
        for name, result in results.items():
            if result.failed:
                return EvaluateResult.failure(Outcome.ERROR, f"reward {name!r}, which it is computed from, failed here: {result.error}", result.cause)
        skipped = [name for name, result in results.items() if result.outcome is Outcome.SKIPPED]
        if skipped:
            return EvaluateResult.skip(f"reward {skipped[0]!r}, which it is computed from, does not apply to this row")
        try:
            return self.reward.score.combine({name: score for name, column in used.items() if (score := column.scores[row]) is not None})
        except BaseException as error:
            return failure_of(error)

    def by_row(self) -> list[EvaluateResult | None]:
        """The job's results by the batch's rows, of a reward that compares groups; None for rows that it does not score."""
        found: list[EvaluateResult | None] = [None] * len(self._samples)
        for row, result in zip(range(len(found)) if self._rows is None else self._rows, self.job.results, strict=True):
            found[row] = result
        return found

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
        if self.reward.selects(self._samples[row]):
            return self._failures[row]
        return EvaluateResult.skip("the reward's `when` does not select this row")
