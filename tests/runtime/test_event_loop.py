"""The background event loop: whatever a coroutine raises, the loop goes on and nobody waits for ever."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest

from rl_rewards import Reward, reward_function
from rl_rewards.runtime import event_loop

PATIENCE = 300.0  # seconds until a test that hangs fails


class OwnBaseException(BaseException):
    """What no library expects."""


def raising(error: BaseException) -> Any:
    async def coroutine() -> None:
        await asyncio.sleep(0)
        raise error

    return coroutine()


async def in_a_task(error: BaseException) -> None:
    """The error is raised by a task that the coroutine has started, where asyncio lets some end the loop."""
    await asyncio.create_task(raising(error))


async def gathered(error: BaseException) -> None:
    await asyncio.gather(asyncio.sleep(0), raising(error))


async def forgotten(error: BaseException) -> None:
    """The task fails after the coroutine is done."""
    asyncio.get_running_loop().call_soon(lambda: _throw(error))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    raise error


def _throw(error: BaseException) -> None:
    raise error


ERRORS = [
    SystemExit(0),
    SystemExit("bye"),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    OwnBaseException("own"),
    StopAsyncIteration(),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("where", [raising, in_a_task, gathered, forgotten])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_every_exception_reaches_who_waits_and_the_loop_goes_on(error: BaseException, where: Any) -> None:
    future = event_loop.submit(where(error))
    assert isinstance(future.exception(PATIENCE), Exception)  # which a CancelledError is not
    assert event_loop.submit(asyncio.sleep(0, "on")).result(PATIENCE) == "on"


async def stop_the_loop() -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.001)
    return "on"


def test_a_coroutine_cannot_stop_the_loop() -> None:
    assert event_loop.submit(stop_the_loop()).result(PATIENCE) == "on"


def test_others_that_run_meanwhile_lose_nothing() -> None:
    gate = threading.Event()

    async def wait() -> str:
        while not gate.is_set():
            await asyncio.sleep(0.001)
        return "done"

    others = [event_loop.submit(wait()) for _ in range(20)]
    for _ in range(5):
        with pytest.raises(event_loop.CoroutineExitError, match="SystemExit: 0"):
            event_loop.submit(in_a_task(SystemExit(0))).result(PATIENCE)
    gate.set()
    assert [other.result(PATIENCE) for other in others] == ["done"] * 20


def test_a_cancellation_that_was_asked_for_stays_one() -> None:
    future = event_loop.submit(asyncio.sleep(PATIENCE))
    assert future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(PATIENCE)

    async def with_timeout() -> str:
        try:
            async with asyncio.timeout(0.01):
                await event_loop.contain(asyncio.sleep(PATIENCE))
        except TimeoutError:
            return "timeout"
        return "no timeout"

    assert event_loop.submit(with_timeout()).result(PATIENCE) == "timeout"


@pytest.mark.parametrize("error", [error for error in ERRORS if not isinstance(error, Exception)], ids=repr)
def test_a_row_of_an_async_reward_that_raises_it_costs_that_row(error: BaseException) -> None:
    @reward_function
    async def picky(response: str) -> float:
        await asyncio.sleep(0)
        if response == "bad":
            raise error
        return 1.0

    assert Reward("picky", picky)(prompts=["q"] * 3, completions=["good", "bad", "good"]) == [1.0, None, 1.0]
