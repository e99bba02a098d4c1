"""A pool of persistent worker processes, each of which can be killed without loss to the others.

One thread of the caller owns all of the pool's sockets and deadlines; no signal is used, so it works from every thread, under an event
loop, in a DataLoader worker and in a notebook. The workers are forked by a fork server (see forkserver.py) that is started as a fresh
interpreter with a cleared environment.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rl_rewards.runtime.workers.dispatcher import Dispatcher
from rl_rewards.runtime.workers.jobs import Chunk, ItemResult, PoolError, PoolJob
from rl_rewards.runtime.workers.server_link import IN_WORKER

_CLOSE_SECONDS = 15.0  # more than the server is given to end


class WorkerPool:
    """Worker processes that run a call on many items, with a deadline for each item.

    Nothing is started before the first `submit`. An item that misses its deadline costs its own result and one worker's life: the worker's
    process group is killed, another worker takes its place, and the rest of its chunk is run again. An item whose worker dies is run once
    more, in a new worker: something else may have been the reason.

    Args:
        workers: how many processes run items at once, at least 1.
        memory_mb: what one worker may allocate, in MiB; None for no limit.

    Raises:
        ValueError: when an argument is out of range.
        PoolError: on a platform without `fork`, and in a worker.
    """

    def __init__(self, workers: int, memory_mb: int | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        if memory_mb is not None and memory_mb < 64:
            raise ValueError(f"memory_mb must be at least 64 (a Python process with this package in it needs about 40), got {memory_mb}")
        if not hasattr(os, "fork") or not sys.executable:
            raise PoolError("isolation needs a platform with fork and a Python executable; this one has none")
        if IN_WORKER in os.environ:
            raise PoolError(
                "a worker process starts no workers of its own. If its scorer's module trains when it is imported, "
                "put that under `if __name__ == '__main__':`"
            )
        self.workers = workers
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._inbox: deque[Chunk | bytes] = deque()  # chunks to run, names of modules to preload
        self._thread: threading.Thread | None = None
        self._closing = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._dispatcher = Dispatcher(workers, memory_mb)

    def preload(self, module: str) -> None:
        """Import `module` in the fork server, so that workers are born with it. For this package's own modules, which start no threads."""
        self._post(module.encode())

    def submit(self, call: bytes, items: Sequence[Any], timeout: float, chunk: int = 1) -> Future[list[ItemResult]]:
        """Run `call(item)` for every item, in the workers.

        Args:
            call: a function of one argument, as `serialize_call` gives it. Workers keep it, so state it holds is loaded once.
            items: N picklable arguments.
            timeout: seconds that one item may take, wall clock; loading the call is not counted, nor, on Linux, is the time that the
                worker is ready to run and has no processor, up to eight times the timeout: a machine that is too busy is nobody's fault.
            chunk: items that travel together; more for cheaper items.

        Returns:
            A future of N ItemResults, in the items' order. It may be cancelled.

        Raises:
            pickle.PicklingError, TypeError: for an item that pickle refuses.
            PoolError: when the pool is closed or belongs to another process; from the future, when the server cannot be started.
        """
        future: Future[list[ItemResult]] = Future()
        if not items:
            future.set_result([])
            return future
        pickled = [pickle.dumps(item, pickle.HIGHEST_PROTOCOL) for item in items]
        job = PoolJob(call, pickled, timeout, future, [None] * len(pickled), len(pickled))
        everything = range(len(pickled))
        self._post(*(Chunk(job, everything[start : start + chunk]) for start in range(0, len(pickled), chunk)))
        return future

    @property
    def closed(self) -> bool:
        """Whether it takes no more work, because it was closed or broke."""
        return self._closing

    def processes(self) -> list[int]:
        """Process ids of the server and of its children, for those who look after the machine. Empty before the first `submit`."""
        return self._dispatcher.server.processes()

    def close(self) -> None:
        """Kill the workers and wait until they are gone; what was not finished is cancelled. May be called twice."""
        with self._lock:
            self._closing = True
            thread = self._thread
        if thread is not None:
            self._wake()
            thread.join(_CLOSE_SECONDS)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's pool without touching its processes."""
        self._closing = True
        self._dispatcher.abandon()
        self._wake_read.close()
        self._wake_write.close()

    def _post(self, *messages: Chunk | bytes) -> None:
        with self._lock:
            if self._closing:
                raise PoolError("this worker pool is closed")
            if self._owner != os.getpid():
                raise PoolError("a worker pool belongs to the process that made it; make another after a fork")
            self._inbox.extend(messages)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rl_rewards-pool", daemon=True)
                self._thread.start()
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is about to wake up anyway
            self._wake_write.send(b"\0")

    # What follows runs in the pool's thread.

    def _run(self) -> None:
        self._dispatcher.selector.register(self._wake_read, selectors.EVENT_READ, self._read_inbox)
        try:
            while not self._closing:
                self._dispatcher.step()
        except Exception as error:
            self._take_inbox()
            self._dispatcher.fail(PoolError(f"the worker pool broke: {error!r}"))
            raise
        finally:
            with self._lock:
                self._closing = True
            self._take_inbox()
            self._dispatcher.close()

    def _read_inbox(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)
        self._take_inbox()

    def _take_inbox(self) -> None:
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, Chunk):
                self._dispatcher.add(message)
            else:
                self._dispatcher.server.preload(message)
