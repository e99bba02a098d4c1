"""What a server counts and logs: Prometheus metrics, and a line of JSON a request, without anybody's text."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

__all__ = ["CONTENT_TYPE_LATEST", "Telemetry", "log_to_stderr"]

_LOG = logging.getLogger("rl_rewards.serving.requests")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Telemetry:
    """The numbers of one process; those of all workers where PROMETHEUS_MULTIPROC_DIR names their directory."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("rl_rewards_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "rl_rewards_request_seconds", "Seconds from a request's arrival to its answer", ["path"], buckets=_SECONDS, registry=registry
        )
        self.rows = Counter("rl_rewards_rows", "Samples by what became of a reward on them", ["rubric", "reward", "outcome"], registry=registry)
        self.in_flight = Gauge("rl_rewards_requests_in_flight", "Requests being answered", multiprocess_mode="livesum", registry=registry)

    def page(self) -> bytes:
        """All numbers in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)

    def answered(self, path: str, status: int, seconds: float, request_id: str, fields: dict[str, Any]) -> None:
        """Count and log one request. `path` is a route's, so that callers cannot make up names."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)
        if _LOG.isEnabledFor(logging.INFO):
            line = {"time": time.time(), "request_id": request_id, "path": path, "status": status, "seconds": round(seconds, 6), **fields}
            _LOG.info(json.dumps(line, ensure_ascii=False, default=str))


def log_to_stderr(level: str) -> None:
    """Send the lines of requests to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOG.handlers, _LOG.propagate = [handler], False
    _LOG.setLevel(level.upper())
