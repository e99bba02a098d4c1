"""Flex attention's block mask for a token tree, worked out block by block.

`create_block_mask` would evaluate the mask for every pair of tokens: for 32768 tokens a thousand million of them, in each batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rl_rewards.models.tree import TokenTree

BLOCK = 128


def tree_block_mask(tree: TokenTree, queries: torch.Tensor, window: int | None) -> Any:
    """The BlockMask under which each query sees its own path, and of that no more than `window` tokens.

    Args:
        tree: T packed tokens.
        queries: (Q,) packed indices of the queries, on the device of the attention.
        window: tokens; None without one.

    Returns:
        A torch BlockMask of Q queries and T keys. Blocks that all of their queries see wholly are marked so; blocks that may hold something
        to see are masked token by token; the others are never touched.
    """
    from torch.nn.attention.flex_attention import BlockMask

    sizes = [node.end - node.start for node in tree.nodes]
    reach = np.repeat([node.reach for node in tree.nodes], sizes)
    asked = queries.cpu().numpy()
    first_query, last_query = _extremes(asked)
    first_key, last_key = _extremes(np.arange(len(reach)))
    least_reach, most_reach = _extremes(reach)
    some = (first_key <= last_query[:, None]) & (most_reach > first_query[:, None])
    every = (last_key <= first_query[:, None]) & (least_reach > last_query[:, None]) if window is None else np.zeros_like(some)
    # The last blocks may be partly beyond the end; the kernel checks that only where it masks.
    every[-1, :] = every[:, -1] = False
    device = queries.device
    reach_of, place_of = torch.as_tensor(reach, device=device), torch.as_tensor(tree.positions, device=device)

    def sees(_batch: Any, _head: Any, row: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        q = queries[row]
        seen = (k <= q) & (q < reach_of[k])
        return seen if window is None else seen & (place_of[k] > place_of[q] - window)

    partial, full = _listed(some & ~every, device), _listed(every, device)
    return BlockMask.from_kv_blocks(*partial, *full, BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(len(asked), len(reach)))


def _extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value in each block."""
    starts = np.arange(0, len(values), BLOCK)
    return np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def _listed(blocks: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts (1, 1, query blocks) and, those that count first, indices (1, 1, query blocks, key blocks)."""
    counts, indices = blocks.sum(1), np.argsort(~blocks, axis=1, kind="stable")
    return tuple(torch.as_tensor(part.astype(np.int32), device=device)[None, None] for part in (counts, indices))
