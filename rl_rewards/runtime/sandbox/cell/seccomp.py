"""Seccomp: the system calls that a model's program may make, as a classic BPF program put together once, in plain bytes.

An allow-list. What computes, reads and writes files (which files is for the other walls to say), starts threads and runs an event loop is
allowed. What starts processes, sends signals, opens sockets, loads code by execve, traces, mounts, raises limits or is unknown, fails with
EPERM, so that Python raises PermissionError where the program asked. Calls newer than this table fail with ENOSYS, for which libcs
have a fallback.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

from .kernel import MACHINE, prctl

# name:number on x86_64:number on aarch64 ("-" where that machine has no such call)
ALLOWED = """
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 pwritev:296:70 preadv2:327:286 pwritev2:328:287
open:2:- openat:257:56 creat:85:- close:3:57 close_range:436:436 lseek:8:62 sendfile:40:71 copy_file_range:326:285 stat:4:- lstat:6:-
fstat:5:80 newfstatat:262:79 statx:332:291 access:21:- faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 getdents:78:-
getdents64:217:61 getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82:- renameat:264:38 renameat2:316:276 mkdir:83:- mkdirat:258:34 rmdir:84:-
link:86:- linkat:265:37 unlink:87:- unlinkat:263:35 symlink:88:- symlinkat:266:36 chmod:90:- fchmod:91:52 fchmodat:268:53 utime:132:-
utimes:235:- utimensat:280:88 futimesat:261:- truncate:76:45 ftruncate:77:46 fallocate:285:47 fsync:74:82 fdatasync:75:83 umask:95:166
dup:32:23 dup2:33:- dup3:292:24 pipe:22:- pipe2:293:59 eventfd:284:- eventfd2:290:19 poll:7:- ppoll:271:73 select:23:- pselect6:270:72
epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:- epoll_pwait:281:22 epoll_pwait2:441:441 sendto:44:206
recvfrom:45:207 shutdown:48:210 getsockopt:55:209 setsockopt:54:208 getsockname:51:204 getpeername:52:205 mmap:9:222 mprotect:10:226
munmap:11:215 mremap:25:216 madvise:28:233 mincore:27:232 msync:26:227 brk:12:214 membarrier:324:283 mlock:149:228 munlock:150:229
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigtimedwait:128:137 rt_sigsuspend:130:133 rt_sigpending:127:136
sigaltstack:131:132 restart_syscall:219:128 pause:34:- alarm:37:- getitimer:36:102 setitimer:38:103 nanosleep:35:101
clock_nanosleep:230:115 clock_gettime:228:113 clock_getres:229:114 gettimeofday:96:169 time:201:- times:100:153 timerfd_create:283:85
timerfd_settime:286:86 timerfd_gettime:287:87 getpid:39:172 getppid:110:173 gettid:186:178 getuid:102:174 geteuid:107:175 getgid:104:176
getegid:108:177 getresuid:118:148 getresgid:120:150 getgroups:115:158 getpgrp:111:- getpgid:121:155 getsid:124:156 getpriority:140:141
getrlimit:97:163 getrusage:98:165 sysinfo:99:179 uname:63:160 getrandom:318:278 getcpu:309:168 futex:202:98 futex_waitv:449:449
set_robust_list:273:99 get_robust_list:274:100 set_tid_address:218:96 rseq:334:293 arch_prctl:158:- sched_yield:24:124
sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126
get_mempolicy:239:236 exit:60:93 exit_group:231:94
"""
# Calls that are allowed with some arguments only: name -> numbers, index of the argument, its allowed values.
CHECKED = {
    "prctl": ((157, 167), 0, (15, 16, 0x53564D41)),  # a thread's name, an anonymous mapping's name
    "prlimit64": ((302, 261), 2, (0,)),  # reading limits, not setting them
    "ioctl": (
        (16, 29),
        1,
        (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451),
    ),  # isatty, window size, bytes to read, non-blocking, close-on-exec
    # No F_SETOWN and F_SETSIG: together they send any signal to any process of this user. Locks are below.
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 4, 5, 36, 1030, 1032)),
    "socketpair": ((53, 199), 1, (1, 0x801, 0x80001, 0x80801)),  # streams only (asyncio's wake-up pair): they cannot address anyone else
}
# Calls that change files, for where no other wall says which.
CHANGING = """
creat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat utime utimes
utimensat futimesat truncate
"""
MORE_THAN_READING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_PATH | (os.O_TMPFILE & ~os.O_DIRECTORY)
# Locks are granted and not taken: a program is one process, which no lock of its own keeps out, and others' files are not its to lock.
FLOCK = (73, 32)
# Extended attributes, all twelve calls from here on: not supported, as on many file systems, which programs that copy files know.
XATTR = (188, 5)
FCNTL_LOCKS = (6, 7, 37, 38)
CLONE = (56, 220)
CLONE3 = 435
CLONE_THREAD = 0x10000
LAST_KNOWN = 450

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NOTIFY, _KILL, _ALLOW = 0x7FC00000, 0x80000000, 0x7FFF0000
_EPERM, _ENOSYS, _UNSUPPORTED, _GRANTED = 0x00050001, 0x00050026, 0x0005005F, 0x00050000
_LOAD, _JEQ, _JGT, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16


def numbers() -> dict[str, int]:
    """name -> number on this machine, of the calls in ALLOWED and CLONE.

    Raises:
        OSError: on a machine other than little-endian x86_64 and aarch64, whose call numbers this table lacks.
    """
    column = _column()
    entries = [entry.split(":") for entry in ALLOWED.split()]
    return {"clone": CLONE[column], **{entry[0]: int(entry[1 + column]) for entry in entries if entry[1 + column] != "-"}}


def _column() -> int:
    if MACHINE not in _AUDIT_ARCH or sys.byteorder != "little":
        raise OSError(f"no seccomp table for {MACHINE}")
    return list(_AUDIT_ARCH).index(MACHINE)


def build_list(names: Iterable[str], verdict: int) -> bytes:
    """A filter that gives `verdict` to the calls of those names which this machine has, and lets everything else through."""
    known = numbers()
    verdicts = {known[name]: verdict for name in names if name in known}
    return b"".join([_op(_LOAD, _NUMBER), *_search(_runs(verdicts, _ALLOW))])


def build_threads() -> bytes:
    """A filter that gives notice of new threads and lets everything else through, new processes included."""
    number = _op(_JEQ, numbers()["clone"], 0, 3)
    return b"".join([_op(_LOAD, _NUMBER), number, _op(_LOAD, _ARGUMENTS), _op(_JSET, CLONE_THREAD, 0, 1), _op(_RETURN, NOTIFY), _op(_RETURN, _ALLOW)])


def build_read_only() -> bytes:
    """A filter that refuses calls that change files by their path, or any that has been opened, and opening for more than reading."""
    known = numbers()
    head = [_op(_LOAD, _NUMBER)]
    for name, argument in (("open", 1), ("openat", 2)):
        if name in known:
            head += [_op(_JEQ, known[name], 0, 4), _op(_LOAD, _ARGUMENTS + 8 * argument), _op(_JSET, MORE_THAN_READING, 0, 1)]
            head += [_op(_RETURN, _EPERM), _op(_RETURN, _ALLOW)]
    verdicts = dict.fromkeys((known[name] for name in CHANGING.split() if name in known), _EPERM)
    return b"".join(head + _search(_runs(verdicts, _ALLOW)))


def build() -> bytes:
    """The filter for this machine.

    Raises:
        OSError: see `numbers`.
    """
    column = _column()
    allowed = [number for name, number in numbers().items() if name != "clone"]
    head = [
        _op(_LOAD, _ARCH), _op(_JEQ, _AUDIT_ARCH[MACHINE], 1, 0), _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER), _op(_JGT, LAST_KNOWN, 0, 1), _op(_RETURN, _ENOSYS),  # also every x32 call, which have bit 30 set
        _op(_JEQ, CLONE3, 0, 1), _op(_RETURN, _ENOSYS),  # its flags lie behind a pointer; libcs then use clone
        _op(_JEQ, CLONE[column], 0, 4), _op(_LOAD, _ARGUMENTS), _op(_JSET, CLONE_THREAD, 0, 1), _op(_RETURN, _ALLOW), _op(_RETURN, _EPERM),
    ]  # fmt: skip
    for name, (call, argument, values) in CHECKED.items():
        low = _ARGUMENTS + 8 * argument
        body = [_op(_LOAD, low)]
        if values == (0,):  # a pointer: its upper half counts too
            body += [_op(_JEQ, 0, 0, 3), _op(_LOAD, low + 4), _op(_JEQ, 0, 0, 1), _op(_RETURN, _ALLOW)]
        else:
            for value in values:
                body += [_op(_JEQ, value, 0, 1), _op(_RETURN, _ALLOW)]
            for value in FCNTL_LOCKS if name == "fcntl" else ():
                body += [_op(_JEQ, value, 0, 1), _op(_RETURN, _GRANTED)]
        body.append(_op(_RETURN, _EPERM))
        head += [_op(_JEQ, call[column], 0, len(body)), *body]
    xattr = range(XATTR[column], XATTR[column] + 12)
    verdicts = {**dict.fromkeys(allowed, _ALLOW), **dict.fromkeys(xattr, _UNSUPPORTED), FLOCK[column]: _GRANTED}
    return b"".join(head + _search(_runs(verdicts, _EPERM)))


def _runs(verdicts: dict[int, int], other: int) -> list[tuple[int, int]]:
    """(first number, verdict) of each run of numbers with the same verdict, from 0 on; `other` is that of what is not in `verdicts`."""
    runs: list[tuple[int, int]] = []
    for number in range(LAST_KNOWN + 1):
        verdict = verdicts.get(number, other)
        if not runs or runs[-1][1] != verdict:
            runs.append((number, verdict))
    return runs


def _search(runs: list[tuple[int, int]]) -> list[bytes]:
    """A binary search: the kernel tries the whole filter on every number when it is put on, so its depth is what a child waits for."""
    if len(runs) == 1:
        return [_op(_RETURN, runs[0][1])]
    middle = len(runs) // 2
    below, above = _search(runs[:middle]), _search(runs[middle:])
    return [_op(_JGE, runs[middle][0], len(below), 0), *below, *above]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


class Filter:
    """A built filter, ready to be put on: one system call in the child, no allocation of note."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: unsigned short length, pointer to the instructions, with natural alignment
        self.header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(self._program)))

    def put_on(self) -> None:
        """Restrict the calling thread, and every thread it starts, for good. It must have no_new_privs, which the cell's walls give it."""
        prctl(22, 2, self.header)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
