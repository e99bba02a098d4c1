"""Sequences as a tree of token runs, so that a run that several sequences begin with is computed once.

GRPO's G completions share their prompt, and all prompts share a system prompt. Sharing is found on tokens, never on text: two texts with a
common beginning may be tokenised differently where they part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MIN_SHARED = 16
"""Tokens. A shorter common run (a lone BOS, a role header) costs more as a node of its own than it saves."""


class Node(NamedTuple):
    """A run of tokens, packed at [start, end); its descendants are packed right behind it, at [end, reach)."""

    start: int
    end: int
    reach: int
    depth: int
    """Position of the first token in its sequences."""
    parent: int
    """Index of the node before it in its sequences; -1 for a root."""


@dataclass(frozen=True)
class TokenTree:
    """A packed tree: depth-first, so that every node's descendants are contiguous.

    Token q sees token k exactly when k <= q and q < reach of k's node.

    Attributes:
        tokens: T packed token ids.
        positions: T positions, each in its own sequences.
        nodes: in packed order; a parent comes before its children.
        leaves: for each sequence, the node that holds its last token.
    """

    tokens: np.ndarray
    positions: np.ndarray
    nodes: tuple[Node, ...]
    leaves: tuple[int, ...]

    def packed_index(self, sequence: int, position: int) -> int:
        """Where the token at `position` of the sequence is packed."""
        node = self.nodes[self.leaves[sequence]]
        while position < node.depth:
            node = self.nodes[node.parent]
        return node.start + position - node.depth

    def path(self, index: int) -> list[Node]:
        """The nodes from a root down to node `index`."""
        path = []
        while index >= 0:
            path.append(self.nodes[index])
            index = path[-1].parent
        return path[::-1]


def pack(sequences: Sequence[np.ndarray], order: Sequence[int], budget: int) -> list[list[int]]:
    """Batches of sequence indices, neighbours in `order` together, each of at most `budget` tokens once what they share is counted once.

    A batch ends, past half the budget, where the next one has least to compute again: between groups, not within them.

    Args:
        sequences: token ids, each int of shape (length,).
        order: indices sorted by tokens, so that sharing is between neighbours.
        budget: tokens; a longer sequence is a batch of its own.
    """
    shared = [0, *(common_length(sequences[one], sequences[other]) for one, other in pairwise(order))]
    batches: list[list[int]] = []
    start = 0
    while start < len(order):
        totals = [len(sequences[order[start]])]  # tokens of the batch, by where it ends
        for place in range(start + 1, len(order)):
            total = totals[-1] + len(sequences[order[place]]) - shared[place]
            if total > budget:
                break
            totals.append(total)
        stop = start + len(totals)
        if stop < len(order):
            ends = [start + size for size, total in enumerate(totals, 1) if 2 * total >= budget]
            stop = min(ends, key=lambda end: (shared[end], -end), default=stop)
        batches.append(list(order[start:stop]))
        start = stop
    return batches


def build_tree(sequences: Sequence[np.ndarray]) -> TokenTree:
    """The packed tree of distinct sequences that are sorted by tokens, none of them empty."""
    runs: list[np.ndarray] = []
    nodes: list[list[int]] = []  # start, end, depth, parent
    leaves = [0] * len(sequences)
    packed = 0
    pending = [(0, len(sequences), 0, -1)]  # sequences [low, high) share what lies before `depth`, which ends with node `parent`
    while pending:
        low, high, depth, parent = pending.pop()
        first = sequences[low]
        common = common_length(first, sequences[high - 1])
        split = common
        if common > depth and (high - low == 1 or common - depth >= MIN_SHARED):
            nodes.append([packed, packed + common - depth, depth, parent])
            runs.append(first[depth:common])
            packed += common - depth
            depth, parent = common, len(nodes) - 1
        if len(first) == depth:  # it ends with its node, and sorting put it before those that go on
            leaves[low] = parent
            low += 1
        pending.extend((start, stop, depth, parent) for start, stop in reversed(_branches(sequences, low, high, split)))
    reach = [end for _, end, _, _ in nodes]
    for index in range(len(nodes) - 1, -1, -1):
        parent = nodes[index][3]
        if parent >= 0:
            reach[parent] = max(reach[parent], reach[index])
    return TokenTree(
        tokens=np.concatenate(runs),
        positions=np.concatenate([np.arange(depth, depth + end - start) for start, end, depth, _ in nodes]),
        nodes=tuple(Node(start, end, reach[i], depth, parent) for i, (start, end, depth, parent) in enumerate(nodes)),
        leaves=tuple(leaves),
    )


def common_length(one: np.ndarray, other: np.ndarray) -> int:
    """How many tokens two sequences begin with in common."""
    shorter = min(len(one), len(other))
    different = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(different[0]) if len(different) else shorter


def _branches(sequences: Sequence[np.ndarray], low: int, high: int, at: int) -> list[tuple[int, int]]:
    """Ranges of the sorted sequences [low, high) that agree on token `at`; one that ends there is a range of its own."""
    branches = []
    while low < high:
        stop = low + 1
        if len(sequences[low]) > at:
            while stop < high and sequences[stop][at] == sequences[low][at]:
                stop += 1
        branches.append((low, stop))
        low = stop
    return branches
