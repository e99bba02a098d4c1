"""Starts the chat server, and asks it what it saw."""

import itertools
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

_numbers = itertools.count()


class ChatServer:
    """A running chat server; `url` gives an address of its own to each test, so that nobody's requests or cached replies mix."""

    def __init__(self, port):
        self.port = port

    def url(self, mode="ok", **options):
        name = ",".join([mode, *(f"{key}={value}" for key, value in options.items()), f"test={next(_numbers)}"])
        return f"http://127.0.0.1:{self.port}/{name}/v1"

    def seen(self, url):
        """What came in at an address: requests, replies, busiest, bodies, headers, times."""
        path = url.removeprefix(f"http://127.0.0.1:{self.port}").removesuffix("/v1")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}/stats{path}", timeout=300) as reply:
            return json.load(reply)


@pytest.fixture(scope="session")
def chat_server():
    """A chat server in a process of its own."""
    script = Path(__file__).with_name("chat_server.py")
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield ChatServer(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
