"""Starts the server: one process, or several that share a port."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import uvicorn

from rl_rewards.deploying.local import deployments_in, descriptions_in
from rl_rewards.deploying.local_server import READY_FILE
from rl_rewards.folders import load_folders
from rl_rewards.loading import no_code
from rl_rewards.recording.provenance import digest_of
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.target import load_target
from rl_rewards.serving.app import create_app
from rl_rewards.serving.connections import Connection
from rl_rewards.serving.listening import address_of, listen
from rl_rewards.serving.middleware import GateLimits
from rl_rewards.serving.scoring import Limits
from rl_rewards.serving.security import ServeError, check_bind, keys_from_environment
from rl_rewards.serving.server import ServeOptions
from rl_rewards.serving.supervisor import NUMBERS, Supervisor
from rl_rewards.serving.telemetry import log_to_stderr

__all__ = ["ServeSettings", "app_from_environment", "application_of", "load_rubrics", "serve"]

_SETTINGS = "RL_REWARDS_SERVE"  # how the processes of several workers learn what they serve
_FILES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class ServeSettings:
    """What `rl-rewards serve` was asked for.

    Attributes:
        target: a rubric file, MODULE:NAME, or a directory of rubric files; empty where there are metric folders.
        host, port: where to listen; port 0 takes a free one.
        workers: processes.
        key_variable: the environment variable with the keys, separated by commas.
        timeout: seconds from a request's arrival to its answer.
        body_mb: the largest body, in MiB.
        concurrency: requests that a process answers at once.
        label_column: the column that OpenRLHF's labels are.
        verify_failures: `mask` or `error`, see ServeOptions.
        log_level: of the lines about requests, on standard error.
        drain: seconds that running requests have after SIGTERM.
        code: whether code that a rubric names may be run.
        folders: metric folders, name=path each.
        weights: metric folder -> its weight in the total.
        platform_auth: whether the platform in front lets in whom it knows (Cloud Run's IAM), so that a public address needs no key.
    """

    target: str
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    key_variable: str = "RL_REWARDS_API_KEYS"
    timeout: float = 300.0
    body_mb: int = 64
    concurrency: int = 1024
    label_column: str | None = None
    verify_failures: Literal["mask", "error"] = "mask"
    log_level: str = "info"
    drain: int = 30
    code: bool = True
    folders: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    platform_auth: bool = False

    def rubrics(self) -> dict[str, Rubric]:
        """The rubrics that are served, by name: that of metric folders has the name of the folder, of several `metrics`.

        Raises:
            ServeError: when a directory has no rubric file, or two of one name; what loading raises.
        """
        if not self.folders:
            return load_rubrics(self.target, self.code)
        with nullcontext() if self.code else no_code():
            rubric = load_folders(self.folders, self.weights)
        return {rubric.rewards[0].name if len(self.folders) == 1 else "metrics": rubric}


def load_rubrics(target: str, code: bool = True) -> dict[str, Rubric]:
    """The rubrics of a file or an object, of every rubric file in a directory, or of a directory of deployed evaluations, by name.

    Raises:
        ServeError: when a directory has none, or two of one name; what loading raises.
    """
    directory = Path(target)
    if not directory.is_dir():
        return {Path(target.partition(":")[0]).stem: load_target(target, code)}
    with nullcontext() if code else no_code():
        if deployed := deployments_in(directory):
            return {name: rubric for name, (_, rubric) in deployed.items()}
    rubrics: dict[str, Rubric] = {}
    for path in sorted(path for path in directory.iterdir() if path.suffix in _FILES and path.is_file()):
        if path.stem in rubrics:
            raise ServeError(f"{directory}: two rubric files are called {path.stem!r}")
        rubrics[path.stem] = load_target(str(path), code)
    if not rubrics:
        raise ServeError(f"{directory}: no rubric file ({', '.join(_FILES)}) in this directory")
    return rubrics


def application_of(settings: ServeSettings) -> Any:
    """The ASGI application that serves what the settings name."""
    rubrics = settings.rubrics()
    options = ServeOptions(
        keys_from_environment(settings.key_variable),
        Limits(timeout=settings.timeout),
        GateLimits(body_bytes=settings.body_mb << 20, concurrency=settings.concurrency),
        settings.label_column,
        settings.verify_failures,
        _about(settings, rubrics),
        _ready if READY_FILE in os.environ else None,
    )
    log_to_stderr(settings.log_level)
    return create_app(rubrics, options)


def _about(settings: ServeSettings, rubrics: Mapping[str, Rubric]) -> Mapping[str, Mapping[str, Any]]:
    """What is said of each rubric: of a deployed one its version, of any other its digest, whatever directory the server is started in."""
    target = Path(settings.target)
    if settings.target and (deployed := descriptions_in(target)):
        return deployed
    place = target if target.is_dir() else target.parent
    return {name: {"digest": digest_of(rubric, place.absolute())} for name, rubric in rubrics.items()}


def app_from_environment() -> Any:
    """The application of a worker process."""
    return application_of(ServeSettings(**json.loads(os.environ[_SETTINGS])))


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are being answered then are finished first.

    Raises:
        ServeError: a public address without a key, a key that cannot be used, no rubric, an address that is taken.
    """
    keys = keys_from_environment(settings.key_variable)
    if not settings.platform_auth:
        check_bind(settings.host, keys, settings.key_variable)
    common: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "access_log": False,
        "log_level": "error",
        "timeout_graceful_shutdown": settings.drain,
        "timeout_keep_alive": 75,  # longer than clients keep an idle connection (aiohttp: 15 s), or their next request meets its end
        "server_header": False,
        "proxy_headers": False,
    }
    if settings.workers == 1:
        app = application_of(settings)
        sockets = listen(settings.host, settings.port, shared=READY_FILE in os.environ)  # not before requests can be answered
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # a terminal that closes: end as SIGTERM does, and not in the middle of requests
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        _say(sockets, settings)
        uvicorn.Server(uvicorn.Config(app, **common)).run(sockets)
        return
    settings.rubrics()  # a wrong rubric is one error, and not that of every worker again and again
    sockets = listen(settings.host, settings.port)
    with tempfile.TemporaryDirectory(prefix="rl_rewards_metrics_") as numbers:
        os.environ[_SETTINGS] = json.dumps(asdict(settings))
        os.environ[NUMBERS] = numbers
        _say(sockets, settings)
        config = uvicorn.Config("rl_rewards.serving.run:app_from_environment", factory=True, workers=settings.workers, **common)
        supervisor = Supervisor(config, sockets)
        supervisor.run()
    if supervisor.gave_up:
        raise ServeError("the worker processes end before they can answer; their log is above")


def _ready() -> None:
    Path(os.environ[READY_FILE]).touch()


def _say(sockets: list[socket.socket], settings: ServeSettings) -> None:
    what = settings.target or ", ".join(settings.folders)
    print(f"serving {what} at {', '.join(map(address_of, sockets))}", file=sys.stderr, flush=True)
