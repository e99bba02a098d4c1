"""Our own call: rows in, every reward's score, outcome, reason and components out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rl_rewards.parsers.identity import Identity
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, number_groups
from rl_rewards.serving.contracts.json_body import Body, pointer
from rl_rewards.serving.contracts.messages import check_messages
from rl_rewards.serving.errors import RequestError
from rl_rewards.tables.scored import scored_rows
from rl_rewards.types import Sample
from rl_rewards.types.contents import is_vertex_row, row_of_example
from rl_rewards.types.rows import CONVERSATIONS, PAIRS, RowError, sample_of

__all__ = ["SCORE"]


class _Request(Body):
    samples: list[dict[str, Any]]
    """Rows as `rl-rewards score` takes them: messages, or prompt and completion; their other fields are the columns."""
    rubric: str | None = None
    """Which rubric, where the server has several."""


def _read(body: _Request, rubric: Rubric, options: Mapping[str, Any]) -> list[Sample]:
    if not body.samples:
        raise RequestError("samples must have at least one row", "/samples")
    samples: list[Sample] = []
    for i, row in enumerate(body.samples):
        if any(type(value) is list for value in row.values()) or "completion_ids" in row:
            _check(row, i)
        try:
            sample = sample_of(row_of_example(row) if is_vertex_row(row) else row, i)
        except RowError as error:
            raise RequestError(str(error), pointer("samples", i)) from None
        samples.append(sample)
    return number_groups(samples)


def _check(row: dict[str, Any], i: int) -> None:
    """Check messages and token ids.

    Raises:
        RequestError: with the place of the first field that no reward could read.
    """
    for column in (*CONVERSATIONS, *(column for pair in PAIRS for column in pair)):
        if isinstance(row.get(column), list):
            check_messages(row[column], pointer("samples", i, column))
    ids = row.get("completion_ids")
    if ids is not None and not (isinstance(ids, list) and all(type(token) is int for token in ids)):
        raise RequestError(f"completion_ids must be a list of token ids, got {ids!r:.80}", pointer("samples", i, "completion_ids"))


def _place(body: _Request, row: int, path: tuple[str, ...]) -> str:
    given = body.samples[row]
    if is_vertex_row(given) and path and path[0] not in given:
        return pointer("samples", row, *(("example",) if "contents" not in given else ()), "references", *path)
    return pointer("samples", row, *path)


def _write(query: Query, evaluation: Evaluation) -> dict[str, Any]:
    rows: Sequence[Mapping[str, Any]] = [{} for _ in evaluation.samples]
    results = list(scored_rows(rows, evaluation))
    for i, result in enumerate(results):
        result["scorable"] = evaluation.scorable[i]
        # What the parser took, where it took less than all of the response: a page marks it in the text.
        result["parsed"] = {
            name: None if isinstance(column.reward.parse, Identity) else column.answers[i] for name, column in evaluation.columns.items()
        }
    version = {name: query.options[name] for name in ("digest", "package")}  # by which a run knows that it is still the same rubric
    return {"results": results, "weights": {name: column.reward.weight for name, column in evaluation.columns.items()}, **version}


SCORE = Contract(
    path="/v1/score",
    name="score",
    summary="rl_rewards: a batch, with every component, outcome and reason",
    model=_Request,
    example={"samples": [{"prompt": "What is 40 + 2?", "completion": "<answer>42</answer>", "answer": "42"}]},
    read=_read,
    write=_write,
    place=_place,
    per_reward=False,
    has_text_alone=False,
)
