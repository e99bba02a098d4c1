"""Ports for servers that must be told theirs; one that can say where it listens gets port 0."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of loopback at which nobody listens, below those that the kernel gives out: no other process gets it by asking for any."""
    lowest = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        asked = random.SystemRandom().randrange(10_000, lowest) if lowest > 11_000 else 0  # where it gives out nearly all, any
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", asked))
            except OSError:
                continue
            return tried.getsockname()[1]
