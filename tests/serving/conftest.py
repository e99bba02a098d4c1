"""Servers as users start them: the command, in a process of its own, on a free port of loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

RUBRIC = """
rewards:
  - name: correct
    parse: {tag: answer}
    score: {number_match: answer}
  - name: brief
    score: {length_window: {min_tokens: 1, max_tokens: 50, unit: words}}
    weight: 0.5
"""
FUNCTIONS = """
import threading, time
from pathlib import Path
from rl_rewards import EvaluateResult, reward_function

@reward_function
def slow(response: str, **columns) -> float:
    deadline = time.monotonic() + 60
    while "hang" in response and not Path(columns["release"]).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return float(len(response))

@reward_function
def broken(response: str) -> float:
    if "fail" in response:
        raise ConnectionError("the database is away")
    return 1.0

@reward_function(mode="batch")
def batched(response: list[str]) -> list[EvaluateResult]:
    return [EvaluateResult(float(text), metrics={"rows": float(len(response))}) for text in response]
"""


class Server:
    """A running `rl-rewards serve`."""

    def __init__(self, target: Path | str, *flags: str, cwd: Path | None = None, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "rl_rewards", "serve", str(target), "--port", str(self.port), *flags]
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

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.client.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


@pytest.fixture(scope="session")
def rubrics(tmp_path_factory):
    """A directory with the rubrics of these tests."""
    home = tmp_path_factory.mktemp("serving")
    (home / "rewards.py").write_text(FUNCTIONS)
    (home / "sums.yaml").write_text(RUBRIC)
    for name, columns in (("slow", ", when: null"), ("broken", ""), ("batched", "")):
        (home / f"{name}.yaml").write_text(f"rewards:\n  - {{name: {name}, score: {{function: rewards.py:{name}}}{columns}}}\n")
    return home


@pytest.fixture(scope="session")
def server(rubrics):
    """A server of all of them."""
    running = Server(rubrics, "--timeout", "5", cwd=rubrics).wait()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sums(rubrics):
    """A server of one rubric."""
    running = Server(rubrics / "sums.yaml", cwd=rubrics).wait()
    yield running
    running.stop()
