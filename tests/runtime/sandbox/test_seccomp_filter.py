"""The seccomp filter of each machine, run by an interpreter of classic BPF: what it allows, and with which arguments."""

import os
import struct

import pytest

from rl_rewards.runtime.sandbox.cell import seccomp

ALLOW, EPERM, ENOSYS, KILL, GRANTED, UNSUPPORTED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000, 0x00050000, 0x0005005F
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: `program` on struct seccomp_data."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(list(arguments) + [0] * 6)[:6])
    operations = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = operations[position]
        position += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        else:
            holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            position += if_true if holds else if_false


@pytest.fixture(params=list(ARCH))
def machine(request, monkeypatch):
    monkeypatch.setattr(seccomp, "MACHINE", request.param)
    return request.param, seccomp.build()


# name: number on x86_64, on aarch64, arguments, verdict. Numbers are those of the kernel's own tables.
CALLS = {
    "read": (0, 63, (), ALLOW),
    "write": (1, 64, (), ALLOW),
    "openat": (257, 56, (), ALLOW),
    "mmap": (9, 222, (), ALLOW),
    "futex": (202, 98, (), ALLOW),
    "exit_group": (231, 94, (), ALLOW),
    "socket": (41, 198, (), EPERM),
    "connect": (42, 203, (), EPERM),
    "sendmsg": (46, 211, (), EPERM),
    "execve": (59, 221, (), EPERM),
    "execveat": (322, 281, (), EPERM),
    "kill": (62, 129, (), EPERM),
    "tgkill": (234, 131, (), EPERM),
    "tkill": (200, 130, (), EPERM),
    "rt_sigqueueinfo": (129, 138, (), EPERM),
    "pidfd_send_signal": (424, 424, (), EPERM),
    "ptrace": (101, 117, (), EPERM),
    "process_vm_readv": (310, 270, (), EPERM),
    "setsid": (112, 157, (), EPERM),
    "setrlimit": (160, 164, (), EPERM),
    "mount": (165, 40, (), EPERM),
    "unshare": (272, 97, (), EPERM),
    "setns": (308, 268, (), EPERM),
    "bpf": (321, 280, (), EPERM),
    "perf_event_open": (298, 241, (), EPERM),
    "io_uring_setup": (425, 425, (), EPERM),
    "userfaultfd": (323, 282, (), EPERM),
    "memfd_create": (319, 279, (), EPERM),
    "seccomp": (317, 277, (), EPERM),
    "keyctl": (250, 219, (), EPERM),
    "clone3": (435, 435, (), ENOSYS),
    "clone, a process": (56, 220, (17,), EPERM),
    "clone, a thread": (56, 220, (0x3D0F00,), ALLOW),
    "prlimit64, reading": (302, 261, (0, 7, 0, 1 << 40), ALLOW),
    "prlimit64, setting": (302, 261, (0, 7, 4096, 0), EPERM),
    "prlimit64, setting from high memory": (302, 261, (0, 7, 1 << 33, 0), EPERM),
    "prctl, a thread's name": (157, 167, (15,), ALLOW),
    "prctl, dumpable": (157, 167, (4,), EPERM),
    "fcntl, F_GETFL": (72, 25, (3, 3), ALLOW),
    "fcntl, F_SETLK": (72, 25, (3, 6), GRANTED),
    "fcntl, F_OFD_SETLKW": (72, 25, (3, 38), GRANTED),
    "fcntl, F_SETLEASE": (72, 25, (3, 1024), EPERM),
    "fcntl, F_NOTIFY": (72, 25, (3, 1026), EPERM),
    "flock": (73, 32, (3, 2), GRANTED),
    "statfs": (137, 43, (), EPERM),
    "fstatfs": (138, 44, (), EPERM),
    "openat2": (437, 437, (), EPERM),
    "chown": (92, 54, (), EPERM),
    "lchown, fchown": (94, 55, (), EPERM),
    "setxattr": (188, 5, (), UNSUPPORTED),
    "lsetxattr": (189, 6, (), UNSUPPORTED),
    "fremovexattr": (199, 16, (), UNSUPPORTED),
    "mknod": (133, 33, (), EPERM),
    "name_to_handle_at": (303, 264, (), EPERM),
    "inotify_add_watch": (254, 27, (), EPERM),
    "fchmodat2": (452, 452, (), ENOSYS),
    "fcntl, F_SETOWN": (72, 25, (3, 8), EPERM),
    "fcntl, F_SETSIG": (72, 25, (3, 10), EPERM),
    "ioctl, isatty": (16, 29, (1, 0x5401), ALLOW),
    "ioctl, typing for the terminal": (16, 29, (0, 0x5412), EPERM),
    "socketpair, a stream": (53, 199, (1, 1), ALLOW),
    "socketpair, datagrams": (53, 199, (1, 2), EPERM),
    "a call of the future": (600, 600, (), ENOSYS),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_filter_allows_what_computes_and_nothing_else(machine, name):
    name_of_machine, program = machine
    x86_64, aarch64, arguments, wanted = CALLS[name]
    assert verdict(program, ARCH[name_of_machine], x86_64 if name_of_machine == "x86_64" else aarch64, *arguments) == wanted


def test_processes_of_x86_alone_have_fork_and_vfork_and_x32(machine):
    name, program = machine
    if name == "x86_64":
        assert {verdict(program, ARCH[name], number) for number in (57, 58)} == {EPERM}
        assert verdict(program, ARCH[name], 0x40000000 + 59) == ENOSYS


def test_another_machines_calls_are_fatal(machine):
    name, program = machine
    assert verdict(program, 0x40000003, 1) == KILL  # 32-bit calls of x86, whose numbers mean other things


def test_the_table_and_the_search_agree_on_every_number(machine):
    name, program = machine
    column = list(ARCH).index(name) + 1
    allowed = {int(fields[column]) for fields in (entry.split(":") for entry in seccomp.ALLOWED.split()) if fields[column] != "-"}
    special = {seccomp.CLONE[column - 1], seccomp.CLONE3, *(call[0][column - 1] for call in seccomp.CHECKED.values())}
    for number in set(range(seccomp.LAST_KNOWN + 1)) - special:
        xattr = number in range(seccomp.XATTR[column - 1], seccomp.XATTR[column - 1] + 12)
        others = GRANTED if number == seccomp.FLOCK[column - 1] else UNSUPPORTED if xattr else EPERM
        assert verdict(program, ARCH[name], number) == (ALLOW if number in allowed else others), number


# name: number on x86_64, on aarch64, arguments, whether a program without files of its own may make the call.
READING = {
    "open, reading": (2, None, (0, os.O_RDONLY | os.O_CLOEXEC), True),
    "open, writing": (2, None, (0, os.O_WRONLY), False),
    "openat, reading": (257, 56, (0, 0, os.O_RDONLY | os.O_DIRECTORY), True),
    "openat, creating": (257, 56, (0, 0, os.O_CREAT), False),
    "openat, reading and writing": (257, 56, (0, 0, os.O_RDWR), False),
    "openat, a path alone": (257, 56, (0, 0, os.O_PATH), False),
    "openat, a nameless file": (257, 56, (0, 0, os.O_TMPFILE | os.O_WRONLY), False),
    "fchmod": (91, 52, (), False),
    "fchmodat": (268, 53, (), False),
    "utimensat": (280, 88, (), False),
    "unlinkat": (263, 35, (), False),
    "renameat2": (316, 276, (), False),
    "truncate": (76, 45, (), False),
    "newfstatat": (262, 79, (), True),
    "read": (0, 63, (), True),
}


@pytest.mark.parametrize("name", READING)
def test_without_any_wall_around_files_a_program_only_reads(machine, name):
    name_of_machine, _ = machine
    x86_64, aarch64, arguments, allowed = READING[name]
    number = x86_64 if name_of_machine == "x86_64" else aarch64
    if number is not None:
        assert verdict(seccomp.build_read_only(), ARCH[name_of_machine], number, *arguments) == (ALLOW if allowed else EPERM)


def test_notices_come_of_the_named_calls_alone(machine):
    name, _ = machine
    program = seccomp.build_list(["clone", "openat", "open"], seccomp.NOTIFY)
    column = list(ARCH).index(name)
    named = {seccomp.CLONE[column], (257, 56)[column], *((2,) if column == 0 else ())}
    for number in range(600):
        assert verdict(program, ARCH[name], number) == (seccomp.NOTIFY if number in named else ALLOW), number


def test_a_machine_without_a_table_lacks_the_wall(monkeypatch):
    monkeypatch.setattr(seccomp, "MACHINE", "riscv64")
    with pytest.raises(OSError, match="no seccomp table for riscv64"):
        seccomp.build()
