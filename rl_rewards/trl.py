"""TRL's call <-> samples and results: the only file that knows how a trainer calls a reward function.

Written to TRL 1.16 (`GRPOTrainer._calculate_rewards`): everything by keyword, lists of the rank's batch; RLOO, OnlineDPO and the async
GRPO trainer pass a subset, so everything but the completions is optional.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.checks import check_columns
from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.reward import Reward, RewardError, component_scores
from rl_rewards.rubric import RewardColumn, Rubric, RubricResult
from rl_rewards.types import EvaluateResult, Outcome, Sample, response_of

# Longest text of a parsed answer or reason in the completions table, in characters; the record of a run keeps them whole.
_TABLE_TEXT = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Where in a run an evaluated batch belongs.

    Attributes:
        step: optimiser steps taken before it; None outside training.
        rank: the process that scored it.
        training: False for an evaluation batch.
    """

    step: int | None
    rank: int
    training: bool


Record = Callable[[Batch, RubricResult], None]


def reward_functions(rubric: Rubric, record: Record | None = None) -> list[RewardFunction]:
    """The rubric's rewards as TRL reward functions, in order; `record` is given every evaluated batch."""
    evaluation = _SharedEvaluation(rubric, record)
    return [RewardFunction(evaluation, reward) for reward in rubric.rewards]


class RewardFunction:
    """One reward of a rubric, as TRL calls it: synchronous, picklable, with a unique `__name__`.

    The reward functions of one rubric share an evaluation: the first that is called with a batch evaluates it, the others read.
    """

    def __init__(self, evaluation: _SharedEvaluation, reward: Reward) -> None:
        self._evaluation = evaluation
        self.reward = reward
        self.__name__ = reward.name

    def __call__(
        self,
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
            N finite floats; None where the row has no score.

        Raises:
            RewardError: when the reward failed on more than the rubric's share of rows, or its policy is `raise`.
            RubricDataError: when the dataset lacks a column.
            ValueError: when the lists differ in length.
        """
        if completions is None:
            raise TypeError(f"reward function {self.__name__!r} needs `completions`, as a TRL trainer passes them")
        trainer = getattr(log_metric, "__self__", None)
        call = _Call(prompts, completions, completion_ids, columns, trainer_state, trainer)
        column = self._evaluation.column(self.__name__, call)
        self._evaluation.failures.count(column, call)
        if log_metric is not None:
            for key, value in metrics_of(column).items():
                if value is not None:
                    log_metric(key, value)
                elif call.world_size == 1:
                    # Keeps the key in every log row (TRL logs NaN as None). With several ranks a NaN would wipe out the others' values.
                    log_metric(key, float("nan"))
            self._evaluation.log_components(column, log_metric, call)
        if log_extra is not None:
            # Unconditional and full length: TRL reports stale values for a column that is logged on some steps only.
            log_extra(f"{self.__name__}/parsed", self._evaluation.cells(column.answers))
            log_extra(f"{self.__name__}/outcome", [outcome.value for outcome in column.outcomes])
            log_extra(f"{self.__name__}/reason", _reason_cells(column.results))
        return column.scores

    def __repr__(self) -> str:
        return f"RewardFunction({self.__name__!r})"


class _Call:
    """A trainer's call, whatever the trainer left out."""

    def __init__(self, prompts: Any, completions: Any, completion_ids: Any, columns: dict[str, Any], state: Any, trainer: Any) -> None:
        self.prompts, self.completions, self.completion_ids, self.columns = prompts, completions, completion_ids, columns
        self.step = getattr(state, "global_step", None)
        self.trainer = trainer
        accelerator = getattr(trainer, "accelerator", None)
        self.rank = accelerator.process_index if accelerator else int(os.environ.get("RANK", 0))
        self.world_size = accelerator.num_processes if accelerator else int(os.environ.get("WORLD_SIZE", 1))
        model = getattr(trainer, "model", None)
        self.training = True if model is None else bool(model.training)

    def is_same_batch(self, other: _Call) -> bool:
        return (self.completions is other.completions or self.completions == other.completions) and (
            self.prompts is other.prompts or self.prompts == other.prompts
        )

    def samples(self, needs_groups: bool, tokenizer: PolicyTokenizer | None) -> list[Sample]:
        size = len(self.completions)
        for name, values in [("prompts", self.prompts), ("completion_ids", self.completion_ids), *self.columns.items()]:
            if values is not None and (isinstance(values, str) or not hasattr(values, "__len__") or len(values) != size):
                found = f"{len(values)} values" if hasattr(values, "__len__") and not isinstance(values, str) else repr(values)[:80]
                raise ValueError(f"{name!r} must hold one value for each of the {size} completions, got {found}")
        prompts = self.prompts if self.prompts is not None else [None] * size
        ids = self.completion_ids if self.completion_ids is not None else [None] * size
        names = tuple(self.columns)
        rows = [dict(zip(names, row)) for row in zip(*self.columns.values())] if names else [{} for _ in range(size)]
        groups = self._groups(size, needs_groups)
        step = self.step
        return [
            Sample(
                prompts[i],
                completion,
                completion if completion.__class__ is str else response_of(completion),
                rows[i],
                ids[i],
                groups[i],
                step,
                i,
                tokenizer=tokenizer,
            )
            for i, completion in enumerate(self.completions)
        ]

    def _groups(self, size: int, needed: bool) -> list[int | None]:
        """Which group each completion belongs to: runs of `num_generations`, or of equal prompts where the trainer does not tell."""
        generations = getattr(self.trainer, "num_generations", None)
        if generations and not self.training:
            generations = getattr(self.trainer, "num_generations_eval", generations)
        if generations:
            if size % generations == 0:
                return [i // generations for i in range(size)]
            if needed:
                raise RewardError(_split_group(size, generations, "this rank's batch"))
            return [None] * size
        if self.prompts is None:
            return [None] * size
        groups, group = [], 0
        for i, prompt in enumerate(self.prompts):
            group += i > 0 and prompt != self.prompts[i - 1]
            groups.append(group)
        return groups


class _SharedEvaluation:
    """Evaluates each batch once for all of a rubric's reward functions, from whichever thread they are called."""

    def __init__(self, rubric: Rubric, record: Record | None) -> None:
        self.rubric = rubric
        self.failures = _FailureWatch(rubric)
        self._record = record
        self._lock = threading.Lock()
        self._call: _Call | None = None
        self._result: RubricResult | None = None
        self._unread: set[str] = set()
        self._components: dict[str, set[str]] = {}
        self._checked = False
        self._trainer: Any = None
        self._tokenizer: PolicyTokenizer | None = None
        self._cells: tuple[list[Any], list[str | None]] = ([], [])

    def __getstate__(self) -> dict[str, Any]:
        return {"rubric": self.rubric, "record": self._record}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["rubric"], state["record"])

    def column(self, name: str, call: _Call) -> RewardColumn:
        with self._lock:
            # A name that has already read this batch is called anew: with an equal batch, but another one.
            if self._result is None or name not in self._unread or not call.is_same_batch(self._call):
                self._evaluate(call)
            self._unread.discard(name)
            column = self._result.columns[name]
            if not self._unread:
                self._call = self._result = None
            return column

    def _evaluate(self, call: _Call) -> None:
        if not self._checked:
            check_columns(self.rubric, call.columns)
            _check_weights(self.rubric, call.trainer)
            self._checked = True
        needs_groups = any(reward.score.needs_groups for reward in self.rubric.rewards)
        if call.trainer is not self._trainer:
            self._trainer, self._tokenizer = call.trainer, PolicyTokenizer.of_trainer(call.trainer)
        self._result = self.rubric.evaluate(call.samples(needs_groups, self._tokenizer))
        self._call = call
        self._unread = {reward.name for reward in self.rubric.rewards}
        if self._record is not None:
            self._record(Batch(call.step, call.rank, call.training), self._result)

    def cells(self, answers: list[Any]) -> list[str | None]:
        """A batch's answers as the completions table shows them; rewards with the same parser share them."""
        shown, cells = self._cells
        if shown is not answers:
            cells = [_cell(answer) for answer in answers]
            self._cells = (answers, cells)
        return cells

    def log_components(self, column: RewardColumn, log_metric: Callable[[str, float], None], call: _Call) -> None:
        """Log the mean of every component; one that was seen before keeps its key on steps without a value."""
        name = column.reward.name
        found = component_scores(column.results)
        known = self._components.setdefault(name, set())
        known.update(found)
        for component in sorted(known):
            values = found.get(component)
            if values:
                log_metric(f"rewards/{name}/components/{component}", sum(values) / len(values))
            elif call.world_size == 1:
                log_metric(f"rewards/{name}/components/{component}", float("nan"))


def metrics_of(column: RewardColumn) -> dict[str, float | None]:
    """What is logged of a reward beside TRL's mean and std, under fixed keys.

    Rates are shares of the rows that the reward applied to, in [0, 1]; `skipped_rate` is a share of all rows. `error_rate` counts
    failures of ours, whatever their outcome; `timeout_rate` counts timeouts, whoever's. `min` and `max` are None where nothing was
    scored; with several ranks TRL logs their means over ranks. `seconds` is wall time.
    """
    key = f"rewards/{column.reward.name}/"
    total, skipped = len(column.results), column.outcomes.count(Outcome.SKIPPED)
    applied = max(total - skipped, 1)
    scores = [score for score in column.scores if score is not None]
    return {
        key + "unparsed_rate": column.outcomes.count(Outcome.UNPARSED) / applied,
        key + "error_rate": len(column.failed) / applied,
        key + "timeout_rate": column.outcomes.count(Outcome.TIMEOUT) / applied,
        key + "skipped_rate": skipped / max(total, 1),
        key + "clipped_rate": column.clipped / applied,
        key + "min": min(scores, default=None),
        key + "max": max(scores, default=None),
        key + "seconds": column.seconds,
    }


class _FailureWatch:
    """Stops a run that a failing reward would turn into training on nothing."""

    def __init__(self, rubric: Rubric) -> None:
        self._limit = rubric.max_error_rate
        # Failed rows and rows applied to, for each of the last batches.
        self._counts = {reward.name: deque(maxlen=rubric.error_window) for reward in rubric.rewards}

    def count(self, column: RewardColumn, call: _Call) -> None:
        failed = column.failed
        applied = len(column.results) - column.outcomes.count(Outcome.SKIPPED)
        counts = self._counts[column.reward.name]
        counts.append((len(failed), applied))
        rows, rows_failed = sum(n for _, n in counts), sum(n for n, _ in counts)
        # A metric is never trained on: its error_rate says enough.
        if column.reward.weight == 0 or not failed or rows_failed <= self._limit * rows:
            return
        example: EvaluateResult = column.results[failed[0]]
        raise RewardError(
            f"reward {column.reward.name!r} failed on {rows_failed} of {rows} rows over the last {len(counts)} batches, more than "
            f"max_error_rate {self._limit:.0%}; stopping, since training would go on without it. One of them: outcome "
            f"{example.outcome.value!r}, {example.error}; completion {call.completions[failed[0]]!r:.200}"
        )


def check_trainer(rubric: Rubric, args: Any, world_size: int) -> None:
    """Check a GRPOConfig or RLOOConfig against the rubric before training.

    Raises:
        RewardError: when a reward needs whole groups and a rank's batch splits them (the message says which sizes work), or when the
            config lacks the rubric's weights.
    """
    if any(reward.score.needs_groups for reward in rubric.rewards):
        local = args.per_device_train_batch_size * args.steps_per_generation
        if local % args.num_generations:
            what = f"per_device_train_batch_size {args.per_device_train_batch_size} x steps_per_generation {args.steps_per_generation}"
            raise RewardError(_split_group(local, args.num_generations, f"{what} on each of {world_size} processes"))
    _check_weight_list(rubric, args.reward_weights)


def _split_group(size: int, generations: int, where: str) -> str:
    return (
        f"a reward of this rubric compares the completions of a group, but {where} ({size} completions) splits groups of "
        f"num_generations {generations}; make per_device_train_batch_size x steps_per_generation a multiple of {generations}: "
        f"{generations}, {2 * generations}, {3 * generations}, ..."
    )


def _check_weights(rubric: Rubric, trainer: Any) -> None:
    """The trainer sums with its own weights: a metric would be trained on if they were forgotten."""
    functions = getattr(trainer, "reward_funcs", None)
    if functions is not None and len(functions) == len(rubric.rewards) and hasattr(trainer.args, "reward_weights"):
        _check_weight_list(rubric, trainer.args.reward_weights)


def _check_weight_list(rubric: Rubric, weights: list[float] | None) -> None:
    if weights is None and any(weight != 1.0 for weight in rubric.reward_weights):
        raise RewardError(
            f"the trainer has no reward_weights, so it would weigh every reward 1.0 where the rubric says "
            f"{dict(zip((reward.name for reward in rubric.rewards), rubric.reward_weights))}; pass reward_weights=rubric.reward_weights to its config"
        )


def _reason_cells(results: Sequence[EvaluateResult]) -> list[str | None]:
    """Reasons are few and repeated, so each is made a cell once."""
    cells: dict[str | None, str | None] = {}
    reasons = [result.error or result.reason for result in results]
    for reason in set(reasons):
        cells[reason] = _cell(reason)
    return [cells[reason] for reason in reasons]


def _cell(value: Any) -> str | None:
    """Short text that every table writer takes: parquet refuses lone surrogates and columns of mixed types."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = text if len(text) <= _TABLE_TEXT else text[: _TABLE_TEXT - 3] + "..."
    return short if text.isascii() else short.encode("utf-8", "replace").decode("utf-8")
