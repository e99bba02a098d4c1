"""Requests as bytes, for callers that send what no client library would."""

import json
import socket


def exchange(port, *parts, patience=120.0, half_close=False):
    """What the server sends back until it closes the connection, or until a reply is whole: (status, body, whether it closed)."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it answered, and reads no more
        received = b""
        while not _is_whole(received):
            try:
                more = connection.recv(1 << 16)
            except ConnectionError:
                break
            if not more:
                break
            received += more
        head, _, body = received.partition(b"\r\n\r\n")
        closes = b"connection: close" in head.lower() or not _is_whole(received)
    return (int(head.split()[1]) if head else None), body, closes


def request(method, path, body=b"", *headers, version="1.1"):
    """A request's bytes, with the length of its body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers, *([f"Content-Length: {len(data)}"] if data else [])]
    return "\r\n".join([*lines, "", ""]).encode() + data


def _is_whole(received):
    head, found, body = received.partition(b"\r\n\r\n")
    if not found or head.startswith(b"HTTP/1.1 100"):
        return False
    length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return bool(length) and len(body) >= int(length[0])
