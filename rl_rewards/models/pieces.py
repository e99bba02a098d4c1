"""Feed-forward layers in pieces that stay in a CPU's cache.

Over a whole pack their intermediate states are tens of megabytes, allocated anew in every layer: on a CPU the page faults then cost as much
as a fifth of the matrix products. Tokens do not meet in a feed-forward layer, so they can go through a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

_PIECE_BYTES = 2**21
"""Size of the intermediate states of one piece: half a megabyte to a few are equally good."""


@contextmanager
def feed_forward_in_pieces(backbone: nn.Module, intermediate_size: int) -> Iterator[None]:
    """Run modules called `mlp` in pieces, on a CPU; elsewhere one launch is cheaper than several."""
    parameter = next(backbone.parameters())
    tokens = max(64, _PIECE_BYTES // (intermediate_size * parameter.element_size()))
    layers = [module for name, module in backbone.named_modules() if name.endswith(".mlp")] if parameter.device.type == "cpu" else []
    before = [vars(layer).get("forward") for layer in layers]  # accelerate puts its own there
    for layer in layers:
        layer.forward = partial(_in_pieces, layer.forward, tokens)
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward


def _in_pieces(forward: Any, tokens: int, states: torch.Tensor, *others: Any) -> Any:
    if others or states.ndim != 3 or states.shape[1] <= tokens:
        return forward(states, *others)
    output = torch.empty_like(states)
    for start in range(0, states.shape[1], tokens):
        piece = forward(states[:, start : start + tokens])
        if not isinstance(piece, torch.Tensor):  # a mixture of experts that returns its routing too
            return forward(states)
        output[:, start : start + tokens] = piece
    return output
