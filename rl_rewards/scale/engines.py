"""Where blocks are worked on: in this process, in several of this machine, or (`ray_data`) on a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rl_rewards.scale.processes import in_processes
from rl_rewards.tables.blocks import Block

__all__ = ["Advance", "Engine", "Here", "Processes"]

Advance = Callable[[int], None]
"""Called with the bytes of the data that are done since its last call."""


class Engine(ABC):
    """Works on blocks."""

    @abstractmethod
    def map(self, work: Any, blocks: Iterable[Block], advance: Advance) -> Iterator[Any]:
        """What `work` makes of each block.

        Args:
            work: a picklable function of a block.
        """


class Here(Engine):
    """In this process, one block after the other."""

    def map(self, work: Any, blocks: Iterable[Block], advance: Advance) -> Iterator[Any]:
        for block in blocks:
            done = 0

            def forward(size: int) -> None:
                nonlocal done
                done += size
                advance(size)

            yield work(block, advance=forward)
            advance(block.size - done)


class Processes(Engine):
    """In several processes of this machine; results come in the blocks' order.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, work: Any, blocks: Iterable[Block], advance: Advance) -> Iterator[Any]:
        sizes: deque[int] = deque()

        def noted() -> Iterator[Block]:
            for block in blocks:
                sizes.append(block.size)
                yield block

        for result in in_processes(work, noted(), self.workers):
            advance(sizes.popleft())
            yield result
