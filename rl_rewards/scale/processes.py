"""Blocks scored by several processes of this machine, and given back in order."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from rl_rewards.runtime.workers.shared_pool import worker_count
from rl_rewards.scale.worker import Failure
from rl_rewards.tables.blocks import Block
from rl_rewards.user_errors import UserError

__all__ = ["BlockLostError", "in_processes"]

logger = logging.getLogger("rl_rewards")

_ATTEMPTS = 3
"""Workers that a block may cost before it is taken for the reason."""
_QUEUED = 2  # blocks that a worker has: one at work, one to go on with
_AHEAD = 4  # blocks for each worker that may be done before their turn


class BlockLostError(UserError, RuntimeError):
    """A block ended every process that scored it."""


def in_processes(work: Callable[[Block], Any], blocks: Iterable[Block], workers: int) -> Iterator[Any]:
    """What `work` makes of each block, in the blocks' order.

    A worker that dies is replaced and its blocks are done again. Memory is bounded: no block is begun that is far ahead of the one whose
    turn it is.

    Args:
        work: picklable; every worker gets a copy.
        workers: how many processes, at least 1.

    Raises:
        BlockLostError: when a block has ended three workers.
        Exception: what `work` raised, when the block's turn comes.
    """
    crew = _Crew(pickle.dumps(work, pickle.HIGHEST_PROTOCOL), workers)
    try:
        yield from crew.run(iter(blocks))
    finally:
        crew.end()


class _Worker:
    """A process, and the blocks that it has."""

    def __init__(self, work: bytes, workers: int) -> None:
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[:] = {sys.path!r}; from rl_rewards.scale.worker import serve; serve({theirs.fileno()})"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_environment(workers)
            )
        self.connection = Connection(ours.detach())
        self.blocks: deque[Block] = deque()
        self.send(work)

    def send(self, message: bytes) -> None:
        try:
            self.connection.send_bytes(message)
        except OSError:  # it died: `wait` says so, too
            pass

    def give(self, block: Block) -> None:
        self.blocks.append(block)
        self.send(pickle.dumps(block))

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


def _environment(workers: int) -> dict[str, str]:
    """Without threads that get in each other's way, and with a share of the cores for the pools of code and mathematics."""
    share = str(max(1, worker_count() // workers))
    return {"OMP_NUM_THREADS": "1", "RL_REWARDS_WORKERS": share, **os.environ}


class _Crew:
    def __init__(self, work: bytes, workers: int) -> None:
        self._work, self._count = work, workers
        self._workers: list[_Worker] = []
        self._waiting: deque[Block] = deque()
        self._lost: dict[int, int] = {}
        self._done: dict[int, tuple[Any, list[logging.LogRecord]]] = {}
        self._order: deque[int] = deque()

    def run(self, blocks: Iterator[Block]) -> Iterator[Any]:
        more = True
        while True:
            while more and len(self._order) < self._count * _AHEAD:
                block = next(blocks, None)
                more = block is not None
                if block is not None:
                    self._order.append(block.index)
                    self._waiting.append(block)
            if not self._order:
                return
            self._hand_out()
            if self._order[0] in self._done:
                yield _result(*self._done.pop(self._order.popleft()))
            else:
                self._receive()

    def _hand_out(self) -> None:
        while len(self._workers) < min(self._count, len(self._waiting) + sum(bool(worker.blocks) for worker in self._workers)):
            self._workers.append(_Worker(self._work, self._count))
        for queued in range(_QUEUED):
            for worker in self._workers:
                if self._waiting and len(worker.blocks) <= queued:
                    worker.give(self._waiting.popleft())

    def _receive(self) -> None:
        for connection in wait([worker.connection for worker in self._workers]):
            worker = next(each for each in self._workers if each.connection is connection)
            try:
                message = worker.connection.recv_bytes()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            self._done[worker.blocks.popleft().index] = pickle.loads(message)

    def _replace(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()
        if worker.blocks:
            block = worker.blocks[0]
            self._lost[block.index] = self._lost.get(block.index, 0) + 1
            if self._lost[block.index] >= _ATTEMPTS:
                raise BlockLostError(
                    f"{block} ended {_ATTEMPTS} processes that scored it, the last by "
                    f"{_end_of(worker.process.returncode)}: a reward of the rubric crashes its process; `isolate: true` protects from that"
                )
            logger.warning("a process ended by %s while it scored block %d, which is scored again", _end_of(worker.process.returncode), block.index)
        self._waiting.extendleft(reversed(worker.blocks))

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


def _end_of(status: int) -> str:
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"


def _result(answer: Any, records: list[logging.LogRecord]) -> Any:
    for record in records:
        logger.handle(record)
    if isinstance(answer, Failure):
        if isinstance(answer.error, UserError):
            raise answer.error
        raise answer.error from RuntimeError(answer.text)
    return answer
