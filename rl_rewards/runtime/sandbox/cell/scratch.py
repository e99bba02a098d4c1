"""Emptying and removing scratch directories, whatever a program left in them."""

from __future__ import annotations

import contextlib
import os


def empty(directory: str) -> None:
    """Remove all that is in `directory`, in time linear in its entries, whatever their modes, names and depth.

    What is in a directory moves up before the directory goes, under names that no program could have known. Nothing may write there meanwhile.

    Raises:
        OSError: when something cannot be removed.
    """
    os.chmod(directory, 0o700)
    if not os.listdir(directory):
        return
    prefix, serial = f".{os.urandom(8).hex()}-", 0
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


def remove(directory: str) -> None:
    """Remove a scratch directory with all that is in it; one that cannot be removed stays for the sweep of a later run."""
    with contextlib.suppress(OSError):
        empty(directory)
        os.rmdir(directory)
