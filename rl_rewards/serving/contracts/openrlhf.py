"""OpenRLHF's remote reward model: {query, prompts, labels} -> {rewards, scores, extra_logs}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rl_rewards.json_text import load_json
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, component_numbers, number_groups, numbers_of
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.errors import RequestError
from rl_rewards.types import Sample

__all__ = ["OPENRLHF", "label_columns"]


class _Request(Body):
    query: list[str]
    """Prompt and response in one text each."""
    prompts: list[str] | None = None
    """The prompts alone: what follows one in its query is the response. Without them all of the query is."""
    labels: list[Any] | None = None
    """A label each: a JSON object is the row's columns, anything else the rubric's one column."""


def label_columns(label: Any, rubric: Rubric, column: str | None, where: str) -> dict[str, Any]:
    """The columns in a label: OpenRLHF passes one text a row.

    Args:
        column: the column that the server was started with for labels; None where it is found here.

    Raises:
        RequestError: when the label is no object and the rubric reads several columns.
    """
    if isinstance(label, str):
        try:
            columns = load_json(label)
        except ValueError:
            columns = None
        if isinstance(columns, dict) and (column is None or rubric.columns <= columns.keys()):
            label = columns
    if isinstance(label, dict):
        return label
    if label is None:
        return {}
    names = [column] if column is not None else sorted(rubric.columns)
    if len(names) > 1:
        raise RequestError(f"a label must be a JSON object with the columns {names} that the rubric reads, got {label!r:.80}", where)
    return dict.fromkeys(names, label) or {"label": label}


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    size = len(body.query)
    for name, values in (("prompts", body.prompts), ("labels", body.labels)):
        if values is not None and len(values) != size:
            raise RequestError(f"{name} must have as many items as query, {size}, got {len(values)}", pointer(name))
    samples = []
    for i, text in enumerate(body.query):
        prompt = body.prompts[i] if body.prompts is not None else None
        if prompt is not None and not text.startswith(prompt):
            raise RequestError("a query must begin with its prompt, so that the response is what follows it", pointer("query", i))
        response = text if prompt is None else text[len(prompt) :]
        label = body.labels[i] if body.labels is not None else None
        references = label_columns(label, rubric, options.get("label_column"), pointer("labels", i))
        samples.append(Sample(prompt, response, response, references))
    return number_groups(samples)


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    if body.labels is None:
        return pointer("labels")
    return pointer("labels", row, *(path if isinstance(body.labels[row], dict) else ()))  # a text has no places in it


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    rewards = numbers_of(query, evaluation)
    numbers = [component_numbers(evaluation.columns, row) for row in range(len(evaluation.samples))]
    names = dict.fromkeys(name for row in numbers for name in row)
    # A log of a batch is a list of its length: one with gaps has no form.
    logs = {name: [row[name] for row in numbers] for name in names if all(name in row for row in numbers)}
    return {"rewards": rewards, "scores": rewards, "extra_logs": logs}


OPENRLHF = Contract(
    path="/get_reward",
    name="openrlhf",
    summary="OpenRLHF: --reward.remote_url",
    model=_Request,
    example={"query": ["What is 40 + 2?<answer>42</answer>"], "prompts": ["What is 40 + 2?"], "labels": ["42"]},
    read=_read,
    write=_write,
    place=_place,
)
