"""Services on loopback: real HTTP in a thread, well-behaved ones and raw sockets that say what a test wants."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Service(ThreadingHTTPServer):
    """Answers each POST with what `respond(body, number)` returns: a value, sent as JSON, or (status, text or bytes, headers).

    Attributes:
        seen: (path, headers, body) of each request.
        connections: how many connections were made.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond = respond
        self.seen = []
        self.connections = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/score"

    @property
    def bodies(self):
        return [body for _, _, body in self.seen]

    def get_request(self):
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            number = len(self.server.seen)
        reply = self.server.respond(body, number)
        status, text, headers = reply if isinstance(reply, tuple) else (200, json.dumps(reply), {})
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.server.seen.append((self.path, {}, None))
        self.send_response(500)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    """Starts services; they end with the test."""
    running = []

    def start(respond):
        running.append(server := Service(respond))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    yield start
    for server in running:
        server.closing.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def raw_service():
    """Starts a service that hands each connection, with its request read, to `talk(connection)`; gives its URL."""
    open_sockets = []

    def start(talk):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        open_sockets.append(listener)

        def one(connection):
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (data := connection.recv(65536)):
                        return
                    head += data
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                rest = head.partition(b"\r\n\r\n")[2]
                while len(rest) < length:
                    if not (data := connection.recv(65536)):
                        return
                    rest += data
                try:
                    talk(connection)
                except OSError:  # the client hung up, as it should
                    pass

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/score"

    yield start
    for each in open_sockets:
        each.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept() does not see its listener close, and would keep it
        each.close()
