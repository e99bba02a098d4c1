"""What the pool's thread does: it hands chunks to workers, reads their answers, keeps the deadlines and replaces what has died."""

from __future__ import annotations

import pickle
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count

from rl_rewards.runtime.workers.connection import LOAD_SECONDS, WorkerConnection
from rl_rewards.runtime.workers.frames import FrameError, Kind
from rl_rewards.runtime.workers.jobs import Chunk, ItemResult, PoolError, Stage
from rl_rewards.runtime.workers.results import load_result
from rl_rewards.runtime.workers.server_link import ServerLink
from rl_rewards.types import Outcome

_HEARTBEAT_SECONDS = 1.0
_MOST_USELESS_SERVERS = 3
_VALUE, _SCORED = Kind.VALUE, Outcome.SCORED  # looked up for every item


class Dispatcher:
    """A pool's queue, its workers and its fork server. Belongs to the pool's thread.

    Args:
        size: how many workers run at once.
        memory_mb: what one worker may allocate, in MiB; None for no limit.
    """

    def __init__(self, size: int, memory_mb: int | None) -> None:
        self.server = ServerLink(memory_mb)
        self.selector = selectors.DefaultSelector()
        self._size = size
        self._limit = size  # how many workers the system lets run
        self._memory_mb = memory_mb
        self._queue: deque[Chunk] = deque()
        self._numbers = count(1)
        self._live: dict[int, WorkerConnection] = {}
        self._dying: dict[int, WorkerConnection] = {}  # killed, or with a closed socket; their exit is not reported yet
        self._server_forks = False  # whether a worker of the present server has been heard of
        self._useless_servers = 0  # one after the other, of which no worker was
        self._next_heartbeat = 0.0

    def add(self, chunk: Chunk) -> None:
        """Queue a chunk."""
        self._queue.append(chunk)

    def step(self) -> None:
        """Hand out what can be handed out, wait for something to happen, and deal with it."""
        self._dispatch()
        for key, events in self.selector.select(self._next_deadline()):
            key.data(events)
        # Only now: what has arrived in time is read before a deadline is called missed, however late this thread was woken.
        self._expire()
        self._check_server()

    def fail(self, error: PoolError) -> None:
        """Fail every job that is not finished."""
        for job in {id(chunk.job): chunk.job for chunk in self._unfinished()}.values():
            job.fail(error)
        self._queue.clear()

    def close(self) -> None:
        """Kill the workers, wait until they are gone, and cancel what is not finished."""
        unfinished = list(self._unfinished())
        if self.server.control is not None:
            self.server.close()
        for worker in self._live.values():
            worker.socket.close()
        self.selector.close()
        for chunk in unfinished:
            chunk.job.future.cancel()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's sockets, or the server would not notice that the parent is gone."""
        self.server.abandon()
        for worker in self._workers():
            worker.socket.close()
        self.selector.close()

    def _workers(self) -> Iterable[WorkerConnection]:
        return (*self._live.values(), *self._dying.values())

    def _unfinished(self) -> Iterable[Chunk]:
        return (*self._queue, *self._running())

    # Handing out.

    def _dispatch(self) -> None:
        if any(chunk.exclusive for chunk in self._running()):
            return
        idle = [worker for worker in self._live.values() if worker.idle]
        while self._queue:
            chunk = self._queue[0]
            if chunk.job.future.done():  # cancelled
                self._queue.popleft()
                continue
            if chunk.exclusive and self._running():
                return
            try:
                worker = self._worker_for(chunk, idle)
            except OSError as error:
                self.fail(PoolError(f"cannot start a worker process: {error}"))
                return
            if worker is None:
                return
            self._queue.popleft()
            worker.send(chunk)
            self._watch(worker)
            if chunk.exclusive:
                return

    def _running(self) -> list[Chunk]:
        return [worker.chunk for worker in self._workers() if worker.chunk is not None]

    def _worker_for(self, chunk: Chunk, idle: list[WorkerConnection]) -> WorkerConnection | None:
        """A worker for a chunk: an idle one, a new one where one was lost with it, or None where it has to wait."""
        if idle and not chunk.deaths:
            return idle.pop()
        if len(self._live) >= self._limit:
            if not idle:
                return None
            self._kill(idle.pop())  # its place is for a new one
        return self._fork()

    def _fork(self) -> WorkerConnection:
        if self.server.control is None:
            self._server_forks = False
            self.selector.register(self.server.start(), selectors.EVENT_READ, self._read_server)
        ours, theirs = socket.socketpair()
        worker = WorkerConnection(next(self._numbers), ours)
        self._live[worker.number] = worker
        self.selector.register(ours, selectors.EVENT_READ, self._on_worker(worker))
        with theirs:
            self.server.fork(worker.number, theirs)
        return worker

    # Workers.

    def _on_worker(self, worker: WorkerConnection) -> Callable[[int], None]:
        def handle(events: int) -> None:
            if worker.number not in self._live:
                return  # gone earlier in the same round of events
            if events & selectors.EVENT_READ:
                self._read(worker)
            if events & selectors.EVENT_WRITE and worker.number in self._live:
                worker.flush()
                self._watch(worker)

        return handle

    def _watch(self, worker: WorkerConnection) -> None:
        events = selectors.EVENT_READ | (0 if worker.flushed else selectors.EVENT_WRITE)
        if self.selector.get_key(worker.socket).events != events:
            self.selector.modify(worker.socket, events, self._on_worker(worker))

    def _read(self, worker: WorkerConnection) -> bool:
        """Deal with what a worker has sent; whether there may be more."""
        data = worker.receive()
        if data is None:
            return False
        if not data:  # it is dead, or has closed its socket, which comes to the same
            self._kill(worker)
            return False
        try:
            for kind, payload in worker.answers(data):
                self._handle(worker, kind, payload)
                if worker.number not in self._live:
                    return False
            self._server_forks = True
        except FrameError as error:
            worker.fault = f"sent {error}"
            self._kill(worker)
            return False
        return True

    def _handle(self, worker: WorkerConnection, kind: Kind, payload: bytes) -> None:
        if kind is _VALUE:
            self._finish_item(worker, _loaded(payload))
        elif kind is Kind.LOADING:
            worker.begin_load()
        elif kind is Kind.STARTED:
            worker.begin_items()
        elif kind is Kind.RAISED:
            self._finish_item(worker, ItemResult(Outcome.ERROR, error=payload.decode(errors="replace")))
        elif kind is Kind.RETIRING:
            worker.retire()
        elif kind is Kind.UNLOADABLE:
            self._release_failed(worker, ItemResult(Outcome.ERROR, error=f"the worker could not load the call: {payload.decode(errors='replace')}"))
        elif kind is Kind.OUT_OF_MEMORY:
            worker.fault = f"ran out of memory: more than {self._memory_mb} MiB"
            self._kill(worker)

    def _finish_item(self, worker: WorkerConnection, result: ItemResult) -> None:
        assert worker.chunk is not None
        job = worker.chunk.job
        index, seconds = worker.finish_item()
        job.finish(index, result._replace(seconds=seconds))

    def _release_failed(self, worker: WorkerConnection, result: ItemResult) -> None:
        chunk = worker.release()
        if chunk is not None:
            chunk.fail(result)

    def _kill(self, worker: WorkerConnection, running: bool = True) -> None:
        """Have a worker killed. What it had not begun is queued at once; what it is `running`, when the server reports how it ended."""
        del self._live[worker.number]
        self._dying[worker.number] = worker
        self.selector.unregister(worker.socket)
        worker.socket.close()
        if worker.chunk is not None and worker.stage is Stage.RUNNING:
            begun = worker.position + (1 if running else 0)
            if rest := worker.chunk.indices[begun:]:
                self._queue.appendleft(Chunk(worker.chunk.job, rest))
            if running:
                worker.chunk = worker.chunk._replace(indices=worker.chunk.indices[:begun])
            else:
                worker.release()
        self.server.kill(worker.number)

    def _finish_lost(self, worker: WorkerConnection, how: str, with_server: bool = False) -> None:
        """A worker is gone: queue what it was at once more (see Chunk)."""
        chunk = worker.release()
        if chunk is None:
            return
        again = chunk.after_death(worker.stage, with_server)
        if again is not None:
            self._queue.appendleft(again)
            return
        when = {Stage.SENT: " before it began", Stage.LOADING: " while it loaded the call", Stage.RUNNING: ""}[worker.stage]
        chunk.fail(ItemResult(Outcome.CRASHED, error=f"the worker {worker.fault or how}{when} (attempt {len(chunk.deaths) + 1})"))

    # Deadlines.

    def _next_deadline(self) -> float | None:
        """Seconds until something has to be looked at; None when nothing is running."""
        deadlines = [worker.deadline for worker in self._workers() if worker.deadline is not None]
        if self._busy():
            deadlines.append(self._next_heartbeat)
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _expire(self) -> None:
        now = time.monotonic()
        for worker in self._workers():
            if worker.deadline is None or worker.deadline > now or worker.chunk is None:
                continue
            if worker.stage is Stage.RUNNING:
                if worker.extend():
                    continue
                self._finish_item(worker, ItemResult(Outcome.TIMEOUT, error=f"no result within {worker.chunk.job.timeout:g} s"))
            elif worker.stage is Stage.LOADING:
                self._release_failed(worker, ItemResult(Outcome.ERROR, error=f"loading the call took more than {LOAD_SECONDS:g} s"))
            else:
                worker.deadline, worker.fault = None, "did not take its work"
            if worker.number in self._live:
                self._kill(worker, running=False)

    # The server.

    def _busy(self) -> bool:
        return self.server.control is not None and bool(self._queue or self._dying or any(worker.chunk for worker in self._live.values()))

    def _check_server(self) -> None:
        if not self._busy() or time.monotonic() < self._next_heartbeat:
            return
        self._next_heartbeat = time.monotonic() + _HEARTBEAT_SECONDS
        self._limit = self._size
        if (trouble := self.server.check()) is not None:
            self._lose_server(trouble)

    def _read_server(self, _: int) -> None:
        exits = self.server.read()
        if exits is None:
            self._lose_server(None)
            return
        for number, how, forked in exits:
            worker = self._live.get(number)
            if not forked:
                self._limit = max(1, len(self._live) - 1)
            if worker is not None:
                self._read_to_the_end(worker)
            self._finish_lost(self._dying.pop(number), how)

    def _lose_server(self, trouble: str | None) -> None:
        assert self.server.control is not None
        self.selector.unregister(self.server.control)
        ended = self.server.close()
        how = trouble or ended
        for worker in list(self._live.values()):
            self._read_to_the_end(worker)
        self._useless_servers = 0 if self._server_forks else self._useless_servers + 1
        if self._useless_servers == _MOST_USELESS_SERVERS or (self._useless_servers and how.startswith("exited")):
            self._useless_servers = 0
            self.fail(PoolError(f"the worker pool's server {how} before any worker answered; its standard error says why"))
        dying = list(self._dying.values())
        self._dying.clear()
        for worker in dying:
            self._finish_lost(worker, f"lost its server, which {how}", with_server=True)

    def _read_to_the_end(self, worker: WorkerConnection) -> None:
        """Read what a dead worker has left in its socket; a process that it forked may hold the other end open."""
        while worker.number in self._live and self._read(worker):
            pass
        if worker.number in self._live:
            self._kill(worker)


def _loaded(payload: bytes) -> ItemResult:
    try:
        return ItemResult(_SCORED, load_result(payload))
    except pickle.UnpicklingError as error:
        return ItemResult(Outcome.ERROR, error=str(error))
