"""What a trainer's configuration must be for a rubric: its weights, whole groups, names that tell its functions apart."""

from __future__ import annotations

import functools
import logging
import multiprocessing
import sys
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rl_rewards.checks import RubricDataError, check_columns, check_dataset, check_token_ids, check_weights, missing_labels
from rl_rewards.functions import FunctionScorer
from rl_rewards.reward import Reward, RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.trl.call import split_group
from rl_rewards.trl.evaluating import check_aggregates
from rl_rewards.trl.left_out import can_leave_out, leaves_out

if TYPE_CHECKING:
    from rl_rewards.trl.call import TrainerCall

__all__ = ["check_call", "check_config", "check_functions", "check_run", "check_trainer"]

logger = logging.getLogger(__name__)


def check_run(rubric: Rubric, trainer: Any) -> None:
    """Check a trainer, its configuration and its datasets against the rubric that it trains on, before training.

    Raises:
        RewardError: weights that are not the rubric's, two functions of one name, batches that split groups, a best model that is chosen by
            an aggregate that is not there or the wrong way round.
        RubricDataError: columns that are missing, rows that no reward handles, references that cannot be used.
    """
    check_functions(rubric, trainer)
    check_config(rubric, getattr(trainer, "args", None), _world_size(trainer))
    if rubric.aggregates:
        check_aggregates(rubric, trainer)
    provided = _brings_columns(trainer)
    datasets = getattr(trainer, "eval_dataset", None)
    evaluated = list(datasets.values()) if isinstance(datasets, dict) else [datasets]
    for dataset in evaluated:
        columns = getattr(dataset, "column_names", None)
        if columns is not None and not provided and (lack := missing_labels(rubric, columns)) is not None:
            raise RubricDataError(lack)
    for dataset in (getattr(trainer, "train_dataset", None), *evaluated):
        if dataset is not None:
            check_dataset(rubric, dataset, more_columns=provided)


def check_trainer(rubric: Rubric, args: Any, world_size: int) -> None:
    """Check a GRPOConfig or RLOOConfig that is given exactly the rubric's functions.

    Raises:
        RewardError: when a batch splits groups (the message says which sizes work), or when the weights are not the rubric's.
        RubricDataError: when every weight is 0.
    """
    check_config(rubric, args, world_size)
    check_weights(rubric)
    _check_weights(rubric.rewards, getattr(args, "reward_weights", None))


def check_config(rubric: Rubric, args: Any, world_size: int) -> None:
    """Check that no batch of a GRPOConfig or RLOOConfig splits groups, where a reward compares them; evaluation batches, too.

    Raises:
        RewardError: naming the setting and the sizes that work.
    """
    if not any(reward.score.traits.needs_groups for reward in rubric.rewards) or not hasattr(args, "steps_per_generation"):
        return  # AsyncGRPOTrainer scores one group a call
    local = args.per_device_train_batch_size * args.steps_per_generation
    if local % args.num_generations:
        what = f"per_device_train_batch_size {args.per_device_train_batch_size} x steps_per_generation {args.steps_per_generation}"
        raise RewardError(split_group(local, args.num_generations, f"{what} on each of {world_size} processes", training=True))
    if getattr(args, "eval_strategy", "no") == "no" and not getattr(args, "eval_on_start", False):
        return
    generations = getattr(args, "num_generations_eval", None) or args.num_generations
    if args.per_device_eval_batch_size % generations:
        what = f"per_device_eval_batch_size {args.per_device_eval_batch_size} on each of {world_size} processes"
        raise RewardError(split_group(args.per_device_eval_batch_size, generations, what, training=False))


def check_functions(rubric: Rubric, trainer: Any) -> None:
    """Check every function of a trainer that comes from a rubric, whatever is beside it or around it: its weight and its name.

    Raises:
        RewardError: when the trainer's weights are others than the rubrics', a weighted reward of one of them is not among its functions,
            or two functions have one name.
    """
    functions = functions_of(trainer)
    if not functions:
        return
    ours = [_of_rubric(function) for function in functions]
    weights = getattr(trainer, "reward_weights", None)
    if weights is None:
        weights = getattr(getattr(trainer, "args", None), "reward_weights", None)
    _check_weights([_reward_of(function) for function in ours], None if weights is None else [float(weight) for weight in weights])
    names = list(getattr(trainer, "reward_func_names", None) or [getattr(function, "__name__", "") for function in ours])
    if twice := sorted(name for name, count in Counter(names).items() if count > 1 and name):
        raise RewardError(f"reward functions must have different names, since their logs would mix, got {twice} more than once")
    _check_left_out(ours)
    rubrics = {id(function.rubric): function.rubric for function in ours if hasattr(function, "rubric")}
    if rubrics and not any(owner is rubric for owner in rubrics.values()) and any(weight != 1.0 for weight in rubric.reward_weights):
        logger.warning(
            "no function of the trainer is one of this rubric's, so whether its weights %s are applied is not known", rubric.reward_weights
        )
    plain = [name for name, function in zip(names, ours) if not hasattr(function, "rubric")]
    if leaves_out(trainer):
        return
    if rubrics and (plain or len(rubrics) > 1):
        beside = f"the plain reward functions {plain}" if plain else "the functions of the other rubric"
        logger.warning(
            "where a reward of this rubric fails, its row is left out; %s beside it still score that row, and TRL trains on them%s",
            beside,
            _first_batch(trainer),
        )
    _warn_of_rewards_apart(trainer, names, ours)


_warned: weakref.WeakSet[Any] = weakref.WeakSet()  # trainers, each of whose functions checks it


def _warn_of_rewards_apart(trainer: Any, names: Sequence[str], functions: Sequence[Any]) -> None:
    """Say so where a row on which one function fails would be trained on with the scores of the others, since no rubric holds them together."""
    apart = [name for name, function in zip(names, functions) if isinstance(function, (Reward, FunctionScorer))]
    if not apart or len(apart) == len(functions) or trainer in _warned:
        return
    _warned.add(trainer)
    logger.warning(
        "where one of the reward functions %s fails, TRL trains on the row with the scores of the others alone, as if that one were 0; put them "
        "into one rubric, Rubric([Reward(name, function), ...]), and give the trainer its reward_funcs: such a row is then left out%s",
        apart,
        _first_batch(trainer),
    )


def _first_batch(trainer: Any) -> str:
    return " (in the first batch alone; with RecordingCallback in none)" if can_leave_out(trainer) else ""


def functions_of(trainer: Any) -> list[Any]:
    """A trainer's reward functions; AsyncGRPOTrainer hands them on to its rollout worker."""
    functions = getattr(trainer, "reward_funcs", None)
    if functions is None:
        functions = getattr(getattr(trainer, "rollout_worker", None), "_loop_kwargs", {}).get("reward_funcs")
    return list(functions) if isinstance(functions, (list, tuple)) else []


def _of_rubric(function: Any) -> Any:
    """The function of a rubric that a partial or a wrapper holds; the function itself where there is none."""
    inner = function
    while inner is not None and not isinstance(inner, Reward):
        if hasattr(inner, "rubric"):
            return inner
        inner = inner.func if isinstance(inner, functools.partial) else getattr(inner, "__wrapped__", None)
    return function if inner is None else inner


def _check_left_out(functions: Sequence[Any]) -> None:
    """Check that the weighted rewards of each rubric are all there: one that is not has a weight of 0, in effect."""
    there: dict[int, set[str]] = {}
    rubrics: dict[int, Rubric] = {}
    for function in functions:
        if _reward_of(function) is not None and hasattr(function, "rubric"):
            rubrics[id(function.rubric)] = function.rubric
            there.setdefault(id(function.rubric), set()).add(function.reward.name)
    for key, rubric in rubrics.items():
        missing = [reward.name for reward in rubric.rewards if reward.weight != 0 and reward.name not in there[key]]
        if missing:
            raise RewardError(
                f"reward_funcs must hold every weighted reward of a rubric, got {sorted(there[key])} without {missing}; "
                f"make a Rubric of the rewards that you want, or give those a weight of 0"
            )


def _check_weights(rewards: Sequence[Reward | None], weights: Sequence[float] | None) -> None:
    """Compare weight by weight; None among the rewards is a function without a rubric, which may have any weight."""
    given = [1.0] * len(rewards) if weights is None else list(weights)
    if len(given) < len(rewards):
        return  # TRL itself refuses a list of another length
    wrong = [(reward, weight) for reward, weight in zip(rewards, given) if reward is not None and abs(reward.weight - weight) > 1e-6]
    if wrong:
        found = ", ".join(f"{reward.name!r} {weight:g} instead of {reward.weight:g}" for reward, weight in wrong)
        has_none = (
            "the trainer has no reward_weights, so it would weigh every reward 1.0" if weights is None else "the trainer's reward_weights differ"
        )
        raise RewardError(
            f"{has_none}, where the rubric says otherwise: {found}; pass reward_weights=rubric.reward_weights to its config, in the order of "
            f"reward_funcs, or give a trainer without weights reward_funcs=[rubric.as_reward_func()]"
        )


def check_call(rubric: Rubric, call: TrainerCall, weighted: bool) -> None:
    """Check what can be checked at the first call: the trainer where it can be found, else the columns that came.

    Args:
        weighted: whether the function applies the rubric's weights itself.

    Raises:
        RewardError, RubricDataError: as `check_run`.
    """
    trainer = call.trainer if call.trainer is not None else _calling_trainer(rubric)
    if trainer is not None:
        check_run(rubric, trainer)
        _warn_of_positions(trainer)
        if hasattr(trainer, "_calculate_rewards_from_functions"):
            logger.warning("%s takes a row without a score for one with a score of 0; its rewards should not fail", type(trainer).__name__)
    elif not weighted and any(reward.weight != 1.0 for reward in rubric.rewards):
        weights = {reward.name: reward.weight for reward in rubric.rewards}
        message = f"the rubric has weights {weights}, and this caller does not apply them: give it reward_funcs=[rubric.as_reward_func()]"
        if call.state is not None or _within_async_grpo():
            raise RewardError(message)
        logger.warning("%s, unless it applies rubric.reward_weights itself", message)
    check_columns(rubric, call.columns)
    check_token_ids(rubric, given=call.completion_ids is not None)


def _warn_of_positions(trainer: Any) -> None:
    """Say so where padding shifts a policy's positions and nothing corrects them; by now a batch has been generated."""
    if not hasattr(trainer, "accelerator"):
        return
    from rl_rewards.trl.positions import counts_padding  # imports torch, which is there where a trainer is

    if counts_padding(trainer):
        logger.warning(
            "TRL passes no positions for prompts padded on the left, and this policy has learned ones: log-probabilities would be of other "
            "positions than the completions were generated at. Call rl_rewards.trl.use_generation_positions(trainer) before training, or "
            "give the trainer a RecordingCallback, which does"
        )


def _calling_trainer(rubric: Rubric) -> Any:
    """The trainer that calls a function of this rubric, where it does not pass itself along: OnlineDPOTrainer and its kin."""
    frame = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if any(getattr(_of_rubric(function), "rubric", None) is rubric for function in _functions_of_object(caller)):
            return caller
        frame = frame.f_back
    return None


def _functions_of_object(caller: Any) -> list[Any]:
    functions = getattr(caller, "__dict__", {}).get("reward_funcs")
    return functions if isinstance(functions, list) and "args" in caller.__dict__ else []


def _within_async_grpo() -> bool:
    """Whether this is the process in which TRL's AsyncGRPOTrainer scores: it passes nothing but the rows."""
    return multiprocessing.parent_process() is not None and any(name.startswith("trl.experimental.async_grpo") for name in sys.modules)


def _reward_of(function: Any) -> Reward | None:
    """The reward that a function stands for; None for a plain function, and for a rubric's total, which is weighted already."""
    if isinstance(function, Reward):
        return function
    reward = getattr(function, "reward", None)
    return reward if isinstance(reward, Reward) else None


def _brings_columns(trainer: Any) -> bool:
    """Whether rollouts bring columns of their own, which no dataset has."""
    return getattr(trainer, "rollout_func", None) is not None or getattr(trainer, "environments", None) is not None


def _world_size(trainer: Any) -> int:
    accelerator = getattr(trainer, "accelerator", None)
    return getattr(accelerator, "num_processes", 1)
