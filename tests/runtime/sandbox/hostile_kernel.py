"""Programs after other processes, the network and the kernel."""

from hostile_program import TRY, Hostile

PROGRAMS: dict[str, Hostile] = {
    "TCP connection": Hostile("connect to a TCP port", """
import socket
connection = socket.create_connection(("127.0.0.1", {tcp_port}), timeout=1)
connection.sendall(b"ESCAPED")
print("ESCAPED")
""", harmless=True),
    "UDP packet": Hostile("send a UDP packet", """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"ESCAPED", ("127.0.0.1", {udp_port}))
print("ESCAPED")
""", harmless=True),
    "abstract UNIX socket": Hostile("connect to a UNIX socket", """
import socket
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.connect("\\0{abstract}")
print("ESCAPED")
""", harmless=True),
    "ptrace and reading another's memory": Hostile("trace a process or read its memory", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
memory = ctypes.create_string_buffer(64)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(memory), 64)
if libc.ptrace(16, {pid}, 0, 0) == 0 or libc.ptrace(16, {victim}, 0, 0) == 0:
    print("ESCAPED")
if libc.process_vm_readv({pid}, vector, 1, vector, 1, 0) > 0:
    print("ESCAPED")
"""),
    "killing the caller": Hostile("signal another process", """
import os, signal
for process in ({pid}, {victim}, os.getppid()):
    try:
        os.kill(process, signal.SIGKILL)
        print("ESCAPED")
    except OSError:
        pass
"""),
    "signals by way of file ownership": Hostile("have the kernel signal another process", """
import fcntl, os
reading, writing = os.pipe()
fcntl.fcntl(reading, fcntl.F_SETOWN, {victim})
fcntl.fcntl(reading, 10, 9)
fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
os.write(writing, b"x")
print("ESCAPED")
"""),
    "ctypes to the shell": Hostile("start a shell", """
import ctypes
libc = ctypes.CDLL(None)
if libc.system(b"touch {directory}/escaped") == 0:
    print("ESCAPED")
""", harmless=True),
    "starting programs": Hostile("start a program", """
import os, subprocess
ways = [lambda: subprocess.run(["/bin/true"]), lambda: os.posix_spawn("/bin/true", ["true"], dict())]
for start in [*ways, lambda: os.execv("/bin/echo", ["echo", "ESCAPED"])]:
    try:
        start()
        print("ESCAPED")
    except OSError:
        pass
""", harmless=True),
    "raising its own limits": Hostile("raise its limits", """
import resource
for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try:
        resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("ESCAPED")
    except (OSError, ValueError):
        pass
"""),
    "namespaces, mounts and chroot of its own": Hostile("make namespaces, mounts or a root of its own", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000) == 0 or libc.mount(b"none", b".", b"tmpfs", 0, None) == 0 or libc.chroot(b".") == 0:
    print("ESCAPED")
if libc.setns(os.open("/", os.O_RDONLY), 0) == 0:
    print("ESCAPED")
"""),
    "kernel interfaces by number": Hostile("call the kernel's rarer interfaces", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (321, 298, 425, 323, 248, 250, 304, 246, 169, 435, 319, 0x40000000 + 39):
    ctypes.set_errno(0)
    if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0:
        print("ESCAPED", number)
"""),
    "UNIX sockets with names": Hostile("make or reach a UNIX socket in the file system", """
import socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    for way in ("bind", "connect"):
        try:
            getattr(socket.socket(socket.AF_UNIX, kind), way)("{directory}/socket")
            print("ESCAPED")
        except OSError:
            pass
""", harmless=True),
    "raw, netlink and packet sockets": Hostile("open a socket of any family", """
import socket
for family in (1, 2, 10, 15, 16, 17, 29, 31, 38, 40, 44):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind).close()
            print("ESCAPED", family, kind)
        except OSError:
            pass
""", harmless=True),
    "descriptors over a socket pair": Hostile("send or receive descriptors, or datagrams to anyone", """
import os, socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        left, right = socket.socketpair(socket.AF_UNIX, kind)
        socket.send_fds(left, [b"x"], [0])
        print("ESCAPED")
    except OSError:
        pass
""", harmless=True),
    "descriptors of other processes": Hostile("take a descriptor of another process", TRY + """
for process in ({pid}, {victim}, os.getppid(), os.getpid()):
    each(
        lambda: None if call(434, process, 0) >= 0 else 1, lambda: None if call(438, call(434, process, 0), 0, 0) >= 0 else 1,
        lambda: None if call(312, process, process, 0, 0, 0) >= 0 else 1, lambda: None if call(440, 3, 0, 0, 0, 0) >= 0 else 1,
    )
"""),
    "signals to its whole group": Hostile("signal its process group, or everyone", TRY + """
import signal
each(
    lambda: os.killpg(0, signal.SIGTERM), lambda: os.kill(-1, signal.SIGTERM), lambda: os.kill(0, signal.SIGTERM), lambda: call(62, -1, 15),
    lambda: call(129, {victim}, 15, ctypes.create_string_buffer(128)), lambda: call(234, {victim}, {victim}, 15), lambda: call(200, {victim}, 15),
    lambda: call(424, 3, 15, 0, 0),
)
"""),
    "sessions and process groups": Hostile("leave its session or process group", TRY + """
each(lambda: os.setsid() and None, lambda: os.setpgid(0, 0), lambda: os.setpgid({victim}, 0), lambda: os.tcsetpgrp(0, os.getpid()))
""", harmless=True),
    "priorities and processors of others": Hostile("slow other processes down", TRY + """
each(
    lambda: os.setpriority(os.PRIO_PROCESS, {victim}, 19), lambda: os.sched_setaffinity({victim}, [0]), lambda: os.nice(-20) and None,
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)), lambda: call(251, 1, {victim}, 0), lambda: os.sched_setaffinity(0, [0]),
)
"""),
    "limits of other processes": Hostile("set limits of another process", TRY + """
import resource
each(*[
    lambda process=process: resource.prlimit(process, resource.RLIMIT_NOFILE, (8, 8)) and None for process in ({victim}, {pid}, os.getppid())
])
"""),
    "other users": Hostile("become another user or group", TRY + """
each(
    lambda: os.setuid(1234), lambda: os.setgid(1234), lambda: os.setresuid(1234, 1234, 1234), lambda: os.setgroups([0]), lambda: os.seteuid(1234),
    lambda: 1 if call(122, 1234) < 0 else None, lambda: None if call(126, ctypes.create_string_buffer(8), ctypes.create_string_buffer(24)) == 0 else 1,
)
"""),
    "shared memory and queues": Hostile("share memory or messages with other processes", TRY + """
from multiprocessing import shared_memory
each(
    lambda: shared_memory.SharedMemory("escaped-{pid}", create=True, size=64).close(), lambda: None if call(29, 0x5EC, 64, 0o1666) >= 0 else 1,
    lambda: None if call(68, 0x5EC, 0o1666) >= 0 else 1, lambda: None if call(64, 0x5EC, 1, 0o1666) >= 0 else 1,
    lambda: None if call(240, b"escaped", 0o102, 0o600, None) >= 0 else 1,
)
"""),
    "keys of the kernel": Hostile("keep or read keys in the kernel", TRY + """
each(
    lambda: None if call(248, b"user", b"escaped", b"x", 1, -3) >= 0 else 1, lambda: None if call(249, b"user", b"x", None, 0) >= 0 else 1,
    lambda: None if call(250, 0, -3, 1) >= 0 else 1,
)
"""),
    "asynchronous calls": Hostile("have the kernel make calls for it", TRY + """
each(
    lambda: None if call(425, 8, ctypes.create_string_buffer(256)) >= 0 else 1, lambda: None if call(206, 8, ctypes.byref(ctypes.c_ulong())) == 0 else 1,
    lambda: None if call(426, 3, 1, 0, 0, None) >= 0 else 1,
)
"""),
    "programs without a file": Hostile("run a program from memory", TRY + """
each(
    lambda: os.close(os.memfd_create("program")), lambda: None if call(322, 0, b"", None, None, 0x1000) >= 0 else 1,
    lambda: None if call(447, 0) >= 0 else 1, lambda: os.posix_spawn("/proc/self/fd/0", ["x"], dict()) and None,
)
""", harmless=True),
    "machine code and 32-bit calls": Hostile("get past the filter with calls of another machine", """
import ctypes, mmap, os
if os.uname().machine == "x86_64":
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid of 32-bit programs); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    if ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid():
        print("ESCAPED")
""", harmless=True),
    "taking its filter off": Hostile("change the filter or its process's settings", TRY + """
each(
    lambda: libc.prctl(22, 0, 0), lambda: libc.prctl(22, 2, ctypes.create_string_buffer(16)), lambda: libc.prctl(38, 0, 0, 0, 0),
    lambda: libc.prctl(4, 0), lambda: libc.prctl(4, 1), lambda: libc.prctl(1, 0), lambda: libc.prctl(36, 1), lambda: libc.prctl(8, 1),
    lambda: call(317, 1, 8, ctypes.create_string_buffer(16)) if call(317, 1, 8, ctypes.create_string_buffer(16)) >= 0 else 1,
    lambda: libc.personality(0x0040000) and 1,
)
"""),
    "the machine's own settings": Hostile("set the clock, the name or the power of the machine", TRY + """
import time
each(
    lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()), lambda: call(164, None, None), lambda: call(170, b"escaped", 7),
    lambda: call(171, b"escaped", 7), lambda: None if call(103, 10, None, 0) >= 0 else 1, lambda: call(167, b"/none", 0), lambda: call(172, 3),
    lambda: call(159, ctypes.create_string_buffer(256)) if call(159, ctypes.create_string_buffer(256)) >= 0 else 1, lambda: call(162),
)
"""),
    "modules, BPF and counters": Hostile("load code into the kernel or watch it", TRY + """
each(
    lambda: call(175, b"x", 1, b""), lambda: call(313, 0, b"", 0), lambda: call(176, b"x", 0), lambda: call(246, 0, 0, None, 0),
    lambda: None if call(321, 0, ctypes.create_string_buffer(128), 128) >= 0 else 1, lambda: None if call(323, 0) >= 0 else 1,
    lambda: None if call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0 else 1,
)
"""),
    "the terminal": Hostile("type into the caller's terminal", TRY + """
import fcntl, termios
for descriptor in (0, 1, 2):
    each(
        lambda: fcntl.ioctl(descriptor, termios.TIOCSTI, b"x") and None, lambda: fcntl.ioctl(descriptor, termios.TIOCNOTTY) and None,
        lambda: fcntl.ioctl(descriptor, 0x541C, b"x") and None, lambda: os.close(os.open(os.ctermid(), os.O_RDWR)),
    )
"""),
}  # fmt: skip
