"""Scratch directories: emptied after every case, removed at the end, whatever a program left in them, and those of dead runs swept up.

A living run holds a lock on its directory, which the kernel lets go of with the last process of the run, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import secrets
import stat
import tempfile

PREFIX = "rl-rewards-sandbox-"


def empty(directory: str) -> None:
    """Remove all that is in `directory`, in time linear in its entries, whatever their modes, names and depth.

    What is in a directory moves up before the directory goes, under names that no program could have known. Nothing may write there meanwhile.

    Raises:
        OSError: when something cannot be removed.
    """
    prefix, serial = f".{secrets.token_hex(8)}-", 0
    os.chmod(directory, 0o700)
    while entries := list(os.scandir(directory)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in os.listdir(entry.path):
                serial += 1
                path = os.path.join(entry.path, inner)
                if not os.path.islink(path) and os.path.isdir(path):
                    os.chmod(path, 0o700)  # moving a directory changes its "..", which takes the right to write to it
                os.rename(path, f"{directory}/{prefix}{serial}")
            os.rmdir(entry.path)


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


def remove(directory: str) -> None:
    """Remove a scratch directory with all that is in it; one that cannot be removed stays for `sweep`."""
    with contextlib.suppress(OSError):
        empty(directory)
        os.rmdir(directory)


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
