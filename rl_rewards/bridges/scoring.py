"""What every bridge has in common: a rubric, checked against what its caller can do, that scores rows and says why one has no score."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence

from rl_rewards.bridges.caller import Caller, check_bridge
from rl_rewards.bridges.scored_row import ScoredRow, failure_of_row, scored_rows
from rl_rewards.bridges.unscorable import Policy, Substitutes
from rl_rewards.checks import check_columns
from rl_rewards.evaluation.failure_watch import FailureWatch
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.reward import Reward, RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.target import load_target
from rl_rewards.scorers.function import Function
from rl_rewards.scorers.lambda_handler import LambdaHandler
from rl_rewards.types import Sample

__all__ = ["RubricScoring"]


class RubricScoring:
    """A rubric as a trainer without TRL's call asks for it. Safe to use from several threads, picklable.

    Args:
        rubric: a Rubric, a rubric file, or `module:name` of one.
        caller: what the trainer can do.
        unscorable: what it gets for a row without a score: raise, drop_group or group_mean.

    Attributes:
        columns_read: names of the columns that the rubric's rewards read.
        is_quick: whether its rewards are rules of the library's own, which an event loop need not leave to a thread.

    Raises:
        OSError, RubricFileError, LoadError: when the rubric cannot be read.
        BridgeError: a policy that is unknown, or that the trainer cannot carry out; a reward that needs what the trainer does not hand over.
        RubricDataError: when every weight is 0.
    """

    def __init__(self, rubric: Rubric | str | os.PathLike[str], caller: Caller, unscorable: str = "raise") -> None:
        self.rubric = rubric if isinstance(rubric, Rubric) else load_target(os.fspath(rubric))
        self.caller = caller
        self.unscorable: Policy = check_bridge(self.rubric, caller, unscorable)
        self.columns_read = self.rubric.columns
        self.is_quick = all(map(_is_quick, self.rubric.rewards))
        self._failures = FailureWatch(self.rubric)
        self._substitutes = Substitutes()
        self._checked = False
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[RubricScoring], tuple[Rubric, Caller, str]]:
        return RubricScoring, (self.rubric, self.caller, self.unscorable)

    def score(self, samples: Sequence[Sample]) -> list[ScoredRow]:
        """Score N samples.

        Raises:
            RewardError: a reward with `on_error: raise` failed, or one failed on more than the rubric's `max_error_rate`; with `unscorable`
                raise, a row without a total.
            RubricDataError: when the first row lacks a column that the rubric reads.
        """
        self.check(samples)
        evaluation = self.rubric.evaluate(samples)
        self._count(evaluation)
        return scored_rows(evaluation)

    async def score_aio(self, samples: Sequence[Sample]) -> list[ScoredRow]:
        """`score` for an event loop: in a thread, unless it takes less than handing it to one would."""
        return self.score(samples) if self.is_quick else await asyncio.to_thread(self.score, samples)

    def columns(self, evaluation: Evaluation) -> dict[str, list[float | None]]:
        """Every reward's N scores of a batch that the caller had evaluated, with a substitute in weighted ones where a row has no score.

        Raises:
            RewardError: as `score`; when no row has had a score yet.
        """
        self._count(evaluation)
        scores = {name: evaluation.scores(name) for name in evaluation.columns}
        if self.unscorable == "raise":
            return scores
        weighted = [reward.name for reward in self.rubric.rewards if reward.weight != 0]
        scorable = [total is not None for total in evaluation.totals()]
        groups = [sample.group for sample in evaluation.samples]
        return scores | dict(
            zip(weighted, self._substitutes.fill([scores[name] for name in weighted], scorable, groups, self.unscorable), strict=True)
        )

    def totals(self, rows: Sequence[ScoredRow], groups: Sequence[int | None]) -> list[float]:
        """The totals of N rows, with a substitute where one has none.

        Raises:
            RewardError: when no row has had a score yet.
        """
        totals: list[float | None] = [row.total for row in rows]
        if self.unscorable != "raise":
            (totals,) = self._substitutes.fill([totals], [total is not None for total in totals], groups, self.unscorable)
        return [total for total in totals if total is not None]

    def check(self, samples: Sequence[Sample]) -> None:
        """Check the columns of a run's first row; a reward with `when` may belong to rows of another kind.

        Raises:
            RubricDataError: naming the rewards, the columns that they miss, and those that exist.
        """
        if self._checked or not samples:
            return
        there = set(samples[0].references)
        if any(reward.columns - there for reward in self.rubric.rewards if reward.when is None):
            check_columns(self.rubric, there)
        self._checked = True

    def _count(self, evaluation: Evaluation) -> None:
        """Count failures; with `unscorable` raise, raise where a row has no total."""
        with self._lock:
            self._failures.count(evaluation)
        if self.unscorable == "raise":
            for i, total in enumerate(evaluation.totals()):
                if total is None:
                    outcome, reason = failure_of_row(evaluation, i)
                    raise RewardError(f"a row has no score (outcome {outcome!r}): {reason}; {self._remedy()}")

    def _remedy(self) -> str:
        if (others := [policy for policy in self.caller.policies if policy != "raise"]) and self.unscorable == "raise":
            return f"{self.caller.name} cannot express that; `unscorable` may be {' or '.join(others)} instead of raise"
        return f"{self.caller.name} cannot express that; `on_error: NUMBER` in the rubric gives such rows a score"


def _is_quick(reward: Reward) -> bool:
    scorer, traits = reward.score, reward.score.traits
    own = type(scorer).__module__.startswith("rl_rewards.scorers.") and not isinstance(scorer, (Function, LambdaHandler))
    elsewhere = traits.calls_server or traits.runs_in_workers or traits.isolate or traits.pure or reward.isolate or hasattr(scorer, "load")
    return own and not elsewhere and type(reward.reader).__module__.startswith("rl_rewards.parsers.")
