"""What a pool and its fork server write to each other on the control socket."""

from __future__ import annotations

import struct

NUMBER = struct.Struct("!Q")
REPORT = struct.Struct("!cQi")

# From the pool: one byte and a number.
FORK = b"F"
"""Number of a worker, with a file descriptor: fork a worker that serves that socket."""
KILL = b"K"
"""Number of a worker: kill it, with its process group."""
PRELOAD = b"P"
"""Length of a module's name, and the name: import it, so that later workers have it."""
PING = b"?"
"""Any number: answer ALIVE."""

# From the server: one byte, the worker's number and a status.
EXITED = b"X"
"""A worker is gone; status as waitpid gives it."""
STOPPED = b"S"
"""A worker was stopped and has been killed; the signal that stopped it."""
NOT_FORKED = b"N"
"""A worker could not be forked; errno."""
ALIVE = b"A"
"""The answer to PING."""
