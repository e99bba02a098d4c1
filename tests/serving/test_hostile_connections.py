"""Callers that hold connections: slow heads, many connections, answers that nobody reads. The limits are shorter here than in a real server."""

import json
import os
import socket
import threading
import time

import httpx
import pytest
from raw_http import exchange, request
from running_server import Server

BODY = {"sample": {"output_text": "<answer>42</answer>"}, "item": {"answer": "42"}}
LIMITS = "import rl_rewards.serving.connections as c\nc.HEAD_SECONDS, c.READ_SECONDS, c._MOST = 0.5, 0.5, 24"


@pytest.fixture(scope="module")
def guarded(rubrics):
    server = Server(rubrics / "sums.yaml", cwd=rubrics, before=LIMITS).wait()
    yield server
    server.stop()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def dribble(connection, data, stop):
    """Send a byte now and then, as long as somebody takes it."""
    try:
        for byte in data:
            if stop.wait(0.05):
                return
            connection.sendall(bytes([byte]))
    except OSError:
        pass


def test_a_head_that_trickles_in_is_a_408_and_its_connection_is_closed(guarded):
    stop = threading.Event()
    with connect(guarded) as slow:
        thread = threading.Thread(target=dribble, args=(slow, b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 100, stop))
        thread.start()
        received = b""
        try:
            while more := slow.recv(1 << 16):
                received += more
        except ConnectionError:
            pass
        stop.set()
        thread.join()
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b'"code":"too_slow"' in received


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_connection_without_a_request_is_closed(guarded, sent):
    with connect(guarded) as silent:
        silent.sendall(sent)
        assert silent.recv(100) == b""


@pytest.mark.parametrize("after", [b"G", b"\r\n", b"POST /grade HTTP/1.1\r\nX: "])
def test_a_byte_after_an_answer_does_not_hold_the_connection_open(guarded, after):
    with connect(guarded) as connection:
        connection.sendall(request("GET", "/healthz"))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(after)
        rest = b""
        while more := connection.recv(1 << 16):
            rest += more
    assert not rest or rest.startswith(b"HTTP/1.1 408")


def test_the_oldest_connection_without_a_request_makes_room_for_a_new_one(guarded):
    waiting = [connect(guarded) for _ in range(60)]
    try:
        began = time.monotonic()
        assert httpx.post(guarded.url + "/grade", json=BODY, timeout=30).json() == {"score": 1.5}
        assert httpx.get(guarded.url + "/healthz", timeout=30).status_code == 200
        assert time.monotonic() - began < 30
        assert len(os.listdir(f"/proc/{guarded.process.pid}/fd")) < 60
    finally:
        for connection in waiting:
            connection.close()


def test_an_answer_that_nobody_reads_is_given_up(guarded):
    rows = [{"prompt": "?", "completion": "x" * 1000, "answer": "1", "id": n} for n in range(2_000)]
    message = {"type": "message", "role": "assistant", "content": "<answer>1</answer>"}
    body = {"responses_create_params": {"input": "?"}, "response": {"output": [message]}, "answer": "1", "rows": rows * 6}  # comes back whole
    raw = request("POST", "/verify", body)
    before = len(os.listdir(f"/proc/{guarded.process.pid}/fd"))
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", guarded.port))
        deaf.sendall(raw)
        deadline = time.monotonic() + 60
        while len(os.listdir(f"/proc/{guarded.process.pid}/fd")) > before or not any(line["path"] == "/verify" for line in guarded.lines()):
            assert time.monotonic() < deadline, "the connection is still open"
            assert httpx.get(guarded.url + "/healthz", timeout=30).status_code == 200
    logged = [line for line in guarded.lines() if line["path"] == "/verify"]
    assert logged[-1]["status"] == 200
    status, reply, _ = exchange(guarded.port, raw)
    assert status == 200 and json.loads(reply)["reward"] == 1.5
