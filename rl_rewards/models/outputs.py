"""What reward models return: logits, or the custom outputs of ArmoRM, QRM, Beaver and their like, as one row of named numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_TOTALS = ("score", "scores", "end_scores")
TOTAL = "score"


class OutputError(ValueError):
    """The model returned nothing that can be read as a score."""


def named_numbers(output: Any, rows: int, wanted: str | None = None) -> tuple[tuple[str, ...], torch.Tensor]:
    """Names and values (rows, names) of what a sequence-level reward model returned.

    Args:
        output: a ModelOutput, a mapping, a tuple whose first member counts, or a tensor.
        rows: B, sequences in the batch.
        wanted: the member to read; by default `score`, `scores` or `end_scores` with the heads in `rewards` and the spread of
            `reward_quantiles` beside it, and `logits` in a model that returns none of these.

    Returns:
        Names, `score` first where the model itself makes a total, and float32 values.

    Raises:
        OutputError: when there is no such member, or its shape is not (B,), (B, 1) or (B, K).
    """
    members = _members(output)
    total = wanted or next((name for name in _TOTALS if members.get(name) is not None), None)
    names: list[str] = []
    columns: list[torch.Tensor] = []
    if total is not None:
        if members.get(total) is None:
            raise OutputError(f"the model returned no {total!r}, but {sorted(members)}")
        values = _matrix(total, members[total], rows)
        names += [TOTAL] if values.shape[1] == 1 else _heads(values.shape[1])
        columns.append(values)
        if total != "rewards" and members.get("rewards") is not None:
            heads = _matrix("rewards", members["rewards"], rows)
            names += _heads(heads.shape[1])
            columns.append(heads)
        if members.get("reward_quantiles") is not None:
            quantiles = members["reward_quantiles"].float().reshape(rows, -1, members["reward_quantiles"].shape[-1])
            names.append("quantile_spread")
            columns.append(quantiles.std(-1).mean(1, keepdim=True))
    else:
        name = next((name for name in ("logits", "rewards") if members.get(name) is not None), None)
        if name is None:
            raise OutputError(f"the model returned {sorted(members)}, none of which is a score; name one of them as `output`")
        values = _matrix(name, members[name], rows)
        names += _heads(values.shape[1])
        columns.append(values)
    return tuple(names), torch.cat(columns, 1)


def token_logits(output: Any, wanted: str | None = None, classes: list[int] | None = None) -> torch.Tensor:
    """Logits (B, T, K), float32, of what a token-level model returned; of `classes` alone where they are given.

    Raises:
        OutputError: when there is no such member, or it is not of that shape.
    """
    members = _members(output)
    name = wanted or "logits"
    if members.get(name) is None or members[name].ndim != 3:
        shapes = {key: tuple(value.shape) for key, value in members.items() if isinstance(value, torch.Tensor)}
        raise OutputError(f"reading scores at tokens needs {name!r} of shape (batch, tokens, classes); the model returned {shapes}")
    return (members[name] if classes is None else members[name][..., classes]).float()


def _members(output: Any) -> dict[str, Any]:
    if isinstance(output, torch.Tensor):
        return {"logits": output}
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, (tuple, list)) and output:
        return {"logits": output[0]}
    return {name: value for name, value in getattr(output, "__dict__", {}).items() if not name.startswith("_")}


def _matrix(name: str, values: torch.Tensor, rows: int) -> torch.Tensor:
    if values.shape[0] != rows or values.ndim > 2:
        raise OutputError(f"the model's {name!r} has shape {tuple(values.shape)} for {rows} sequences; allowed are (B,), (B, 1) and (B, K)")
    return values.float().reshape(rows, -1)


def _heads(count: int) -> list[str]:
    return [f"head_{head}" for head in range(count)]
