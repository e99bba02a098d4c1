"""One background event loop for rewards that wait: coroutines of all rewards overlap there, whichever thread or loop calls.

Nothing that a coroutine does ends the loop's thread, and whoever waits for a coroutine gets its result or an Exception.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future
from typing import Any

from rl_rewards.redaction import logger_for
from rl_rewards.types import describe

__all__ = ["CoroutineExitError", "contain", "submit"]

logger = logger_for(__name__)
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_owner: int | None = None


class CoroutineExitError(RuntimeError):
    """A coroutine raised what would have ended its thread or cancelled its caller, such as SystemExit or CancelledError."""


def submit(coroutine: Coroutine[Any, Any, Any]) -> Future:
    """Start a coroutine on the background loop. Never blocks, and works inside another running loop (a notebook, TRL's own).

    Returns:
        A future of the coroutine's result. What is no Exception (SystemExit, CancelledError, ...) arrives as CoroutineExitError.
    """
    global _loop, _owner
    with _lock:
        # A forked child inherits the loop but not its thread.
        if _loop is None or _owner != os.getpid():
            _loop, _owner = asyncio.new_event_loop(), os.getpid()
            threading.Thread(target=_run_forever, args=(_loop,), name="rl_rewards-event-loop", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(contain(coroutine), _loop)


async def contain(awaitable: Awaitable[Any]) -> Any:
    """What an awaitable gives, with every BaseException of its own as a CoroutineExitError.

    Signals are dealt with in the main thread, so here SystemExit and KeyboardInterrupt are the awaitable's own. A cancellation that was
    asked for (by a timeout, or by whoever waits) stays one.
    """
    try:
        return await awaitable
    except Exception:
        raise
    except BaseException as error:
        if _was_asked_for(error):
            raise
        raise CoroutineExitError(f"the coroutine raised {describe(error)}") from error


def _was_asked_for(error: BaseException) -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True  # no loop runs: a coroutine that nobody will finish is being closed
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop whatever its callbacks raise: asyncio lets SystemExit and KeyboardInterrupt of any task end it."""
    asyncio.set_event_loop(loop)
    while True:
        try:
            loop.run_forever()
        except BaseException as error:
            logger.warning("a task raised %s; the event loop goes on", describe(error))
