"""A pool of persistent worker processes, each of which can be killed without hurting the others.

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
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from rl_rewards.runtime.frames import FrameReader, Kind, frame
from rl_rewards.runtime.jobs import Chunk, Finished, Job, PoolError
from rl_rewards.runtime.results import load_result
from rl_rewards.runtime.server_link import IN_WORKER, ServerLink
from rl_rewards.types import Outcome

# Loading a call means importing modules, which is not an item's fault; no import that ends takes longer than this.
_LOAD_SECONDS = 120.0
_CLOSE_SECONDS = 15.0  # more than the server is given to end


@dataclass(eq=False)
class _Worker:
    id: int
    connection: socket.socket
    reader: FrameReader = field(default_factory=FrameReader)
    outgoing: bytes | memoryview = b""
    chunk: Chunk | None = None
    position: int = 0
    started: bool = False  # whether the chunk's call is loaded, so that an item is running
    deadline: float | None = None
    retiring: bool = False


class WorkerPool:
    """Worker processes that run a call on many items, with a deadline for each item.

    Nothing is started before the first `submit`. An item that misses its deadline costs its own result and one worker's life: the worker's
    process group is killed, another worker takes its place, and the rest of its chunk is run again.

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
        self._size = workers
        self._memory_mb = memory_mb
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._inbox: deque[Chunk | bytes] = deque()  # chunks to run, names of modules to preload
        self._thread: threading.Thread | None = None
        self._closing = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        # All below belongs to the pool's thread.
        self._selector = selectors.DefaultSelector()
        self._queue: deque[Chunk] = deque()
        self._server = ServerLink(memory_mb)
        self._ids = count(1)
        self._live: dict[int, _Worker] = {}
        self._dying: dict[int, _Worker] = {}
        self._answered = False  # whether any worker of the present server has ever answered

    def preload(self, module: str) -> None:
        """Import `module` in the fork server, so that workers are born with it. For this package's own modules, which start no threads."""
        self._post(module.encode())

    def submit(self, call: bytes, items: Sequence[Any], timeout: float, chunk: int = 1) -> Future[list[Finished]]:
        """Run `call(item)` for every item, in the workers.

        Args:
            call: a function of one argument, as `portable` gives it. Workers keep it, so state it holds is loaded once.
            items: N picklable arguments.
            timeout: seconds that one item may take, wall clock; loading the call is not counted.
            chunk: items that travel together; more for cheaper items.

        Returns:
            A future of N Finished, in the items' order. It may be cancelled.

        Raises:
            NotPortableError, pickle.PicklingError, TypeError: for an item that pickle refuses.
            PoolError: when the pool is closed or belongs to another process; from the future, when the server cannot be started.
        """
        future: Future[list[Finished]] = Future()
        if not items:
            future.set_result([])
            return future
        pickled = [pickle.dumps(item, pickle.HIGHEST_PROTOCOL) for item in items]
        job = Job(call, pickled, timeout, future, [None] * len(pickled), len(pickled))
        everything = range(len(pickled))
        self._post(*(Chunk(job, everything[start : start + chunk]) for start in range(0, len(pickled), chunk)))
        return future

    @property
    def closed(self) -> bool:
        """Whether it takes no more work, because it was closed or broke."""
        return self._closing

    def processes(self) -> list[int]:
        """Process ids of the server and of its children, for those who look after the machine. Empty before the first `submit`."""
        return self._server.processes()

    def close(self) -> None:
        """Kill the workers and wait until they are gone; what was not finished is cancelled. May be called twice."""
        with self._lock:
            self._closing = True
            thread = self._thread
        if thread is not None:
            self._wake()
            thread.join(_CLOSE_SECONDS)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's pool without touching its processes.

        The copies of its sockets must be closed here, else the server would not notice that the parent is gone.
        """
        self._closing = True
        self._server.abandon()
        connections = [worker.connection for worker in (*self._live.values(), *self._dying.values())]
        for connection in (self._wake_read, self._wake_write, *connections):
            connection.close()
        self._selector.close()

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
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._read_inbox)
        try:
            while not self._closing:
                self._dispatch()
                for key, events in self._selector.select(self._patience()):
                    key.data(events)
                # Only now: what has arrived in time is read before a deadline is called missed, however late this thread was woken.
                self._expire()
        except Exception as error:
            self._fail_all(PoolError(f"the worker pool broke: {error!r}"))
            raise
        finally:
            with self._lock:
                self._closing = True
            self._stop()

    def _read_inbox(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, Chunk):
                self._queue.append(message)
            else:
                self._server.preload(message)

    def _dispatch(self) -> None:
        idle = [worker for worker in self._live.values() if worker.chunk is None and not worker.retiring]
        while self._queue:
            chunk = self._queue[0]
            if chunk.job.future.done():  # cancelled
                self._queue.popleft()
                continue
            if idle:
                worker = idle.pop()
            elif len(self._live) < self._size:
                try:
                    worker = self._fork()
                except OSError as error:
                    self._fail_all(PoolError(f"cannot start a worker process: {error}"))
                    return
            else:
                return
            self._queue.popleft()
            self._give(worker, chunk)

    def _give(self, worker: _Worker, chunk: Chunk) -> None:
        payload = pickle.dumps((chunk.job.call, [chunk.job.items[index] for index in chunk.indices]), pickle.HIGHEST_PROTOCOL)
        worker.chunk, worker.position, worker.started = chunk, 0, False
        worker.deadline = time.monotonic() + max(_LOAD_SECONDS, chunk.job.timeout)
        worker.outgoing = memoryview(frame(Kind.CHUNK, payload))
        self._write(worker)

    def _write(self, worker: _Worker) -> None:
        try:
            worker.outgoing = worker.outgoing[worker.connection.send(worker.outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            worker.outgoing = b""  # it is dying; its death will be told
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.outgoing else 0)
        if self._selector.get_key(worker.connection).events != events:
            self._selector.modify(worker.connection, events, self._on_worker(worker))

    def _on_worker(self, worker: _Worker) -> Callable[[int], None]:
        def handle(events: int) -> None:
            if worker.id not in self._live:
                return  # gone earlier in the same round of events
            if events & selectors.EVENT_READ:
                self._read(worker)
            if events & selectors.EVENT_WRITE and worker.id in self._live:
                self._write(worker)

        return handle

    def _read(self, worker: _Worker) -> None:
        try:
            data = worker.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it is dead, or has closed its socket, which comes to the same
            self._doom(worker)
            return
        for kind, payload in worker.reader.feed(data):
            self._hear(worker, kind, payload)

    def _hear(self, worker: _Worker, kind: Kind, payload: bytes) -> None:
        if worker.chunk is None:
            return  # an answer too many: only a worker that is not itself any more says that
        if kind is Kind.RETIRING:
            worker.retiring = True
        elif kind is Kind.STARTED:
            worker.started = True
            worker.deadline = time.monotonic() + worker.chunk.job.timeout
        elif kind is Kind.UNLOADABLE:
            text = payload.decode(errors="replace")
            self._end(worker, Finished(Outcome.ERROR, error=f"the worker could not load the call: {text}"))
        elif kind is Kind.OUT_OF_MEMORY:
            self._answer(worker, Finished(Outcome.CRASHED, error=f"out of memory: more than {self._memory_mb} MiB"))
            self._doom(worker, running=False)
        elif kind is Kind.VALUE:
            self._answer(worker, _loaded(payload))
        elif kind is Kind.RAISED:
            self._answer(worker, Finished(Outcome.ERROR, error=payload.decode(errors="replace")))

    def _answer(self, worker: _Worker, result: Finished) -> None:
        """The worker is done with its current item."""
        assert worker.chunk is not None
        self._answered = True
        worker.chunk.job.finish(worker.chunk.indices[worker.position], result)
        worker.position += 1
        worker.deadline = time.monotonic() + worker.chunk.job.timeout
        if worker.position == len(worker.chunk.indices):
            worker.chunk, worker.deadline = None, None

    def _end(self, worker: _Worker, result: Finished) -> None:
        """The same result for all that is left of the worker's chunk."""
        assert worker.chunk is not None
        for index in worker.chunk.indices[worker.position :]:
            worker.chunk.job.finish(index, result)
        worker.chunk, worker.deadline = None, None

    def _patience(self) -> float | None:
        deadlines = [worker.deadline for worker in self._live.values() if worker.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _expire(self) -> None:
        now = time.monotonic()
        for worker in list(self._live.values()):
            if worker.deadline is None or worker.deadline > now or worker.chunk is None:
                continue
            if worker.started:
                self._answer(worker, Finished(Outcome.TIMEOUT, error=f"no result within {worker.chunk.job.timeout:g} s"))
            else:
                self._end(worker, Finished(Outcome.ERROR, error=f"loading the call took more than {_LOAD_SECONDS:g} s"))
            self._doom(worker, running=False)

    def _doom(self, worker: _Worker, running: bool = True) -> None:
        """Have the worker killed. What it had not begun goes back to the queue; what was `running` is settled when it is known how."""
        del self._live[worker.id]
        self._dying[worker.id] = worker
        self._selector.unregister(worker.connection)
        worker.connection.close()
        if worker.chunk is not None and worker.started:
            job, indices = worker.chunk
            begun = worker.position + (1 if running else 0)
            if rest := indices[begun:]:
                self._queue.appendleft(Chunk(job, rest))
            worker.chunk = Chunk(job, indices[:begun]) if running else None
        self._server.kill(worker.id)

    def _buried(self, worker: _Worker, how: str) -> None:
        if worker.chunk is not None:
            what = "" if worker.started else " while it loaded the call"
            self._end(worker, Finished(Outcome.CRASHED, error=f"the worker {how}{what}"))

    # The server.

    def _fork(self) -> _Worker:
        if self._server.control is None:
            self._answered = False
            self._selector.register(self._server.start(), selectors.EVENT_READ, self._read_exits)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        worker = _Worker(next(self._ids), ours)
        self._live[worker.id] = worker
        self._selector.register(ours, selectors.EVENT_READ, self._on_worker(worker))
        with theirs:
            self._server.fork(worker.id, theirs)
        return worker

    def _read_exits(self, _: int) -> None:
        exits = self._server.exits()
        if exits is None:
            self._server_died()
            return
        for worker_id, how in exits:
            if (worker := self._live.get(worker_id)) is not None:
                self._read_to_the_end(worker)
            self._buried(self._dying.pop(worker_id), how)

    def _server_died(self) -> None:
        how = self._close_server()
        for worker in list(self._live.values()):
            self._read_to_the_end(worker)
        if not self._answered:
            self._fail_all(PoolError(f"the worker pool's server {how} before any worker answered; its standard error says why"))
        for worker in self._dying.values():
            self._buried(worker, f"lost its server, which {how}")
        self._dying.clear()

    def _read_to_the_end(self, worker: _Worker) -> None:
        """Hear a dead worker's last words, up to the end of its socket."""
        while worker.id in self._live:
            self._read(worker)

    def _close_server(self) -> str:
        self._selector.unregister(self._server.control)
        return self._server.close()

    def _fail_all(self, error: PoolError) -> None:
        jobs = {id(chunk.job): chunk.job for chunk in self._queue}
        jobs |= {id(worker.chunk.job): worker.chunk.job for worker in (*self._live.values(), *self._dying.values()) if worker.chunk}
        self._queue.clear()
        for job in jobs.values():
            job.fail(error)

    def _stop(self) -> None:
        while self._inbox:
            if isinstance(message := self._inbox.popleft(), Chunk):
                self._queue.append(message)
        chunks = [*self._queue, *(worker.chunk for worker in (*self._live.values(), *self._dying.values()) if worker.chunk)]
        if self._server.control is not None:
            self._close_server()
        for worker in self._live.values():
            worker.connection.close()
        self._selector.close()
        for chunk in chunks:
            chunk.job.future.cancel()


def _loaded(payload: bytes) -> Finished:
    try:
        return Finished(Outcome.SCORED, load_result(payload))
    except pickle.UnpicklingError as error:
        return Finished(Outcome.ERROR, error=str(error))
