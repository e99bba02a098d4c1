"""Namespaces: a cell with no network, no view of other processes, and a file system of which little is left to see."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .kernel import mount, unshare

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
EACH = {"pid": NEWPID, "network": NEWNET, "mount": NEWNS, "ipc": NEWIPC | NEWUTS}
# Directories of no use to a program, covered by an empty one unless Python's own files lie beneath.
COVERED = ("/proc", "/sys", "/home", "/root", "/run", "/var", "/mnt", "/media", "/srv", "/opt", "/boot")


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


def cover(scratch: str, megabytes: int, visible: Iterable[str]) -> None:
    """Give this mount namespace a `scratch` of bounded size, in memory, and nothing to see in COVERED.

    Raises:
        OSError: when mounting is not allowed, which some kernels forbid in user namespaces.
    """
    private = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", scratch, "tmpfs", private, f"size={megabytes}m,nr_inodes=4096,mode=0700")
    visible = [*visible, scratch]
    for directory in COVERED:
        if os.path.isdir(directory) and not any((path + "/").startswith(directory + "/") for path in visible):
            mount("tmpfs", directory, "tmpfs", private | MS_RDONLY, "size=4k,mode=0755")
