"""Reward Kit's `create_trl_adapter`. A `@reward_function` goes into a trainer as it is; the adapter renames columns and adds arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl_rewards.failures import failure_of
from rl_rewards.functions import as_result
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.timing import each_timed
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["create_trl_adapter"]


def create_trl_adapter(
    reward_fn: Callable[..., Any],
    dataset_to_reward_kwargs_map: Mapping[str, str],
    static_reward_kwargs: Mapping[str, Any] | None = None,
    user_message_fn: Callable[[Any], str] | None = None,
    assistant_message_fn: Callable[[Any], str] | None = None,
) -> Any:
    """Make a TRL reward function of a Reward Kit function: `GRPOTrainer(reward_funcs=[adapter])`, named after it.

    It is called with the conversation as it is, system messages and tool calls included. What it raises, and a result that is not valid, is no
    score (None), counted and logged; it never is 0.

    Args:
        reward_fn: takes messages and keyword arguments; in batch mode `rollouts_messages` and a list of each argument.
        dataset_to_reward_kwargs_map: column of the dataset -> argument.
        static_reward_kwargs: arguments that are the same for every sample.
        user_message_fn: prompt -> the text of one user message, in place of the prompt.
        assistant_message_fn: completion -> the text of one assistant message, in place of the completion.

    Returns:
        `adapter(prompts, completions, **columns) -> list[float | None]`.
    """
    scorer = Adapted(reward_fn, dataset_to_reward_kwargs_map, static_reward_kwargs or {}, user_message_fn, assistant_message_fn)
    return Rubric((Reward(getattr(reward_fn, "__name__", "reward").strip("<>"), scorer),)).reward_funcs[0]


class Adapted(Scorer):
    """A function of messages as a scorer; the arguments are those of `create_trl_adapter`."""

    def __init__(
        self,
        function: Callable[..., Any],
        columns: Mapping[str, str],
        arguments: Mapping[str, Any],
        user_message: Callable[[Any], str] | None = None,
        assistant_message: Callable[[Any], str] | None = None,
    ) -> None:
        self.function, self.columns, self.arguments = function, dict(columns), dict(arguments)
        self.user_message, self.assistant_message = user_message, assistant_message

    @property
    def traits(self) -> Traits:
        return Traits(columns=frozenset(self.columns), reads_answer=False)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self._batch(samples) if _is_batch(self.function) else each_timed(lambda sample, _: self._one(sample), samples, answers)

    def _one(self, sample: Sample) -> EvaluateResult:
        try:
            columns = {argument: sample.references[column] for column, argument in self.columns.items()}
            return as_result(
                self.function(messages=self._messages(sample), **self.arguments, **columns), getattr(self.function, "__name__", "reward")
            )
        except MemoryError:
            raise
        except Exception as error:  # costs this row, with its reason
            return failure_of(error)

    def _batch(self, samples: Sequence[Sample]) -> list[EvaluateResult]:
        columns = {argument: [sample.references[column] for sample in samples] for column, argument in self.columns.items()}
        results = self.function(rollouts_messages=[self._messages(sample) for sample in samples], **self.arguments, **columns)
        if len(results) != len(samples):
            raise ValueError(f"a function in batch mode must return one result for each of {len(samples)} samples, got {len(results)}")
        return [as_result(result, getattr(self.function, "__name__", "reward")) for result in results]

    def _messages(self, sample: Sample) -> list[Any]:
        prompt = sample.prompt_turns if self.user_message is None else [{"role": "user", "content": self.user_message(sample.prompt)}]
        if self.assistant_message is not None:
            return [*prompt, {"role": "assistant", "content": self.assistant_message(sample.completion)}]
        completion = sample.completion
        return [*prompt, *([{"role": "assistant", "content": completion}] if isinstance(completion, str) else completion)]


def _is_batch(function: Callable[..., Any]) -> bool:
    mode = getattr(function, "_reward_function_mode", getattr(function, "mode", None))
    return mode == "batch" or (mode is None and "rollouts_messages" in inspect.signature(function).parameters)
