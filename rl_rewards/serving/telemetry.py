"""What a server counts and logs: Prometheus metrics, and a line of JSON a request, without anybody's text."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client import Counter as Count
from pydantic_core import to_json

from rl_rewards.pipeline.columns import Evaluation

__all__ = ["CONTENT_TYPE_LATEST", "Telemetry", "log_to_stderr"]

_LOG = logging.getLogger("rl_rewards.serving.requests")
_LOOK_EVERY = 0.25  # seconds
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Telemetry:
    """The numbers of one process; those of all workers where PROMETHEUS_MULTIPROC_DIR names their directory.

    Attributes:
        in_flight: requests that are being answered.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Count("rl_rewards_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "rl_rewards_request_seconds", "Seconds from a request's arrival to its answer", ["path"], buckets=_SECONDS, registry=registry
        )
        self.rows = Count("rl_rewards_rows", "Samples by what became of a reward on them", ["rubric", "reward", "outcome"], registry=registry)
        self.in_flight = 0
        self._in_flight = Gauge("rl_rewards_requests_in_flight", "Requests being answered", multiprocess_mode="livesum", registry=registry)

        self.loop_lag = Histogram(
            "rl_rewards_loop_lag_seconds",
            "How much later than it should the event loop came back to a sleeping task",
            buckets=_SECONDS,
            registry=registry,
        )
        # A child by its labels costs more to find than to count in; there are few of them, since paths are routes.
        self._counter = cache(lambda path, status: self.requests.labels(path, str(status)))
        self._histogram = cache(lambda path: self.seconds.labels(path))
        self._outcome = cache(lambda rubric, reward, outcome: self.rows.labels(rubric, reward, outcome.value))

    def scored(self, rubric: str, evaluation: Evaluation) -> None:
        """Count the outcomes of a batch."""
        for reward, column in evaluation.columns.items():
            outcomes = column.outcomes
            for outcome in set(outcomes):
                self._outcome(rubric, reward, outcome).inc(outcomes.count(outcome))

    async def watch_loop(self) -> None:
        """Measure the event loop's lag, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._in_flight.set(self.in_flight)  # now and then, since a file is written for each number of several workers
            due = loop.time() + _LOOK_EVERY
            await asyncio.sleep(_LOOK_EVERY)
            self.loop_lag.observe(max(0.0, loop.time() - due))

    def page(self) -> bytes:
        """All numbers in Prometheus' text format."""
        self._in_flight.set(self.in_flight)
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        _forget_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)

    def answered(self, path: str, status: int, seconds: float, request_id: str, fields: dict[str, Any]) -> None:
        """Count and log one request. `path` is a route's, so that callers cannot make up names."""
        self._counter(path, status).inc()
        self._histogram(path).observe(seconds)
        if _LOG.isEnabledFor(logging.INFO):
            line = _line({"time": time.time(), "request_id": request_id, "path": path, "status": status, "seconds": round(seconds, 6), **fields})
            if len(_LOG.handlers) == 1 and isinstance(lines := _LOG.handlers[0], _Lines):
                lines.add(line)  # a record that is made and formatted takes as long as a rule's score
            else:
                _LOG.handle(logging.LogRecord(_LOG.name, logging.INFO, __file__, 0, line, (), None))


def _line(fields: dict[str, Any]) -> str:
    try:
        return to_json(fields, fallback=str).decode()  # takes a fifth of the standard library's time
    except (ValueError, UnicodeError):  # half a surrogate pair
        return json.dumps(fields, default=str)


def _forget_dead(numbers: Path) -> None:
    """Remove the gauges of processes that were killed, which could not do it: their requests are no longer in flight."""
    for file in numbers.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except PermissionError:  # another user's, since the number was given again
            pass


class _Lines(logging.Handler):
    """Writes lines, those of one turn of the event loop at once: under load a write for each costs more than a rule's score."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.add(record.getMessage())

    def add(self, line: str) -> None:
        """Write a line with the next turn of the event loop."""
        self._lines.append(line + "\n")
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # no event loop
                self.flush()

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            sys.stderr.write("".join(lines))


def log_to_stderr(level: str) -> None:
    """Send the lines of requests to standard error, one JSON object a line."""
    _LOG.handlers, _LOG.propagate = [_Lines()], False
    _LOG.setLevel(level.upper())
