"""One call of several attempts, within one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.errors import CallError, RetryableError
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.types import Outcome

__all__ = ["with_retries"]

_Reply = TypeVar("_Reply")


async def with_retries(attempt: Callable[[], Awaitable[_Reply]], limits: CallLimits, server: str, breaker: CircuitBreaker | None = None) -> _Reply:
    """The reply of the first attempt that succeeds.

    An attempt that runs out of time is not repeated: the server may still be at work on it, and a second copy would make its queue longer.

    Args:
        attempt: one attempt; raises RetryableError for what another one might not meet, CallError for what it would.
        server: what is called, for errors.
        breaker: shared by the calls of one server.

    Raises:
        CallError: `timeout` when the deadline passes during an attempt, else `error`.
    """
    if breaker is not None:
        breaker.check()
    try:
        reply = await _attempts(attempt, limits, server)
    except CallError as error:
        if breaker is not None and (error.server_down or error.of_the_input):
            breaker.record(works=error.of_the_input)
        raise
    if breaker is not None:
        breaker.record(works=True)
    return reply


async def _attempts(attempt: Callable[[], Awaitable[_Reply]], limits: CallLimits, server: str) -> _Reply:
    clock = asyncio.get_running_loop().time
    deadline = clock() + limits.timeout
    for number in count(1):
        try:
            async with asyncio.timeout_at(deadline):
                return await attempt()
        except TimeoutError:
            raise CallError(Outcome.TIMEOUT, f"no reply from {server} within {limits.timeout:g} s") from None
        except RetryableError as failure:
            error = failure
        text = f"{server} failed {_times(number)}, last with {error}"
        if number > limits.retries:
            raise CallError(Outcome.ERROR, text, server_down=not error.busy)
        wait = max(limits.wait(number), error.retry_after or 0.0)
        if clock() + wait >= deadline:
            asked = f" and asks to wait {error.retry_after:g} s" if error.retry_after else ""
            raise CallError(Outcome.ERROR, f"{text}{asked}; no time is left of {limits.timeout:g} s", server_down=not error.busy)
        await asyncio.sleep(wait)
    raise AssertionError("unreachable")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
