"""A server as users start it: the command, in a process of its own, on a free port of loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx


class Server:
    """A running `rl-rewards serve`; `before` is code that runs first, to set limits that are no options."""

    def __init__(self, target: Path | str, *flags: str, cwd: Path | None = None, before: str = "", **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = ["-c", f"{before}\nfrom rl_rewards.cli import main\nmain()"] if before else ["-m", "rl_rewards"]
        command = [sys.executable, *program, "serve", str(target), "--port", str(self.port), *flags]
        self.log = Path(cwd or ".") / f"serve_{self.port}.log"
        self.process = subprocess.Popen(command, cwd=cwd, stderr=self.log.open("w"), env={**os.environ, **environment})
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def wait(self, path: str = "/readyz", seconds: float = 60) -> "Server":
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}: {self.log.read_text()}")
            try:
                if self.client.get(path).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text())

    def post(self, path: str, body=None, **options) -> httpx.Response:
        return self.client.post(path, json=body, **options)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.client.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def children_of(server):
    found = subprocess.run(["pgrep", "-P", str(server.process.pid), "-f", "spawn_main"], capture_output=True, text=True).stdout
    return [int(process) for process in found.split()]
