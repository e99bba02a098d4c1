"""Reward functions as TRL calls them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rl_rewards.evaluation.aggregates import tally_of
from rl_rewards.evaluation.context import Record
from rl_rewards.evaluation.failure_watch import FailureWatch
from rl_rewards.evaluation.shared import SharedEvaluation
from rl_rewards.functions import FunctionScorer
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.trl.call import TrainerCall
from rl_rewards.trl.checks import check_call, check_functions
from rl_rewards.trl.evaluating import EvaluationAggregates
from rl_rewards.trl.left_out import leave_out_of_loss, note_scorable
from rl_rewards.trl.logs import log_components, log_details, log_numbers

__all__ = ["RewardFunction", "TotalRewardFunction", "reward_functions", "total_reward_function"]


def reward_functions(rubric: Rubric, record: Record | None = None) -> list[RewardFunction]:
    """The rubric's rewards as TRL reward functions, in order; `record` is given every evaluated batch."""
    scoring = _Scoring(rubric, record)
    return [RewardFunction(scoring, reward) for reward in rubric.rewards]


def total_reward_function(rubric: Rubric, record: Record | None = None) -> TotalRewardFunction:
    """The rubric as one reward function that returns weighted totals; `record` is given every evaluated batch."""
    return TotalRewardFunction(_Scoring(rubric, record, totals=True))


class _Scoring:
    """What the reward functions of one rubric share: the evaluation of a batch, the failure watch, and what was logged before."""

    def __init__(self, rubric: Rubric, record: Record | None, totals: bool = False) -> None:
        self.rubric = rubric
        self._totals = totals
        self.shared = SharedEvaluation(rubric, record)
        self._failures = FailureWatch(rubric)
        self._aggregates = EvaluationAggregates(rubric) if rubric.aggregates else None
        self._components: dict[str, set[str]] = {reward.name: set() for reward in rubric.rewards}
        self._needs_groups = any(reward.score.traits.needs_groups for reward in rubric.rewards)
        self._checked = False
        self._weights: list[float] | None = None  # of the trainer, when they were checked
        self._trainer: Any = None
        self._tokenizer: PolicyTokenizer | None = None
        self._details = "rewards/detail"
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[_Scoring], tuple[Rubric, Record | None, bool]]:
        return _Scoring, (self.rubric, self.shared.record, self._totals)

    def call(self, prompts: Any, completions: Any, completion_ids: Any, columns: dict[str, Any], extras: dict[str, Any]) -> TrainerCall:
        if completions is None:
            raise TypeError("a reward function needs `completions`, as a TRL trainer passes them")
        given = {name: value for name, value in extras.items() if value is not None}
        call = TrainerCall(prompts, completions, completion_ids, columns, given, self._needs_groups)
        with self._lock:
            another = call.trainer is not self._trainer
            if not self._checked or (another and call.trainer is not None):
                check_call(self.rubric, call, weighted=self._totals)
                self._checked, self._weights = True, _weights_of(call.trainer)
            elif (weights := _weights_of(call.trainer)) != self._weights:  # a callback's doing
                check_functions(self.rubric, call.trainer)
                self._weights = weights
            if another:
                self._failures = FailureWatch(self.rubric)  # each trainer has a count of its own
                self._trainer, self._tokenizer = call.trainer, PolicyTokenizer.of_trainer(call.trainer)
                self._details = _details_column(self.rubric, call.trainer)
                leave_out_of_loss(call.trainer)
                if self._aggregates is not None and call.trainer is not None:
                    self._aggregates.attach(call.trainer)
            call.tokenizer = self._tokenizer
        return call

    def evaluation(self, name: str, call: TrainerCall) -> Evaluation:
        """The evaluation of a call's batch; one that is new is counted and logged as a whole."""
        evaluation, new = self.shared.evaluation(name, call)
        if new:
            self._failures.count(evaluation)
            note_scorable(call.trainer, evaluation.scorable)
            if self._aggregates is not None and not call.training:
                self._aggregates.add(evaluation, call.rank, call.world_size)
            if (log_metric := call.extras.get("log_metric")) is not None:
                # A trainer averages over its processes.
                log_metric("rewards/unscorable_rows", float(evaluation.unscorable * call.world_size))
            # A trainer that shows no completions table keeps what it is given all the same.
            if (log_extra := call.extras.get("log_extra")) is not None and getattr(call.trainer, "log_completions", True):
                log_details(evaluation, self._details, log_extra)
        return evaluation

    def log(self, evaluation: Evaluation, name: str, call: TrainerCall) -> None:
        """Log one reward's numbers."""
        if (log_metric := call.extras.get("log_metric")) is not None:
            log_numbers(evaluation, name, tally_of(evaluation, name), log_metric, call.world_size)
            log_components(evaluation, name, log_metric, self._components[name], call.world_size)


def _details_column(rubric: Rubric, trainer: Any) -> str:
    """The column of the completions table for a rubric's details; each rubric of a trainer has one of its own."""
    ours = (_RubricFunction, Reward, FunctionScorer)
    # Rewards and functions that are there one by one are a rubric together.
    rubrics = {id(getattr(function, "_scoring", None)) for function in getattr(trainer, "reward_funcs", ()) if isinstance(function, ours)}
    return "rewards/detail" if len(rubrics) < 2 else f"{rubric.rewards[0].name}/detail"


def _weights_of(trainer: Any) -> list[float] | None:
    weights = getattr(trainer, "reward_weights", None)
    return None if weights is None else [float(weight) for weight in weights]


class _Step(NamedTuple):
    """What a trainer's state says of the step, for a caller that passes none."""

    global_step: int


class _RubricFunction(ABC):
    """What TRL calls: synchronous, picklable, with a unique `__name__`."""

    def __init__(self, scoring: _Scoring, name: str) -> None:
        self._scoring = scoring
        self.__name__ = name

    @property
    def rubric(self) -> Rubric:
        return self._scoring.rubric

    def __call__(
        self,
        /,
        prompts: Sequence[Any] | None = None,
        completions: Sequence[Any] | None = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        environments: Any = None,
        **columns: Sequence[Any],
    ) -> list[float | None]:
        """Score N completions.

        Args:
            prompts, completions: N strings, or N lists of messages.
            completion_ids: N lists of token ids.
            columns: the dataset's columns, N values each.

        Returns:
            N finite floats; None where the row has no score, or is unscorable since a weighted reward of the rubric failed there.

        Raises:
            RewardError: when the reward failed on more than the rubric's share of rows, its policy is `raise`, or the trainer's weights
                are not the rubric's.
            RubricDataError: when the dataset lacks a column.
            ValueError: when the lists differ in length.
        """
        extras = {"trainer_state": trainer_state, "log_extra": log_extra, "log_metric": log_metric, "environments": environments}
        return self._score(self._scoring.call(prompts, completions, completion_ids, columns, extras))

    @abstractmethod
    def _score(self, call: TrainerCall) -> list[float | None]: ...


class RewardFunction(_RubricFunction):
    """One reward of a rubric, as TRL calls it: synchronous, picklable, with a unique `__name__`.

    The reward functions of one rubric share an evaluation: the first that is called with a batch evaluates it, the others read.
    """

    def __init__(self, scoring: _Scoring, reward: Reward) -> None:
        super().__init__(scoring, reward.name)
        self.reward = reward

    def _score(self, call: TrainerCall) -> list[float | None]:
        evaluation = self._scoring.evaluation(self.__name__, call)
        self._scoring.log(evaluation, self.__name__, call)
        return evaluation.scores(self.__name__)

    def __repr__(self) -> str:
        return f"RewardFunction({self.__name__!r})"


class TotalRewardFunction(_RubricFunction):
    """A whole rubric as one reward function: the weighted total of each row, None where it is unscorable or has no score.

    Pickled into another process, where AsyncGRPOTrainer scores, it takes its record along, which writes a part of its own there.

    Attributes:
        evaluation: of the batch that was scored last.
        step: the step that the next batch belongs to, for callers without a trainer_state.
    """

    def __init__(self, scoring: _Scoring) -> None:
        super().__init__(scoring, "total")
        self.evaluation: Evaluation | None = None
        self.step: int | None = None

    def __reduce__(self) -> tuple[type[TotalRewardFunction], tuple[_Scoring]]:
        return TotalRewardFunction, (self._scoring,)

    def _score(self, call: TrainerCall) -> list[float | None]:
        if call.state is None and self.step is not None:
            call.state = _Step(self.step)
        names = [reward.name for reward in self.rubric.rewards]
        evaluation = self._scoring.evaluation(names[0], call)
        for name in names:
            if name != names[0]:
                self._scoring.shared.evaluation(name, call)  # read, so that an equal batch is evaluated anew
            self._scoring.log(evaluation, name, call)
        self.evaluation = evaluation
        return evaluation.totals()

    def __repr__(self) -> str:
        return f"TotalRewardFunction({self.rubric!r:.80})"
