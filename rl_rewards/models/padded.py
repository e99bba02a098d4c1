"""Any model: batches of like length, padded and masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

Side = Literal["left", "right"]


@dataclass(frozen=True)
class PaddedBatch:
    """Padded sequences.

    Attributes:
        input_ids: (B, T) token ids.
        attention_mask: (B, T), 1 at real tokens.
        starts: (B,), where each sequence begins: 0 when padded on the right.
        lengths: (B,) real tokens of each.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor


Read = Callable[[Any, PaddedBatch], Sequence[torch.Tensor]]
"""(what the model returned, its batch) -> one tensor for each sequence of the batch."""


def pad(sequences: Sequence[np.ndarray], pad_token_id: int, side: Side, device: torch.device) -> PaddedBatch:
    """Pad sequences to the longest of them."""
    lengths = [len(sequence) for sequence in sequences]
    longest = max(lengths)
    input_ids = np.full((len(sequences), longest), pad_token_id, dtype=np.int64)
    mask = np.zeros_like(input_ids)
    starts = [longest - length if side == "left" else 0 for length in lengths]
    for row, (sequence, start, length) in enumerate(zip(sequences, starts, lengths, strict=True)):
        input_ids[row, start : start + length] = sequence
        mask[row, start : start + length] = 1
    return PaddedBatch(*(torch.as_tensor(part).to(device) for part in (input_ids, mask, starts, lengths)))


def forward_padded(
    model: nn.Module, sequences: Sequence[np.ndarray], read: Read, *, pad_token_id: int, side: Side, device: torch.device
) -> list[torch.Tensor]:
    """One masked forward pass over a batch; positions count from each sequence's first token where the model takes them.

    Returns:
        What `read` takes from the model's output, one tensor a sequence.
    """
    batch = pad(sequences, pad_token_id, side, device)
    inputs: dict[str, Any] = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if side == "left":
        # Without these a causal model would count the padding as text.
        inputs["position_ids"] = (batch.attention_mask.cumsum(1) - 1).clamp(min=0)
    return list(read(model(**inputs), batch))
