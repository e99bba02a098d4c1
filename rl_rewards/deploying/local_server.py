"""The server of a directory of evaluations: started in the background, and replaced by one with the new versions without a gap.

The new process listens at the same port beside the old one (SO_REUSEPORT), and the old one ends, its requests answered, once the new one is
ready. `DIRECTORY/server.json` says which process it is; `DIRECTORY/server.log` has what it prints.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rl_rewards.deploying.evaluation_id import DeployError
from rl_rewards.tables.atomic import atomic_path

__all__ = ["READY_FILE", "LocalServer", "port_for", "running_server", "serve_directory", "stop_server"]

READY_FILE = "RL_REWARDS_READY_FILE"
"""Environment variable with a file that a server makes once it is ready; such a server shares its port with the one that it replaces."""
_STATE, _LOG, _LOCK = "server.json", "server.log", ".server.lock"
_READY_WITHIN = 600.0  # seconds: a reward model's weights are loaded in that time
_DRAINED_WITHIN = 60.0


@dataclass(frozen=True)
class LocalServer:
    """A server in the background.

    Attributes:
        pid: its process.
        host, port: where it listens.
        log: what it prints.
    """

    pid: int
    host: str
    port: int
    log: str

    @property
    def url(self) -> str:
        """Its address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def endpoint(self, evaluation_id: str) -> str:
        """The address of an evaluation, as a recipe's --reward-endpoint takes it."""
        return f"{self.url}/v1/evaluations/{evaluation_id}"


def running_server(directory: Path) -> LocalServer | None:
    """The server of a directory; None where none runs."""
    try:
        server = LocalServer(**json.loads((directory / _STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return server if _is_ours(server.pid, directory) else None


def port_for(directory: Path, host: str, port: int | None, default: int = 8000) -> int:
    """The port that the directory's server listens at: the one that is asked for, else that of the running server, else the default.

    Raises:
        DeployError: when another program has it.
    """
    running = running_server(directory)
    if running is not None and port in (None, running.port) and host == running.host:
        return running.port
    wanted = default if port is None else port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, wanted))
        except OSError as error:
            raise DeployError(
                f"port {wanted} of {host} cannot be listened at: {error.strerror}; --port 0 takes a free one, --no-serve none"
            ) from None
        return trial.getsockname()[1]


def serve_directory(directory: Path, host: str = "127.0.0.1", port: int = 8000) -> LocalServer:
    """Start a server with the directory's current versions, in place of the one that runs.

    Returns:
        The server, ready.

    Raises:
        DeployError: when it does not become ready; the one that runs goes on then.
    """
    directory = directory.resolve()
    with _lock(directory):
        before = running_server(directory)
        server = _started(directory, host, port)
        with atomic_path(directory / _STATE) as state:
            state.write_text(json.dumps(asdict(server)) + "\n")
        if before is not None:
            _end(before.pid)
        return server


def stop_server(directory: Path) -> LocalServer | None:
    """End the server of a directory, its requests answered; the one that ran, or None."""
    directory = directory.resolve()
    with _lock(directory):
        server = running_server(directory)
        if server is not None:
            _end(server.pid)
        (directory / _STATE).unlink(missing_ok=True)
        return server


def _started(directory: Path, host: str, port: int) -> LocalServer:
    ready, log = directory / f".ready_{os.getpid()}_{time.monotonic_ns()}", directory / _LOG
    command = [sys.executable, "-m", "rl_rewards", "serve", str(directory), "--host", host, "--port", str(port)]
    begun = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, READY_FILE: str(ready)},
            cwd=directory,  # and not the project's: what is served is what was deployed
            start_new_session=True,  # it outlives the terminal and the command
        )
    deadline = time.monotonic() + _READY_WITHIN
    try:
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_bytes()[begun:].decode(errors="replace").strip()[-2000:]
                how = f"ended with status {process.returncode}" if process.poll() is not None else f"was not ready within {_READY_WITHIN:g} s"
                raise DeployError(f"the server of {directory} {how}: {said}")
            time.sleep(0.05)
    except BaseException:
        process.kill()
        raise
    finally:
        ready.unlink(missing_ok=True)
    return LocalServer(process.pid, host, port, str(log))


def _end(pid: int) -> None:
    """End a process by SIGTERM, and by SIGKILL where it does not end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _DRAINED_WITHIN
        while _lives(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of this process would stay as a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_ours(pid: int, directory: Path) -> bool:
    """Whether a process is a server of the directory, and not another that has got its number."""
    if not _lives(pid):
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # no /proc: its number has to do
        return not Path("/proc/self").exists()
    return "rl_rewards" in words and str(directory.resolve()) in words


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / _LOCK, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
