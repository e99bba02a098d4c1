"""Causal decoders: hidden states of chosen tokens, every shared prefix computed once and nothing padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from rl_rewards.models.attention import KeysTaken, TreeAttention, attending
from rl_rewards.models.pieces import feed_forward_in_pieces
from rl_rewards.models.tree import TokenTree, build_tree, pack

_LAYER_TYPES = {"full_attention", "sliding_attention"}


def why_not_a_tree(backbone: PreTrainedModel) -> str | None:
    """Why this model cannot compute a token tree; None when it can, as far as its configuration tells."""
    config = backbone.config
    if getattr(config, "is_encoder_decoder", False):
        return "it has an encoder"
    if not getattr(backbone, "_supports_attention_backend", False):
        return "it does not take its attention from transformers' AttentionInterface"
    if _last_layer(backbone) is None:
        return "its decoder layers were not found"
    other = set(getattr(config, "layer_types", None) or ()) - _LAYER_TYPES
    if other:
        return f"it has layers of type {sorted(other)}"
    return None


def packs(sequences: Sequence[np.ndarray], rows: Sequence[int], budget: int) -> list[list[int]]:
    """Batches of rows for `hidden_states_at`: those that share prefixes together, at most `budget` tokens each."""
    order = sorted(rows, key=lambda row: sequences[row].tolist())
    return pack(sequences, order, budget)


def hidden_states_at(backbone: PreTrainedModel, sequences: Sequence[np.ndarray], positions: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Last hidden states at the given positions, all sequences in one pass.

    Args:
        backbone: a causal decoder without its head, in eval mode.
        sequences: distinct, not empty, sorted by tokens; int of shape (length,).
        positions: for each sequence the positions to read, ascending.

    Returns:
        For each sequence a tensor (its positions, hidden size).
    """
    tree = build_tree(sequences)
    device = backbone.get_input_embeddings().weight.device
    wanted = [[tree.packed_index(i, place) for place in places] for i, places in enumerate(positions)]
    queries, back = np.unique(np.concatenate([np.asarray(places, dtype=np.int64) for places in wanted]), return_inverse=True)
    reader = TreeAttention(tree, device, torch.from_numpy(queries).to(device))
    with (
        attending(backbone, reader),
        _only_queries_in(_last_layer(backbone), reader),
        feed_forward_in_pieces(backbone, getattr(backbone.config, "intermediate_size", None) or 4 * backbone.config.hidden_size),
    ):
        hidden = backbone(**_inputs(tree, device), use_cache=False).last_hidden_state[0]
    return list(hidden[torch.from_numpy(queries[back]).to(device)].split([len(places) for places in wanted]))


@contextmanager
def _only_queries_in(layer: nn.Module, attention: TreeAttention) -> Iterator[None]:
    """Let the last layer compute keys and values of all tokens, but outputs only of the tokens that are read; the others become zeros.

    In a 4-layer model that saves a fifth of the work. The layer is entered twice: once as far as its keys and values, then wholly with the
    queries alone. So it needs no knowledge of what else the layer does.
    """

    def queries_of(value: Any) -> Any:
        """Whatever has one entry per token (hidden states, positions, rotary tables), at the queries alone."""
        if isinstance(value, torch.Tensor) and value.ndim > 1 and value.shape[1] == len(attention.tree.tokens):
            return value[:, attention.queries]
        return tuple(map(queries_of, value)) if isinstance(value, tuple) else value

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        attention.taking_keys = True
        try:
            module.forward(*args, **kwargs)
        except KeysTaken:
            pass
        finally:
            attention.taking_keys = False
        return tuple(map(queries_of, args)), {name: queries_of(value) for name, value in kwargs.items()}

    def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        everywhere = states.new_zeros(1, len(attention.tree.tokens), states.shape[-1])
        everywhere[:, attention.queries] = states
        return (everywhere, *output[1:]) if isinstance(output, tuple) else everywhere

    hooks = [layer.register_forward_pre_hook(before, with_kwargs=True), layer.register_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _inputs(tree: TokenTree, device: torch.device) -> dict[str, torch.Tensor]:
    return {
        # Without a mask, positions that begin anew would be taken for packed sequences, each of which sees itself alone.
        "attention_mask": torch.ones(1, len(tree.tokens), dtype=torch.long, device=device),
        "input_ids": torch.from_numpy(tree.tokens).to(device)[None],
        "position_ids": torch.from_numpy(tree.positions).to(device)[None],
    }


def _last_layer(backbone: nn.Module) -> nn.Module | None:
    for name in ("layers", "h"):
        layers = getattr(backbone, name, None)
        if isinstance(layers, nn.ModuleList) and len(layers):
            return layers[-1]
    return None
