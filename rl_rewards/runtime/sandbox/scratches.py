"""The scratch directories of runs: made, and those of dead runs swept up.

A living run holds a lock on its directory, which the kernel lets go of with the last process of the run, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import stat
import tempfile

from rl_rewards.runtime.sandbox.cell.scratch import remove

PREFIX = "rl-rewards-sandbox-"


def make() -> tuple[str, int]:
    """A new scratch directory, and a descriptor that holds its lock: it counts as living as long as any process has that open."""
    while True:
        directory = tempfile.mkdtemp(prefix=PREFIX)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.path.exists(directory):
                return directory, lock
        os.close(lock)  # another run took it for a dead one's, between the two calls


def sweep() -> None:
    """Remove this user's scratch directories that no living run holds."""
    for directory in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), PREFIX + "*")):
        with contextlib.suppress(OSError):
            found = os.lstat(directory)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                _remove_dead(directory)


def _remove_dead(directory: str) -> None:
    os.chmod(directory, 0o700)
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(directory)
    finally:
        os.close(lock)
