"""Completions that arrive one at a time, gathered into groups of one prompt that are scored as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from rl_rewards.reward import RewardError

__all__ = ["Gathering"]

In = TypeVar("In")
Out = TypeVar("Out")


class Gathering(Generic[In, Out]):
    """Waits until a group is whole, and scores it at once. For one event loop.

    Args:
        score: N items of one group -> N results; called in a thread.
        size: completions of a group.
        patience: seconds from a group's last arrival after which the missing ones are given up.
    """

    def __init__(self, score: Callable[[Sequence[In]], Sequence[Out]], size: int, patience: float) -> None:
        self._score, self._size, self._patience = score, size, patience
        self._waiting: dict[Hashable, list[tuple[In, asyncio.Future[Out]]]] = {}

    async def add(self, key: Hashable, item: In) -> Out:
        """The result of one completion, once its group is whole.

        Raises:
            RewardError: when the group does not become whole; whatever scoring it raises.
        """
        answer: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        group = self._waiting.setdefault(key, [])
        group.append((item, answer))
        if len(group) == self._size:
            await self._finish(self._waiting.pop(key))
        while not answer.done():
            arrived = len(group)
            await asyncio.wait([answer], timeout=self._patience)
            if not answer.done() and len(group) == arrived and self._waiting.get(key) is group:
                del self._waiting[key]
                missing = RewardError(
                    f"a reward compares the completions of a group of {self._size}, and {arrived} of group {key!r} arrived within {self._patience:g} s"
                )
                for _, waiting in group:
                    if not waiting.done():
                        waiting.set_exception(missing)
        return answer.result()

    async def _finish(self, group: list[tuple[In, asyncio.Future[Out]]]) -> None:
        try:
            results = await asyncio.to_thread(self._score, [item for item, _ in group])
        except BaseException as error:
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(group, results, strict=True):
            if not answer.done():
                answer.set_result(result)
