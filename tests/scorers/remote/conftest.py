"""Loopback servers: real HTTP on a free port, in a thread."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

POLICY = "recipes/policies/arithmetic"


class Server(ThreadingHTTPServer):
    """Answers each POST with what `respond(path, body)` returns: a value, which is sent as JSON, or (status, text or bytes, headers).

    Attributes:
        requests: (path, headers, body) of each request, in order of arrival.
        busiest: the most requests that were in the server at once.
    """

    daemon_threads = True

    def __init__(self, respond):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond = respond
        self.requests = []
        self.seen = Counter()
        self.busiest = self.inside = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def bodies(self):
        return [body for _, _, body in self.requests]

    def hang(self):
        """Never answer; ends with the test."""
        self.closing.wait(60)
        return 503, "closing", {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.requests.append((self.path, dict(self.headers), body))
            server.inside += 1
            server.busiest = max(server.busiest, server.inside)
        reply = server.respond(self.path, body)
        with server.lock:
            server.inside -= 1
        if reply is None:
            self.close_connection = True  # hangs up without a word
            return
        status, text, headers = reply if isinstance(reply, tuple) else (200, json.dumps(reply), {})
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Starts servers; they end with the test."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    servers = []

    def start(respond):
        server = Server(respond)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.closing.set()
        server.shutdown()
        server.server_close()
