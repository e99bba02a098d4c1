"""The caller's end of one worker: what it was sent, and the one answer that it may give next."""

from __future__ import annotations

import pickle
import random
import socket
import time
from collections.abc import Iterator

from rl_rewards.runtime.workers.frames import FrameError, FrameReader, Kind, frame
from rl_rewards.runtime.workers.jobs import Chunk, Stage

# Loading a call means importing modules, which is not an item's fault; no import that ends takes longer than this.
LOAD_SECONDS = 120.0
BEGIN_SECONDS = 30.0
"""A worker that is ready says in milliseconds that it has a chunk, unless what an earlier item left behind keeps it from reading."""
_MOST_WAITING = 8
"""Times its own time that an item may wait for a processor on a machine that has too few, until it is ended all the same."""
_SHORTEST_EXTENSION = 0.02  # seconds
_MOST_BYTES = 1 << 18  # that are read at a time, so that a worker that floods its socket takes no time from the others' deadlines
_nonces = random.Random()  # of its own: a trainer's seed must not make them repeat
# What may come at each stage.
_FIRST = (Kind.LOADING, Kind.STARTED)
_LOADED = (Kind.STARTED, Kind.UNLOADABLE)
_ANSWERS = (Kind.VALUE, Kind.RAISED, Kind.OUT_OF_MEMORY)
_LAST_ANSWERS = (*_ANSWERS, Kind.RETIRING)


class WorkerConnection:
    """A worker as the pool sees it.

    A worker has run code of a user, so nothing that it sends is believed unasked: each frame must carry its process id, the index of the
    item that it is at and the nonce of its chunk, and be of a kind that may come now.

    Attributes:
        number: under which the server knows it.
        chunk: what it was sent and has not finished; None when it is idle.
        position: place in the chunk of the item that it is at.
        stage: how far it has come with the chunk.
        deadline: when that item, or the load, must have ended (`time.monotonic`); None when it is idle.
        retiring: whether it exits after this chunk.
        fault: what it sent against the rules, where it did.
    """

    def __init__(self, number: int, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.number = number
        self.socket = connection
        self.chunk: Chunk | None = None
        self.position = 0
        self.stage = Stage.SENT
        self.deadline: float | None = None
        self.retiring = False
        self.fault: str | None = None
        # What must be in the next frame: the process id, once it is known; the item, -1 for none; the chunk's nonce; its kind.
        self._process: int | None = None
        self._item = -1
        self._nonce = 0
        self._kinds = _FIRST
        self._began = 0.0  # the item, `time.monotonic`
        self._waited = 0.0  # for a processor until then, seconds
        self._reader = FrameReader()
        self._outgoing: bytes | memoryview = b""

    @property
    def idle(self) -> bool:
        """Whether it may be sent a chunk."""
        return self.chunk is None and not self.retiring

    def send(self, chunk: Chunk) -> None:
        """Begin to send a chunk; `flush` goes on where the socket is full."""
        payload = pickle.dumps((chunk.job.call, list(chunk.indices), [chunk.job.items[index] for index in chunk.indices]), pickle.HIGHEST_PROTOCOL)
        self.chunk, self.position, self.stage = chunk, 0, Stage.SENT
        self.deadline = time.monotonic() + (LOAD_SECONDS if self._process is None else BEGIN_SECONDS)
        self._item, self._nonce, self._kinds = chunk.indices[0], _nonces.getrandbits(64), _FIRST
        self._outgoing = memoryview(frame(Kind.CHUNK, 0, 0, self._nonce, payload))
        self.flush()

    def flush(self) -> None:
        """Send as much of the chunk as the socket takes."""
        try:
            self._outgoing = self._outgoing[self.socket.send(self._outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing = b""  # it is dying, and its exit will be reported

    @property
    def flushed(self) -> bool:
        """Whether the chunk is sent."""
        return not self._outgoing

    def receive(self) -> bytes | None:
        """What has arrived; nothing when it has closed its socket, None when nothing has arrived."""
        try:
            return self.socket.recv(_MOST_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def answers(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The answers that `data` completes: kind and payload.

        Raises:
            FrameError: at the first frame that it should not have sent.
        """
        for kind, process, item, nonce, payload in self._reader.feed(data):
            if item == self._item and nonce == self._nonce and process == self._process and kind in self._kinds:
                yield kind, payload
            elif self._process is None and (kind, item, nonce) == (Kind.READY, self.number, 0):
                self._process = process
            elif self._process is not None and process != self._process:
                raise FrameError(f"an answer of process {process}, which is not the worker")
            else:
                raise FrameError(f"an answer that was not asked for ({kind.name} of item {item})")

    def begin_load(self) -> None:
        """It loads the chunk's call."""
        assert self.chunk is not None
        self.stage, self._kinds = Stage.LOADING, _LOADED
        self.deadline = time.monotonic() + max(LOAD_SECONDS, self.chunk.job.timeout)

    def begin_items(self) -> None:
        """It has loaded the call, so the first item's time begins."""
        self.stage = Stage.RUNNING
        self._begin_item()

    def finish_item(self) -> tuple[int, float]:
        """Go on to the next item; the index of the one that it was at, and the seconds that this took."""
        chunk, index, seconds = self.chunk, self._item, time.monotonic() - self._began
        assert chunk is not None
        self.position += 1
        if self.position == len(chunk.indices):
            self.chunk, self.deadline, self._item = None, None, -1
        else:
            self._begin_item()
        return index, seconds

    def _begin_item(self) -> None:
        assert self.chunk is not None
        indices, job = self.chunk.indices, self.chunk.job
        self._item = indices[self.position]
        self._kinds = _ANSWERS if self.position < len(indices) - 1 else _LAST_ANSWERS
        self._waited = seconds_without_processor(self._process)
        self._began = time.monotonic()
        self.deadline = self._began + job.timeout

    def extend(self) -> bool:
        """Move the deadline of the item by the time that its worker was ready to run and had no processor; False where it has had its time."""
        assert self.chunk is not None
        waited = max(0.0, seconds_without_processor(self._process) - self._waited)
        timeout, now = self.chunk.job.timeout, time.monotonic()
        deadline = self._began + timeout + min(waited, _MOST_WAITING * timeout)
        if deadline <= now:
            return False
        self.deadline = max(deadline, now + _SHORTEST_EXTENSION)
        return True

    def retire(self) -> None:
        """It exits after this answer."""
        self.retiring, self._kinds = True, _ANSWERS

    def release(self) -> Chunk | None:
        """Take its chunk away, without the items that are finished."""
        chunk, self.chunk, self.deadline, self._item = self.chunk, None, None, -1
        return chunk and chunk._replace(indices=chunk.indices[self.position :])


def seconds_without_processor(process: int | None) -> float:
    """Seconds of its life that a process's main thread was ready to run and waited for a processor; 0 where the system does not say."""
    try:
        with open(f"/proc/{process}/schedstat", "rb", buffering=0) as file:
            return int(file.read(100).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
