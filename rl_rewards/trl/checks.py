"""What a trainer's configuration must be for a rubric: its weights, whole groups, names that tell its functions apart."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rl_rewards.checks import check_columns, check_dataset
from rl_rewards.reward import Reward, RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.trl.call import split_group

if TYPE_CHECKING:
    from rl_rewards.trl.call import TrainerCall

__all__ = ["check_call", "check_config", "check_run", "check_trainer"]

logger = logging.getLogger(__name__)


def check_run(rubric: Rubric, trainer: Any) -> None:
    """Check a trainer, its configuration and its datasets against the rubric that it trains on, before training.

    Raises:
        RewardError: weights that are not the rubric's, two functions of one name, batches that split groups.
        RubricDataError: columns that are missing, rows that no reward handles, references that cannot be used.
    """
    check_functions(rubric, trainer)
    check_config(rubric, trainer.args, _world_size(trainer))
    provided = _brings_columns(trainer)
    datasets = getattr(trainer, "eval_dataset", None)
    for dataset in (getattr(trainer, "train_dataset", None), *(datasets.values() if isinstance(datasets, dict) else (datasets,))):
        if dataset is not None:
            check_dataset(rubric, dataset, more_columns=provided)


def check_trainer(rubric: Rubric, args: Any, world_size: int) -> None:
    """Check a GRPOConfig or RLOOConfig that is given exactly the rubric's functions.

    Raises:
        RewardError: when a batch splits groups (the message says which sizes work), or when the weights are not the rubric's.
    """
    check_config(rubric, args, world_size)
    _check_weights(rubric.rewards, getattr(args, "reward_weights", None))


def check_config(rubric: Rubric, args: Any, world_size: int) -> None:
    """Check that no batch of a GRPOConfig or RLOOConfig splits groups, where a reward compares them; evaluation batches, too.

    Raises:
        RewardError: naming the setting and the sizes that work.
    """
    if not any(reward.score.traits.needs_groups for reward in rubric.rewards) or not hasattr(args, "num_generations"):
        return
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
    """Check every function of a trainer that comes from a rubric, whatever is beside it: its weight and its name.

    Raises:
        RewardError: when the trainer's weights are others than the rubrics', or two functions have one name.
    """
    functions = getattr(trainer, "reward_funcs", None)
    if not isinstance(functions, (list, tuple)):
        return
    rewards = [_reward_of(function) for function in functions]
    weights = getattr(trainer, "reward_weights", None)
    if weights is None:
        weights = getattr(getattr(trainer, "args", None), "reward_weights", None)
    _check_weights(rewards, None if weights is None else [float(weight) for weight in weights])
    names = list(getattr(trainer, "reward_func_names", None) or [getattr(function, "__name__", "") for function in functions])
    if twice := sorted(name for name, count in Counter(names).items() if count > 1 and name):
        raise RewardError(f"reward functions must have different names, since their logs would mix, got {twice} more than once")
    owners = {id(owner) for function in functions if (owner := getattr(function, "rubric", None)) is not None}
    plain = [name for name, function in zip(names, functions) if getattr(function, "rubric", None) is None]
    if owners and (plain or len(owners) > 1):
        beside = f"the plain reward functions {plain}" if plain else "the functions of the other rubric"
        logger.warning("where a reward of this rubric fails, its row is left out; %s beside it still score that row, and TRL trains on them", beside)


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
    """Check what can be checked at the first call: the trainer where it is known, else the columns that came.

    Args:
        weighted: whether the function applies the rubric's weights itself.

    Raises:
        RewardError, RubricDataError: as `check_run`.
    """
    if call.trainer is not None:
        check_run(rubric, call.trainer)
    elif not weighted and any(reward.weight != 1.0 for reward in rubric.rewards):
        weights = {reward.name: reward.weight for reward in rubric.rewards}
        said = f"the rubric has weights {weights}, and this caller does not apply them: give it reward_funcs=[rubric.as_reward_func()]"
        if call.state is not None or _within_async_grpo():
            raise RewardError(said)
        logger.warning("%s, unless it applies rubric.reward_weights itself", said)
    check_columns(rubric, call.columns)


def _within_async_grpo() -> bool:
    """Whether this is the process in which TRL's AsyncGRPOTrainer scores: it passes nothing but the rows."""
    return multiprocessing.parent_process() is not None and any(name.startswith("trl.experimental.async_grpo") for name in sys.modules)


def _reward_of(function: Any) -> Reward | None:
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
