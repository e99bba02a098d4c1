"""One call of several attempts, within one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.call_clock import under_way
from rl_rewards.runtime.calling.errors import CallError, RetryableError
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.pace import Pace
from rl_rewards.types import Outcome

__all__ = ["with_retries"]

_Reply = TypeVar("_Reply")


async def with_retries(
    attempt: Callable[[], Awaitable[_Reply]],
    limits: CallLimits,
    server: str,
    breaker: CircuitBreaker | None = None,
    pace: Pace | None = None,
    tokens: float = 0.0,
) -> _Reply:
    """The reply of the first attempt that succeeds.

    The deadline counts from the start of the first attempt: what an attempt waits for its turn, at `pace`, is added to it. Between attempts
    a call holds no slot. A server that has too much to do (429) uses up the deadline and not the retries.

    An attempt that runs out of time is not repeated: the server may still be at work on it, and a second copy would make its queue longer.

    Args:
        attempt: one attempt; raises RetryableError for what another one might not meet, CallError for what it would.
        server: what is called, for errors.
        breaker: shared by the calls of one server.
        pace: when an attempt may begin, shared by the calls of one server.
        tokens: about how many an attempt takes of a rate limit.

    Raises:
        CallError: `timeout` when the deadline passes during an attempt, else `error`.
    """
    try:
        reply = await _attempts(attempt, limits, server, breaker, pace or Pace(1), tokens)
    except CallError as error:
        if breaker is not None and (error.server_down or error.of_the_input):
            breaker.record(works=error.of_the_input)
        raise
    if breaker is not None:
        breaker.record(works=True)
    return reply


async def _attempts(
    attempt: Callable[[], Awaitable[_Reply]], limits: CallLimits, server: str, breaker: CircuitBreaker | None, pace: Pace, tokens: float
) -> _Reply:
    clock = asyncio.get_running_loop().time
    deadline = clock() + limits.timeout
    failures = 0
    for number in count(1):
        queued = clock()
        try:
            async with pace.attempt(tokens):
                deadline += clock() - queued
                if breaker is not None and number == 1:  # not before: others may find the server down meanwhile
                    breaker.check()
                with under_way():
                    async with asyncio.timeout_at(deadline):
                        reply = await attempt()
        except TimeoutError:
            raise CallError(Outcome.TIMEOUT, f"no reply from {server} within {limits.timeout:g} s") from None
        except RetryableError as failure:
            error = failure
        else:
            pace.worked()
            return reply
        failures += not error.busy
        text = f"{server} failed {_times(number)}, last with {error}"
        if failures > limits.retries or not limits.retries:
            raise CallError(Outcome.ERROR, text, server_down=not error.busy, status=error.status)
        wait = max(limits.wait(number), error.retry_after or 0.0)
        if clock() + wait >= deadline:
            asked = f" and asks to wait {error.retry_after:g} s" if error.retry_after else ""
            text += f"{asked}; no time is left of {limits.timeout:g} s"
            raise CallError(Outcome.ERROR, text, server_down=not error.busy, status=error.status)
        if error.busy:
            pace.slow_down(error.retry_after, limits.wait(1))
        with under_way():
            await asyncio.sleep(wait)
    raise AssertionError("unreachable")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
