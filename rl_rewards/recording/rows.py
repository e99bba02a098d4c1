"""An evaluated batch as rows: one per completion per reward."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

from rl_rewards.evaluation.context import BatchContext
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.types.components import component_score

__all__ = ["SCHEMA", "SCHEMA_VERSION", "prompt_id", "rows_of", "text_of_value"]

# Raised whenever a column changes its meaning; readers compare it with their own.
SCHEMA_VERSION = 2

# A prompt is there once per generation and reward, a completion once per reward: in a dictionary each text is stored once per batch.
_TEXT = pa.dictionary(pa.int32(), pa.large_string())

# Not a map, which `datasets` cannot load.
_COMPONENTS = pa.list_(pa.struct({"name": pa.string(), "score": pa.float64()}))

SCHEMA = pa.schema(
    {
        "step": pa.int64(),  # the trainer's logged step that the batch belongs to; null outside training
        "mode": _TEXT,  # train or eval
        "rank": pa.int32(),  # the process that scored it
        "group": pa.int32(),  # completions to one prompt; counted within step, mode and rank; null when unknown
        "index": pa.int32(),  # the completion; counted within step, mode and rank
        "prompt_id": _TEXT,  # the same for equal prompts, in every run
        "prompt": _TEXT,  # text as it is, messages as JSON
        "completion": _TEXT,  # text as it is, messages as JSON
        "reasoning": _TEXT,  # what the completion thought; null where there is none
        "references": _TEXT,  # the dataset's other columns as JSON
        "tokens": pa.int32(),  # tokens that the policy wrote; null where the caller has no ids
        "scorable": pa.bool_(),  # false where a weighted reward failed, so that no reward of the row counted
        "advantage": pa.float64(),  # of the completion, its mean over tokens for PPO; null where unknown
        "reward": _TEXT,  # the reward's name
        "parsed": _TEXT,  # the parser's answer: text as it is, else JSON; null where there was none, or none was asked for
        "raw": pa.float64(),  # as the scorer gave it; null where it gave none
        "score": pa.float64(),  # after clip, gate and on_error; null where there was none. The trainer got it where the row is scorable
        "weight": pa.float64(),
        "gate": pa.bool_(),  # whether the gate let the score through; null where there is none, or it was not decided
        "outcome": _TEXT,
        "failed": pa.bool_(),  # whether the reward itself failed, through no fault of the response
        "reason": _TEXT,  # the reward's reason; for a failure, the error
        "components": _COMPONENTS,
        "seconds": pa.float64(),  # wall time of the reward over the whole batch
        "row_seconds": pa.float64(),  # wall time that scoring this completion took; null where it is known of the batch alone. Not in older records
    }
)


def rows_of(batch: BatchContext, result: Evaluation, first_index: int, first_group: int, advantages: Sequence[float] | None = None) -> pa.RecordBatch:
    """The rows of a batch of N samples and R rewards, in SCHEMA: N * R, all rewards of a completion together.

    Args:
        first_index, first_group: what the batch's first completion and group are counted from.
        advantages: N advantages; None where they are not known.
    """
    samples, columns = result.samples, list(result.columns.values())
    size, repeat = len(samples), len(columns)
    results = [column.results[i] for i in range(size) for column in columns]
    groups = [None if sample.group is None else first_group + sample.group for sample in samples]
    values = {
        "step": pa.repeat(pa.scalar(batch.step, pa.int64()), size * repeat),
        "mode": _texts(["train" if batch.training else "eval"], size * repeat),
        "rank": pa.repeat(pa.scalar(batch.rank, pa.int32()), size * repeat),
        "group": _spread(groups, repeat),
        "index": _spread(range(first_index, first_index + size), repeat),
        "prompt_id": _texts([prompt_id(sample.prompt) for sample in samples], repeat),
        "prompt": _texts([text_of_value(sample.prompt) for sample in samples], repeat),
        "completion": _texts([text_of_value(sample.completion) for sample in samples], repeat),
        "reasoning": _texts([sample.reasoning for sample in samples], repeat),
        "references": _texts([text_of_value(dict(sample.references)) for sample in samples], repeat),
        "tokens": _spread([None if (ids := sample.policy_ids) is None else len(ids) for sample in samples], repeat),
        "scorable": pa.array([ok for ok in result.scorable for _ in columns], pa.bool_()),
        "advantage": pa.array([value for value in advantages or [None] * size for _ in columns], pa.float64()),
        "reward": _texts([column.reward.name for column in columns] * size),
        "parsed": _texts([text_of_value(column.answers[i]) for i in range(size) for column in columns]),
        "raw": pa.array([column.raw[i] for i in range(size) for column in columns], pa.float64()),
        "gate": pa.array([None if column.gate_open is None else column.gate_open[i] for i in range(size) for column in columns], pa.bool_()),
        "score": pa.array([column.scores[i] for i in range(size) for column in columns], pa.float64()),
        "weight": pa.array([column.reward.weight for column in columns] * size, pa.float64()),
        "outcome": _texts([result.outcome.value for result in results]),
        "failed": pa.array([result.failed for result in results], pa.bool_()),
        "reason": _texts([text_of_value(result.error or result.reason) for result in results]),
        "components": _components([result.metrics for result in results]),
        "seconds": pa.array([column.seconds for column in columns] * size, pa.float64()),
        "row_seconds": pa.array([result.seconds for result in results], pa.float64()),
    }
    return pa.RecordBatch.from_arrays([values[name] for name in SCHEMA.names], schema=SCHEMA)


def prompt_id(prompt: Any) -> str | None:
    """A prompt's name, the same in every run: the start of a hash of its text, or of its messages."""
    return None if prompt is None else hashlib.sha256((text_of_value(prompt) or "").encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _spread(values: Iterable[int | None], repeat: int) -> pa.Array:
    return pa.array([value for value in values for _ in range(repeat)], pa.int32())


def text_of_value(value: Any) -> str | None:
    """Text as it is, anything else as JSON, what JSON cannot say as Python writes it."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no strings, circles
        return repr(value)


def _texts(values: Sequence[str | None], repeat: int = 1) -> pa.DictionaryArray:
    """Each text `repeat` times in a row, stored once."""
    codes: dict[str, int] = {}
    indices = [None if value is None else codes.setdefault(value, len(codes)) for value in values]
    try:
        dictionary = pa.array(list(codes), pa.large_string())
    except UnicodeEncodeError:
        dictionary = pa.array([_encodable(text) for text in codes], pa.large_string())
    return pa.DictionaryArray.from_arrays(_spread(indices, repeat), dictionary)


def _encodable(text: str) -> str:
    """Lone surrogates, which UTF-8 cannot hold, written as escapes: nothing of the text is lost."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _components(metrics: Sequence[dict[str, Any]]) -> pa.ListArray:
    offsets = pa.array([0, *accumulate(len(components) for components in metrics)], pa.int32())
    names = pa.array([_encodable(str(name)) for components in metrics for name in components], pa.string())
    scores = pa.array([component_score(component) for components in metrics for component in components.values()], pa.float64())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([names, scores], fields=list(_COMPONENTS.value_type)), type=_COMPONENTS)
