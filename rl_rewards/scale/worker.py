"""A worker process of `in_processes`: takes blocks from its connection and sends back what its work makes of them.

It ends when the connection does, at once and in the middle of a block: its owner is gone.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import queue
import signal
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["Failure", "serve"]

_RECORDS = 20  # log records that travel with a block


def serve(descriptor: int) -> None:
    """Work until the connection ends. For `python -c` alone.

    Args:
        descriptor: of a socket whose other end the owner has.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the owner, too, who ends the connection
    connection = Connection(descriptor)
    records = _Records()
    logger = logging.getLogger("rl_rewards")
    logger.addHandler(records)
    logger.propagate = False
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    work = _received(connection)
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    # No block is asked for before the work is loaded: an error in it is that of the first block.
    work = _attempt(pickle.loads, work)
    gc.freeze()  # as in the command's own process
    while True:
        block = pickle.loads(jobs.get())
        answer = work if isinstance(work, Failure) else _attempt(work, block)
        _send(connection, (answer, records.take()))


class Failure:
    """What a block raised.

    Attributes:
        error: it.
        text: its traceback here.
    """

    def __init__(self, error: BaseException, text: str) -> None:
        self.error, self.text = error, text


def _attempt(call: Any, argument: Any) -> Any:
    try:
        return call(argument)
    except BaseException as error:
        return Failure(error, traceback.format_exc())


def _send(connection: Connection, answer: tuple[Any, list[logging.LogRecord]]) -> None:
    try:
        message = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception:  # an exception of a user's class may refuse
        failure = answer[0] if isinstance(answer[0], Failure) else Failure(TypeError("not picklable"), traceback.format_exc())
        message = pickle.dumps((Failure(RuntimeError(str(failure.error)), failure.text), []))
    connection.send_bytes(message)


def _received(connection: Connection) -> bytes:
    try:
        return connection.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


def _receive(connection: Connection, jobs: queue.SimpleQueue[bytes]) -> None:
    while True:
        jobs.put(_received(connection))


class _Records(logging.Handler):
    """Keeps log records for the owner, as text."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._kept) >= _RECORDS:
            return
        record.msg, record.args = record.getMessage(), None
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = (None, None, None)
        self._kept.append(record)

    def take(self) -> list[logging.LogRecord]:
        kept, self._kept = self._kept, []
        return kept
