"""The servers of scripts/bench/serve.py as processes: started, watched from /proc, ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["RULES", "ServerProcess", "ours"]

RULES = Path(__file__).parent / "serve_rules"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """A port that nothing listens at, below those that whoever asks for any port gets: none is gone before its server listens."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_768)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


class ServerProcess:
    """A server that runs until the block ends.

    Args:
        command: its command line; PORT in it is the port that it is to listen at.
        ready: a path that answers once it can score.
    """

    def __init__(self, command: Sequence[str], ready: str) -> None:
        self.port = free_port()
        self._ready = ready
        self.log = Path(tempfile.mkstemp(prefix="serve_", suffix=".log")[1])
        environment = {**os.environ, "PYTHONPATH": str(RULES)}
        with self.log.open("w") as log:
            given = [part.replace("PORT", str(self.port)) for part in command]
            self.process = subprocess.Popen(given, cwd=RULES, stdout=log, stderr=log, env=environment)

    def __enter__(self) -> ServerProcess:
        deadline = time.monotonic() + 180
        while self.get(self._ready) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.log.unlink(missing_ok=True)

    def get(self, path: str) -> bytes | None:
        """What a GET answers; None where it fails."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", path)
            reply = connection.getresponse()
            body = reply.read()
            connection.close()
        except OSError:
            return None
        return body if reply.status == 200 else None

    def end(self) -> int:
        """End it as a supervisor does, and its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def processes(self) -> list[int]:
        """It and all that it started."""
        parents: dict[int, list[int]] = {}
        for place in Path("/proc").glob("[0-9]*"):
            if (fields := _stat(int(place.name))) is not None:
                parents.setdefault(int(fields[1]), []).append(int(place.name))
        found = [self.process.pid]
        for process in found:
            found += parents.get(process, [])
        return found

    def processor(self) -> float:
        """Seconds of processor time that its processes have taken."""
        fields = [each for process in self.processes() if (each := _stat(process)) is not None]
        return sum(int(each[11]) + int(each[12]) for each in fields) / _TICKS

    def memory(self) -> float:
        """MiB of resident memory of its processes."""
        fields = [each for process in self.processes() if (each := _stat(process)) is not None]
        return sum(int(each[21]) for each in fields) * _PAGE / 2**20

    def files(self) -> int:
        """Open files of its processes."""
        count = 0
        for process in self.processes():
            try:
                count += len(os.listdir(f"/proc/{process}/fd"))
            except OSError:
                pass
        return count


def ours(rubric: str, *flags: str, before: str = "") -> ServerProcess:
    """`rl-rewards serve` of a rubric in serve_rules; `before` is code that runs first, to set limits that are no options."""
    program = ["-c", f"{before}\nfrom rl_rewards.cli import main\nmain()"] if before else ["-m", "rl_rewards"]
    command = [sys.executable, *program, "serve", str(RULES / rubric), "--port", "PORT", *flags]
    return ServerProcess(command, "/readyz")


def _stat(process: int) -> list[str] | None:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
