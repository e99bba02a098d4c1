"""A run that is looked at while it is written: its newest page, made again when the run has moved on."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from rl_rewards.recording.parts import parts_in
from rl_rewards.reporting.reading import read_run
from rl_rewards.reporting.report import report_html
from rl_rewards.reporting.watching.waiting import waiting_html
from rl_rewards.user_errors import user_message

__all__ = ["WatchedRun"]

logger = logging.getLogger(__name__)

# A page is made again after a pause that is so many times as long as the last one took: training has most of the machine.
_PAUSE = 5
# Without a reader for so many seconds nothing is made.
_READER = 30.0
_KEPT = ("rewards.parquet", "_rewards/rewards.parquet", "trainer_state.json")


class WatchedRun:
    """The page of a run, or of several overlaid, as of their last rows.

    A run need not have begun. Where its files cannot be read for a moment, since it is killed, resumed or merged, the last page stays.

    Args:
        paths: the runs' output directories, or their records.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._lock = threading.Lock()
        self._page, self._version = waiting_html(self._paths, ""), "waiting "
        self._made_of: str | None = None
        self._failed_on: str | None = None
        self._next = 0.0
        self._asked = 0.0

    @property
    def version(self) -> str:
        """What the page was made of; changes with it."""
        self._asked = time.monotonic()
        return self._version

    def page(self) -> str:
        """The newest page; made now where there is none yet, or nobody has looked for a while."""
        absent = time.monotonic() - self._asked > _READER
        self._asked = time.monotonic()
        if absent or self._made_of is None:
            self.renew()
        return self._page

    def renew_when_due(self) -> None:
        """Make the page anew if the run has moved on, somebody looks, and the last one was not just made."""
        now = time.monotonic()
        if now - self._asked <= _READER and now >= self._next:
            self.renew()

    def renew(self) -> None:
        """Make the page anew if the run has moved on."""
        with self._lock:
            state = self._state()
            if state in (self._made_of, self._failed_on):
                return
            began = time.monotonic()
            try:
                page = report_html([read_run(path) for path in self._paths], live=True)
            except Exception as error:  # files that are removed or cut off as they are read show themselves in many ways
                self._failed_on = state
                self._wait(error)
            else:
                self._page, self._made_of, self._version = page, state, state
            self._next = time.monotonic() + _PAUSE * (time.monotonic() - began)

    def _wait(self, error: Exception) -> None:
        """There is no run yet, or it cannot be read now: what a page showed before stays."""
        known = user_message(error)
        if known is None and not isinstance(error, pa.ArrowException):
            logger.exception(
                "the report of %s could not be made; it is tried again when the run moves on", ", ".join(map(str, self._paths)), exc_info=error
            )
        if self._made_of is not None:
            return
        reason = "" if isinstance(error, FileNotFoundError) or self._empty() else known or f"{type(error).__name__}: {error}"
        self._page = waiting_html(self._paths, reason)
        self._version = f"waiting {reason}"

    def _empty(self) -> bool:
        """Whether a run's directory has no record so far."""
        return any(path.is_dir() and not any(file for file in _files(path)) for path in self._paths)

    def _state(self) -> str:
        """A digest of the sizes and times of the files that a page is made of."""
        seen = []
        for path in self._paths:
            for file in _files(path):
                try:
                    found = file.stat()
                except OSError:  # removed in this moment
                    continue
                seen.append((str(file), found.st_size, found.st_mtime_ns))
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """The files of a run that change while it goes on."""
    if not path.is_dir():
        yield from [path] if path.exists() else []
        return
    yield from (part.path for part in parts_in(path / "_rewards.parts"))
    yield from (path / name for name in _KEPT if (path / name).is_file())
    yield from sorted(path.glob("checkpoint-*/trainer_state.json"))
    yield from sorted(each for each in path.glob("*.jsonl"))
