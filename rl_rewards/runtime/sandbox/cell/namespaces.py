"""Namespaces: a cell with no network, no view of other processes, and a file system of Python's own files and a scratch directory."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .kernel import mount, mount_read_only, pivot_root, unshare

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
EACH = {"pid": NEWPID, "network": NEWNET, "mount": NEWNS, "ipc": NEWIPC | NEWUTS}
SCRATCH = "/rl-rewards-scratch"
MAX_INODES = 4096


def enter(without: Iterable[str]) -> list[str]:
    """Move this process into namespaces of its own (that of processes holds for its children). Returns those it could not have."""
    wanted = {name: flag for name, flag in EACH.items() if name not in without}
    lacking, user, group = [], os.geteuid(), os.getegid()
    if "user" not in without:
        try:
            unshare(NEWUSER)
            for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        except OSError:
            lacking.append("user")  # the others may yet work: for root, outside most containers
    for name, flag in wanted.items():
        try:
            unshare(flag)
        except OSError:
            lacking.append(name)
    return lacking


def enter_root(scratch: str, megabytes: int, visible: Iterable[str]) -> str:
    """Give this mount namespace a root of its own: `visible`, read-only and under the same names, and an empty directory of bounded size.

    Nothing else of the machine's files has a name there, so nothing else can be read, seen or changed.

    Args:
        scratch: an empty directory to build the root on.
        megabytes: size of all files in the empty directory together, in MiB; they lie in memory.
        visible: absolute paths of directories and files.

    Returns:
        The empty directory's path in the new root.

    Raises:
        OSError: when mounting is not allowed, which some kernels forbid in user namespaces, and before Linux 5.12.
    """
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", scratch, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
    for path in _outermost(visible):
        target = scratch + path
        if os.path.isdir(path):
            os.makedirs(target, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT, 0o644))
        mount(os.path.realpath(path), target, "", MS_BIND | MS_REC)
    os.makedirs(scratch + SCRATCH, exist_ok=True)
    mount_read_only(scratch)
    own = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("tmpfs", scratch + SCRATCH, "tmpfs", own, f"size={megabytes}m,nr_inodes={MAX_INODES},mode=0700")
    pivot_root(scratch)
    return SCRATCH


def _outermost(paths: Iterable[str]) -> list[str]:
    """`paths` without those that lie in another of them."""
    kept: list[str] = []
    for path in sorted(paths):
        if os.path.exists(path) and not any(path.startswith(other + "/") for other in kept):
            kept.append(path)
    return kept
