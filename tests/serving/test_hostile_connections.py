"""Callers that hold connections: slow heads, many connections, answers that nobody reads. The limits are shorter here than in a real server."""

import json
import os
import socket
import threading

import httpx
import pytest
from raw_http import exchange, request
from running_server import PATIENCE, Server, wait_for

BODY = {"sample": {"output_text": "<answer>42</answer>"}, "item": {"answer": "42"}}
LIMITS = "import rl_rewards.serving.connections as c\nc.HEAD_SECONDS, c.READ_SECONDS, c._MOST = 0.5, 1.0, 24"


@pytest.fixture(scope="module")
def guarded(rubrics):
    server = Server(rubrics / "sums.yaml", cwd=rubrics, before=LIMITS).wait()
    yield server
    server.stop()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def dribble(connection, data, stop):
    """Send a byte now and then, as long as somebody takes it."""
    try:
        for byte in data:
            if stop.wait(0.05):
                return
            connection.sendall(bytes([byte]))
    except OSError:
        pass


def in_time(call):
    """What a call gives whose head is with the server within its limit: on a busy machine one may be late, and is closed or a 408."""

    def answered():
        try:
            reply = call()
        except httpx.TransportError:
            return None
        return reply if reply.status_code != 408 else None

    return wait_for(answered)


def trickled(guarded):
    """What comes back for a head that trickles in: nothing where its first byte was late."""
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
    return received


def test_a_head_that_trickles_in_is_a_408_and_its_connection_is_closed(guarded):
    received = wait_for(lambda: trickled(guarded))
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b'"code":"too_slow"' in received


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_connection_without_a_request_is_closed(guarded, sent):
    with connect(guarded) as silent:
        silent.sendall(sent)
        assert silent.recv(100) == b""


@pytest.mark.parametrize("after", [b"G", b"\r\n", b"POST /grade HTTP/1.1\r\nX: "])
def test_a_byte_after_an_answer_does_not_hold_the_connection_open(guarded, after):
    def answered():
        connection = connect(guarded)
        connection.sendall(request("GET", "/healthz"))
        if not connection.recv(1 << 16).startswith(b"HTTP/1.1 200"):  # its head was late
            connection.close()
            return None
        return connection

    with wait_for(answered) as connection:
        connection.sendall(after)
        rest = b""
        while more := connection.recv(1 << 16):
            rest += more
    assert not rest or rest.startswith(b"HTTP/1.1 408")


def test_the_oldest_connection_without_a_request_makes_room_for_a_new_one(guarded):
    waiting = [connect(guarded) for _ in range(60)]
    try:
        assert in_time(lambda: httpx.post(guarded.url + "/grade", json=BODY, timeout=PATIENCE)).json() == {"score": 1.5}
        assert in_time(lambda: httpx.get(guarded.url + "/healthz", timeout=PATIENCE)).status_code == 200
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

        def given_up():
            assert in_time(lambda: httpx.get(guarded.url + "/healthz", timeout=PATIENCE)).status_code == 200
            return len(os.listdir(f"/proc/{guarded.process.pid}/fd")) <= before and any(line["path"] == "/verify" for line in guarded.lines())

        wait_for(given_up)
    logged = [line for line in guarded.lines() if line["path"] == "/verify"]
    assert logged[-1]["status"] == 200

    def read_whole():
        status, reply, closed = exchange(guarded.port, raw)
        return None if closed else (status, reply)  # closed: it was not read fast enough

    status, reply = wait_for(read_whole)
    assert status == 200 and json.loads(reply)["reward"] == 1.5
