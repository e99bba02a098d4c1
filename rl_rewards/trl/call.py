"""A trainer's call of a reward function as samples.

Written to TRL 1.16 (`GRPOTrainer._calculate_rewards`): everything by keyword, lists of the rank's batch; RLOO, OnlineDPO and the async
GRPO trainer pass a subset, so everything but the completions is optional.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.evaluation.context import BatchContext
from rl_rewards.evaluation.shared import same_values
from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.reward import RewardError
from rl_rewards.types import Sample, response_of

__all__ = ["TrainerCall", "split_group"]


class TrainerCall:
    """A trainer's call, whatever the trainer left out.

    Args:
        prompts, completions: N texts, or N lists of messages.
        completion_ids: N lists of token ids.
        columns: the dataset's columns, N values each.
        extras: what the trainer passes beside the rows: trainer_state, log_metric, log_extra, environments; absent where it does not.
        needs_groups: whether a reward compares the completions of a group.

    Attributes:
        tokenizer: the policy's, which its functions share; None where the caller has none.
    """

    def __init__(
        self, prompts: Any, completions: Any, completion_ids: Any, columns: Mapping[str, Any], extras: Mapping[str, Any], needs_groups: bool
    ) -> None:
        self.prompts, self.completions, self.completion_ids, self.columns, self.extras = prompts, completions, completion_ids, columns, extras
        self._needs_groups = needs_groups
        self.state = extras.get("trainer_state")
        self.trainer = getattr(extras.get("log_metric"), "__self__", None)
        accelerator = getattr(self.trainer, "accelerator", None)
        self.rank: int = accelerator.process_index if accelerator else int(os.environ.get("RANK", 0))
        self.world_size: int = accelerator.num_processes if accelerator else int(os.environ.get("WORLD_SIZE", 1))
        model = getattr(self.trainer, "model", None)
        self.tokenizer: PolicyTokenizer | None = None
        self.training = True if model is None else bool(model.training)

    @property
    def context(self) -> BatchContext:
        """Steps are counted as TRL's logs and completions files count them: a training batch belongs to the step that it is used for."""
        step = getattr(self.state, "global_step", None)
        return BatchContext(step + 1 if step is not None and self.training else step, self.rank, self.training)

    def is_same_batch(self, other: Any) -> bool:
        """Whether another call is of the same trainer and step, with the same rows: equal texts, and columns of equal values and types."""
        return (
            self.trainer is other.trainer
            and self.context == other.context
            and self.columns.keys() == other.columns.keys()
            and all(map(same_values, self._parts(), other._parts()))
        )

    def _parts(self) -> list[Any]:
        return [self.completions, self.prompts, self.completion_ids, *(self.columns[name] for name in sorted(self.columns))]

    def samples(self) -> list[Sample]:
        """The batch's N samples.

        Raises:
            ValueError: when a list is not one of N values.
            RewardError: when a reward compares groups, and the batch splits them.
        """
        if isinstance(self.completions, (str, bytes, Mapping)) or not hasattr(self.completions, "__len__"):
            found = f"{type(self.completions).__name__}: {self.completions!r:.80}"
            raise TypeError(f"'completions' must be a list of texts, or of lists of messages, got {found}")
        size = len(self.completions)
        given = [(name, values) for name, values in (("prompts", self.prompts), ("completion_ids", self.completion_ids)) if values is not None]
        for name, values in [*given, *self.columns.items()]:
            if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != size:
                found = f"{len(values)} values" if hasattr(values, "__len__") and not isinstance(values, str) else repr(values)[:80]
                raise ValueError(f"{name!r} must hold one value for each of the {size} completions, got {found}")
        for completion in self.completions:
            if completion.__class__ is not str and not _ends_with_policys(completion):
                _check_completion(completion)
        prompts = self.prompts if self.prompts is not None else [None] * size
        ids = self.completion_ids if self.completion_ids is not None else [None] * size
        names = tuple(self.columns)
        rows = [dict(zip(names, row)) for row in zip(*map(_plain_values, self.columns.values()))] if names else [{} for _ in range(size)]
        groups, step = self._groups(size), getattr(self.state, "global_step", None)
        tokenizer, extras = self.tokenizer, self.extras
        return [
            Sample(prompt, completion, _response(completion), row, policy_ids, group, step, i, None, tokenizer, extras)
            for i, (prompt, completion, row, policy_ids, group) in enumerate(zip(prompts, self.completions, rows, ids, groups))
        ]

    def _groups(self, size: int) -> Sequence[int | None]:
        """Which group each completion belongs to: runs of `num_generations`, or equal prompts where the trainer is not known."""
        generations = getattr(self.trainer, "num_generations", None)
        if generations and not self.training:
            generations = getattr(self.trainer, "num_generations_eval", generations)
        if generations:
            if size % generations == 0:
                return [i // generations for i in range(size)]
            if self._needs_groups:
                raise RewardError(split_group(size, generations, "this rank's batch", self.training))
            return [None] * size
        if self.prompts is None:
            return [None] * size
        # Wherever they are: OnlineDPO passes p1 p2 p1 p2.
        numbers: dict[Any, int] = {}
        return [numbers.setdefault(prompt if isinstance(prompt, str) else pickle.dumps(prompt), len(numbers)) for prompt in self.prompts]


def _ends_with_policys(completion: Any) -> bool:
    """Whether it has the most common form of messages: a list whose last is a dict, the policy's own."""
    return completion.__class__ is list and bool(completion) and completion[-1].__class__ is dict and completion[-1].get("role") == "assistant"


def _check_completion(completion: Any) -> None:
    """Refuse what is neither text nor messages of which one is the policy's."""
    if not isinstance(completion, (str, list, tuple)):
        raise TypeError(f"a completion must be text or a list of messages, got {type(completion).__name__}: {completion!r:.80}")
    if isinstance(completion, str) or not completion:
        return
    roles = [turn.get("role") if isinstance(turn, Mapping) else getattr(turn, "role", type(turn).__name__) for turn in completion]
    if "assistant" not in roles:
        raise ValueError(f"a completion's messages must have one of role 'assistant', the policy's own, got roles {roles!r:.80}")


def _response(completion: Any) -> str:
    """`response_of` messages, faster for the most common forms of a completion."""
    if completion.__class__ is str:
        return completion
    if _ends_with_policys(completion) and (content := completion[-1].get("content")).__class__ is str:
        return content
    return response_of(completion)


def _plain_values(values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as Python's own, where the dataset is formatted as numpy, torch, jax or pandas."""
    if hasattr(values, "tolist"):
        values = values.tolist()  # type: ignore[union-attr]
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        return values
    # A column is formatted as a whole, so that of dicts and lists one is looked into for each type.
    if any(_holds_arrays(next(value for value in values if type(value) is kind)) for kind in kinds - _PLAIN):
        return [_plain(value) for value in values]
    return values


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_arrays, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_arrays, value))
    return hasattr(value, "tolist") or hasattr(value, "to_pydatetime")


def _plain(value: Any) -> Any:
    """An array as a list, a scalar of numpy, torch or pandas as a Python number, whatever holds them as it is."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def split_group(size: int, generations: int, where: str, training: bool) -> str:
    """The message for a batch that splits groups, which names the setting that cures it."""
    setting = "per_device_train_batch_size x steps_per_generation" if training else "per_device_eval_batch_size"
    return (
        f"a reward of this rubric compares the completions of a group, but {where} ({size} completions) splits groups of "
        f"{'num_generations' if training else 'num_generations_eval'} {generations}; make {setting} a multiple of {generations}: "
        f"{generations}, {2 * generations}, {3 * generations}, ..."
    )
