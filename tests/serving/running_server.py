"""A server as users start it: the command, in a process of its own, on a free port of loopback."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import httpx

PATIENCE = 300.0  # seconds until a test that waits in vain fails, on whatever machine
_numbers = itertools.count()


class Server:
    """A running `rl-rewards serve`; `before` is code that runs first, to set limits that are no options."""

    def __init__(self, target: Path | str, *flags: str, cwd: Path | None = None, before: str = "", **environment: str) -> None:
        program = ["-c", f"{before}\nfrom rl_rewards.cli import main\nmain()"] if before else ["-m", "rl_rewards"]
        command = [sys.executable, *program, "serve", str(target), "--port", "0", *flags]
        self.log = Path(cwd or ".") / f"serve_{next(_numbers)}.log"
        self.process = subprocess.Popen(command, cwd=cwd, stderr=self.log.open("w"), env={**os.environ, **environment})

    @cached_property
    def url(self) -> str:
        """Where it listens, which it says itself: a port that was free before it started may be taken by then."""
        return wait_for(self._address)

    def _address(self) -> str | None:
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.log.read_text()}"
        said = [line for line in self.log.read_text().splitlines(keepends=True) if line.startswith("serving ") and line.endswith("\n")]
        return said[0].split()[-1] if said else None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @cached_property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=300)

    def wait(self) -> "Server":
        """Wait until it is ready."""
        wait_for(self._is_ready)
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.log.read_text()}"
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, path: str, body=None, **options) -> httpx.Response:
        return self.client.post(path, json=body, **options)

    def lines(self) -> list[dict]:
        """The log of requests: its lines that are written whole."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]

    def in_flight(self) -> float:
        """How many requests it is answering, beside the one that asks."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("rl_rewards_requests_in_flight")) - 1

    def takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=300).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if "client" in vars(self):
            self.client.close()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def children_of(server):
    found = subprocess.run(["pgrep", "-P", str(server.process.pid), "-f", "spawn_main"], capture_output=True, text=True).stdout
    return [int(process) for process in found.split()]


def both(server):
    """The two worker processes, once both have been started."""
    return wait_for(lambda: len(found := children_of(server)) == 2 and found)
