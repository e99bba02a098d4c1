"""Attention over a token tree, registered with transformers' AttentionInterface.

Each token attends to its own path from the root: exactly the keys that it would have seen in a sequence of its own, so nothing is padded
and a shared run has one set of keys. On a GPU this is one flex attention kernel; elsewhere it is one dense kernel per node, which on a CPU
is faster than any mask over the whole pack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import causal_mask_function

from rl_rewards.models.blocks import tree_block_mask
from rl_rewards.models.tree import Node, TokenTree

NAME = "rl_rewards_tree"


class UnsupportedAttentionError(ValueError):
    """The model's attention needs something that attention over a tree does not have (a soft cap, sinks, both directions)."""


@dataclass(frozen=True)
class PathMask:
    """The mask that a model makes for itself, as far as a tree can follow it: causal, within `window` tokens (None: all of the path)."""

    window: int | None


class KeysTaken(BaseException):
    """Raised to leave a layer once its keys and values are known; not an error, and no caller's `except Exception` may swallow it."""


class TreeAttention:
    """Attention for one packed tree.

    Args:
        tree: the packed tree of T tokens.
        device: where the model computes.
        queries: packed indices of the P tokens whose outputs are read, for the last layer; ascending within each node.
    """

    def __init__(self, tree: TokenTree, device: torch.device, queries: torch.Tensor) -> None:
        self.tree = tree
        self.device = device
        self.queries = queries
        self.taking_keys = False
        self._taken: tuple[torch.Tensor, torch.Tensor] | None = None
        self._masks: dict[tuple[int, bool, int | None], torch.Tensor | None] = {}
        self._block_masks: dict[tuple[bool, int | None], Any] = {}

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None, window: int | None) -> torch.Tensor:
        """Outputs (1, T or P, heads, D) for queries (1, heads, T or P, D) and keys and values (1, key heads, T, D)."""
        if self.taking_keys:
            self._taken = (key, value)
            raise KeysTaken
        if self._taken is not None:
            key, value = self._taken
        kernel = self._flex if self.device.type == "cuda" else self._by_node
        return kernel(query, key, value, scale, window, last=self._taken is not None)

    def _by_node(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None, window: int | None, last: bool
    ) -> torch.Tensor:
        # Tokens before heads in memory, as the layers that call expect of the result; values may be of another size than keys.
        output = query.new_empty(1, query.shape[2], query.shape[1], value.shape[-1]).transpose(1, 2)
        grouped = query.shape[1] != key.shape[1]
        for index, path, rows, places in self._last_layer_steps if last else self._steps:
            keys, values = _along(key, path), _along(value, path)
            own = query[:, :, rows]
            length, asked = keys.shape[2], own.shape[2]
            if places is None and window is None and 2 * asked >= length:
                # Asking again for the path's few queries costs less than a mask, which would rule out the causal kernel.
                own = own if len(path) == 1 else torch.cat((_along(query, path[:-1]), own), 2)
                answer = F.scaled_dot_product_attention(own, keys, values, is_causal=True, scale=scale, enable_gqa=grouped)[:, :, -asked:]
            else:
                mask = self._mask(index, length, places, window)
                answer = F.scaled_dot_product_attention(own, keys, values, attn_mask=mask, scale=scale, enable_gqa=grouped)
            output[:, :, rows] = answer
        return output.transpose(1, 2)

    @cached_property
    def _steps(self) -> list[tuple[int, list[Node], slice, torch.Tensor | None]]:
        """Per node: its index, its path, the rows of its queries, and their positions (None: all of the node's tokens)."""
        return [(i, self.tree.path(i), slice(node.start, node.end), None) for i, node in enumerate(self.tree.nodes)]

    @cached_property
    def _last_layer_steps(self) -> list[tuple[int, list[Node], Any, torch.Tensor | None]]:
        steps: list[tuple[int, list[Node], Any, torch.Tensor | None]] = []
        places = torch.as_tensor(self.tree.positions)
        queries = self.queries.cpu()
        starts = torch.tensor([node.start for node in self.tree.nodes])
        owners = torch.searchsorted(starts, queries, right=True) - 1
        for index in owners.unique().tolist():
            rows = (owners == index).nonzero()[:, 0]
            steps.append((index, self.tree.path(index), rows.to(self.device), places[queries[rows]].to(self.device)))
        return steps

    def _mask(self, index: int, length: int, places: torch.Tensor | None, window: int | None) -> torch.Tensor | None:
        """Which of the path's keys (at positions 0 .. length-1) each query sees; None when all. The same in every layer but the last."""
        key = (index, places is None, window)
        if key not in self._masks:
            if places is None:
                places = torch.arange(self.tree.nodes[index].depth, length, device=self.device)
            keys = torch.arange(length, device=self.device)
            seen = keys <= places[:, None]
            seen = seen if window is None else seen & (keys > places[:, None] - window)
            self._masks[key] = None if bool(seen.all()) else seen
        return self._masks[key]

    def _flex(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None, window: int | None, last: bool) -> torch.Tensor:
        answer = _flex_kernel(self.device.type)(
            query,
            key,
            value,
            block_mask=self._block_mask(last, window),
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
            kernel_options={"FORCE_USE_FLEX_ATTENTION": True},  # the decoding kernel knows no such masks
        )
        return answer.transpose(1, 2).contiguous()

    def _block_mask(self, last: bool, window: int | None) -> Any:
        if (last, window) not in self._block_masks:
            queries = self.queries if last else torch.arange(len(self.tree.tokens), device=self.device)
            self._block_masks[last, window] = tree_block_mask(self.tree, queries, window)
        return self._block_masks[last, window]


def _along(states: torch.Tensor, path: list[Node]) -> torch.Tensor:
    """The path's tokens of (1, heads, T, D), in order of position."""
    if len(path) == 1:
        return states[:, :, path[0].start : path[0].end]
    return torch.cat([states[:, :, node.start : node.end] for node in path], 2)


@lru_cache
def _flex_kernel(device: str) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    # Uncompiled, flex attention materialises all scores: right, which the tests use on a CPU, but slow.
    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention


_current: ContextVar[TreeAttention | None] = ContextVar("rl_rewards_tree_attention", default=None)


def _tree_attention(
    module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: Any, **options: Any
) -> tuple[torch.Tensor, None]:
    """What transformers calls in every attention layer: queries (1, heads, T, D) -> outputs (1, T, heads, D)."""
    attend = _current.get()
    if attend is None or not getattr(module, "is_causal", True):
        raise UnsupportedAttentionError(f"{type(module).__name__} does not attend causally within a token tree")
    asked = [name for name in ("softcap", "s_aux", "position_bias", "head_mask") if options.get(name) is not None]
    if asked:
        raise UnsupportedAttentionError(f"{type(module).__name__} asks attention for {asked}")
    if not isinstance(attention_mask, PathMask):
        raise UnsupportedAttentionError(f"{type(module).__name__} makes a mask of its own, which may hide more than what comes later")
    return attend(query, key, value, options.get("scaling"), attention_mask.window), None


def _path_mask(*, mask_function: Callable[..., torch.Tensor], config: Any, device: torch.device, use_vmap: bool = False, **_options: Any) -> PathMask:
    """What transformers calls for the mask of a forward pass: tried out, as its function says nothing of itself.

    Raises:
        UnsupportedAttentionError: when the mask is neither causal nor causal within the configuration's sliding window.
    """
    if mask_function is causal_mask_function:
        return PathMask(None)
    window = getattr(config, "sliding_window", None)
    if use_vmap or not isinstance(window, int) or not _is_window(mask_function, window, device):
        raise UnsupportedAttentionError(f"its mask is neither causal nor a sliding window of {window} tokens")
    return PathMask(window)


def _is_window(mask_function: Callable[..., torch.Tensor], window: int, device: torch.device) -> bool:
    """Whether the mask is a causal one of that window, at its edges and at the beginning."""
    places = [0, 1, window - 1, window, window + 1, 3 * window + 1]
    queries = torch.tensor(places, device=device)[:, None]
    keys = torch.tensor(sorted({max(0, place + near - back) for place in places for near in (-1, 0, 1) for back in (0, window)}), device=device)
    zero = torch.zeros(1, dtype=torch.long, device=device)
    try:
        seen = mask_function(zero, zero, queries, keys)
    except IndexError:  # it looks positions up, in a table of this batch's tokens
        return False
    return torch.equal(seen, (keys <= queries) & (keys > queries - window))


AttentionInterface.register(NAME, _tree_attention)
AttentionMaskInterface.register(NAME, _path_mask)


@contextmanager
def attending(model: PreTrainedModel, attention: TreeAttention) -> Iterator[None]:
    """Let every attention layer of `model` attend over the tree; the model's own attention is put back on leaving."""
    own = model.config._attn_implementation
    token = _current.set(attention)
    model.config._attn_implementation = NAME
    try:
        yield
    finally:
        model.config._attn_implementation = own
        _current.reset(token)
