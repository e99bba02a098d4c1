"""What test_async_grpo.py's processes import: rewards that pickle, and TRL's scoring loop as its child process makes it."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import Any

from accelerate.state import PartialState
from datasets import Dataset
from trl.chat_template_utils import qwen3_chat_template
from trl.experimental.async_grpo.async_rollout_worker import RolloutGroup, TrainingSequence, _scrub_child_env

from rl_rewards import EvaluateResult, Reward, Rubric, reward_function
from tests.trainers import tiny


@reward_function
def judged(response, answer):
    if response == "down":
        raise ConnectionError("the judge is down")
    return EvaluateResult(float(response == answer), metrics={"digits": float(response.isdigit())})


@reward_function
def shouts(response):
    return float("!" in response)


RUBRIC = Rubric((Reward("right", judged), Reward("letters", shouts, weight=0), Reward("penalty", shouts, weight=-1.0)))
COMPLETIONS = ["4", "5!", "down", "5"]


def group(version: int) -> RolloutGroup:
    say = lambda text: [{"role": "assistant", "content": text}]  # noqa: E731
    sequence = TrainingSequence([1, 2, 3], [0, 1, 1], [0.0, -1.0, -1.0], "one")
    return RolloutGroup(
        prompts=[[{"role": "user", "content": "2+2?"}]] * 4,
        reward_kwargs={"answer": ["4"] * 4},
        completions=[say(text) for text in COMPLETIONS],
        completions_ids=[[2, 3]] * 4,
        completions_sequences=[[sequence], [sequence, sequence], [sequence], [sequence]],  # the second conversation was forked
        tool_call_counts=[0] * 4,
        tool_failure_counts=[0] * 4,
        model_version=version,
        group_id=0,
        env_rewards=[None] * 4,
        rollout_rewards=[None] * 4,
    )


def scored_or_refused(loop_cls: type, functions: list[Any]) -> Any:
    try:
        return scored(loop_cls, functions)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def scored(loop_cls: type, functions: list[Any]) -> list[list[tuple[float, dict[str, float]]]]:
    """Make the loop as `_child_main` of TRL does; score two groups, and generate nothing."""
    _scrub_child_env()
    PartialState()
    context = multiprocessing.get_context("spawn")
    tokens = tiny.tokenizer()
    tokens.chat_template = qwen3_chat_template
    loop = loop_cls(
        model_name="tiny", dataset=Dataset.from_dict({"prompt": ["2+2?"]}), reward_funcs=functions, processing_class=tokens, eos_token_ids=[1],
        rollout_buffer=context.Queue(), model_version_value=context.Value("i", 0), heartbeat_value=context.Value("d", 0.0),
        failed_event=context.Event(), exception_info_queue=context.Queue(), metrics_queue=context.Queue(), num_generations=4,
    )  # fmt: skip
    groups = [asyncio.run(loop._score_group(group(version))) for version in (1, 2)]
    return [[(sample.advantage, sample.metrics) for sample in samples] for samples in groups]
