"""The sockets that a server listens at."""

from __future__ import annotations

import socket

from rl_rewards.serving.security import ServeError

__all__ = ["address_of", "listen"]


def listen(host: str, port: int, shared: bool = False) -> list[socket.socket]:
    """Sockets at every address of a host name, of one port; port 0 takes a free one.

    Args:
        shared: whether the process that this one replaces, or the next, may listen there at the same time.

    Raises:
        ServeError: when the address is none of this machine, or another process listens there.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            taken = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bound(family, (address[0], taken, *address[2:]), shared))
    except OSError as error:
        for each in sockets:
            each.close()
        raise ServeError(f"--host {host} --port {port} cannot be listened at: {error.strerror or error}; choose another --port") from None
    return sockets


def _bound(family: int, address: tuple[object, ...], shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:  # as asyncio does: the other family has a socket of its own
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound


def address_of(listening: socket.socket) -> str:
    """Its address as callers write it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
