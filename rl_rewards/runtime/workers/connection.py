"""The caller's end of one worker: what it was sent, and the one answer that it may give next."""

from __future__ import annotations

import pickle
import secrets
import socket
import time
from collections.abc import Iterator

from rl_rewards.runtime.workers.frames import FrameError, FrameReader, Kind, frame, read_tag, tag
from rl_rewards.runtime.workers.jobs import Chunk, Stage

# Loading a call means importing modules, which is not an item's fault; no import that ends takes longer than this.
LOAD_SECONDS = 120.0
_MOST_BYTES = 1 << 18  # that are read at a time, so that a worker that floods its socket takes no time from the others' deadlines
_ANSWERS = (Kind.VALUE, Kind.RAISED, Kind.OUT_OF_MEMORY)


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
        self._process: int | None = None
        self._nonce = 0
        self._expected = b""  # tag of the next frame, once it is ready
        self._reader = FrameReader()
        self._outgoing: bytes | memoryview = b""

    @property
    def running(self) -> bool:
        """Whether it runs an item."""
        return self.chunk is not None and self.stage is Stage.RUNNING

    @property
    def idle(self) -> bool:
        """Whether it may be sent a chunk."""
        return self.chunk is None and not self.retiring

    def send(self, chunk: Chunk) -> None:
        """Begin to send a chunk; `flush` goes on where the socket is full."""
        payload = pickle.dumps((chunk.job.call, chunk.indices, [chunk.job.items[index] for index in chunk.indices]), pickle.HIGHEST_PROTOCOL)
        self.chunk, self.position, self.stage = chunk, 0, Stage.SENT
        self.deadline = time.monotonic() + max(LOAD_SECONDS, chunk.job.timeout)
        self._nonce = secrets.randbits(64)
        self._expect_item()
        self._outgoing = memoryview(frame(Kind.CHUNK, tag(0, 0, self._nonce), payload))
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
        for kind, found, payload in self._reader.feed(data):
            if self._process is None:
                self._become_ready(kind, found)
                continue
            if self.chunk is None or found != self._expected or not self._may_come(kind):
                raise FrameError(self._unexpected(kind, found))
            yield kind, payload

    def start(self) -> None:
        """The call is loaded, so the first item's time begins."""
        assert self.chunk is not None
        self.stage = Stage.RUNNING
        self.deadline = time.monotonic() + self.chunk.job.timeout

    def finish_item(self) -> int:
        """Go on to the next item; the index of the one that it was at."""
        assert self.chunk is not None
        index = self.chunk.indices[self.position]
        self.position += 1
        if self.position == len(self.chunk.indices):
            self.release()
        else:
            self.deadline = time.monotonic() + self.chunk.job.timeout
            self._expect_item()
        return index

    def release(self) -> Chunk | None:
        """Take its chunk away, without the items that are finished."""
        chunk, self.chunk, self.deadline = self.chunk, None, None
        return chunk and chunk._replace(indices=chunk.indices[self.position :])

    def _expect_item(self) -> None:
        assert self.chunk is not None
        if self._process is not None:
            self._expected = tag(self._process, self.chunk.indices[self.position], self._nonce)

    def _become_ready(self, kind: Kind, found: bytes) -> None:
        process, number, nonce = read_tag(found)
        if kind is not Kind.READY or number != self.number or nonce:
            raise FrameError(self._unexpected(kind, found))
        self._process = process
        if self.chunk is not None:
            self._expect_item()

    def _may_come(self, kind: Kind) -> bool:
        if self.stage is Stage.SENT:
            return kind in (Kind.LOADING, Kind.STARTED)
        if self.stage is Stage.LOADING:
            return kind in (Kind.STARTED, Kind.UNLOADABLE)
        if kind is Kind.RETIRING:
            assert self.chunk is not None
            return not self.retiring and self.position == len(self.chunk.indices) - 1
        return kind in _ANSWERS

    def _unexpected(self, kind: Kind, found: bytes) -> str:
        process, item, _ = read_tag(found)
        if self._process is not None and process != self._process:
            return f"an answer of process {process}, which is not the worker"
        return f"an answer that was not asked for ({kind.name} of item {item})"
