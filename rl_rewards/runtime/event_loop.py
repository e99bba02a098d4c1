"""One background event loop for rewards that wait: coroutines of all rewards overlap there, whichever thread or loop calls."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_owner: int | None = None


def submit(coroutine: Coroutine[Any, Any, Any]) -> Future:
    """Start a coroutine on the background loop. Never blocks, and works inside another running loop (a notebook, TRL's own)."""
    global _loop, _owner
    with _lock:
        # A forked child inherits the loop but not its thread.
        if _loop is None or _owner != os.getpid():
            _loop, _owner = asyncio.new_event_loop(), os.getpid()
            threading.Thread(target=_loop.run_forever, name="rl_rewards-event-loop", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(coroutine, _loop)
