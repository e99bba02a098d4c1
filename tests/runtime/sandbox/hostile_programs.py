"""Programs that try to get out, or to take the machine down, and what would tell that one did.

Each runs as a script. One that reaches what it wants prints ESCAPED; what it could do without telling is looked for from outside
(`Outside.damage`). Placeholders of Outside are filled in by name.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

SECRET = "correct-horse-battery-staple"

HOSTILE: dict[str, str] = {
    "fork bomb": """
import os
for _ in range(64):
    os.fork()
print("ESCAPED")
""",
    "memory bomb": """
hoard = []
while len(hoard) < 4096:
    hoard.append(b"x" * (1 << 20))
print("ESCAPED")
""",
    "infinite output": """
while True:
    print("x" * 10000)
""",
    "infinite loop that catches everything": """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    "TCP connection": """
import socket
connection = socket.create_connection(("127.0.0.1", {tcp_port}), timeout=1)
connection.sendall(b"ESCAPED")
print("ESCAPED")
""",
    "UDP packet": """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"ESCAPED", ("127.0.0.1", {udp_port}))
print("ESCAPED")
""",
    "abstract UNIX socket": """
import socket
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.connect("\\0{abstract}")
print("ESCAPED")
""",
    "reading /etc/passwd": """
print("ESCAPED" if "root" in open("/etc/passwd").read() else "")
""",
    "reading the caller's files": """
import os
found = os.path.exists("{secret_file}")
with open("{secret_file}") as file:
    print("ESCAPED" if "{secret}" in file.read() else "")
""",
    "reading the caller's environment": """
import os
seen = repr(dict(os.environ))
for process in ("self", "{pid}", "1", str(os.getppid())):
    try:
        seen += open("/proc/" + process + "/environ").read()
    except OSError:
        pass
print("ESCAPED" if "{secret}" in seen else "")
""",
    "writing outside": """
for path in ("{directory}/escaped", "/tmp/escaped-{pid}", "/dev/shm/escaped-{pid}", "/var/tmp/escaped-{pid}"):
    try:
        open(path, "w").write("ESCAPED")
        print("ESCAPED")
    except OSError:
        pass
""",
    "symlink games": """
import os
os.symlink("{secret_file}", "innocent")
os.symlink("/", "root")
for path in ("innocent", "root{secret_file}", "../..{secret_file}"):
    try:
        print("ESCAPED" if "{secret}" in open(path).read() else "")
    except OSError:
        pass
""",
    "hard link to the caller's file": """
import os
os.link("{secret_file}", "mine")
print("ESCAPED" if "{secret}" in open("mine").read() else "")
""",
    "/proc tricks": """
import os
for path in ("/proc/{pid}/root{secret_file}", "/proc/self/root{secret_file}", "/proc/{pid}/mem", "/proc/1/mem", "/proc/{pid}/cmdline"):
    try:
        os.close(os.open(path, os.O_RDONLY))
        print("ESCAPED")
    except OSError:
        pass
try:
    print("ESCAPED" if "{pid}" in os.listdir("/proc") else "")
except OSError:
    pass
""",
    "ptrace and reading another's memory": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
memory = ctypes.create_string_buffer(64)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(memory), 64)
if libc.ptrace(16, {pid}, 0, 0) == 0 or libc.ptrace(16, {victim}, 0, 0) == 0:
    print("ESCAPED")
if libc.process_vm_readv({pid}, vector, 1, vector, 1, 0) > 0:
    print("ESCAPED")
""",
    "killing the caller": """
import os, signal
for process in ({pid}, {victim}, os.getppid()):
    try:
        os.kill(process, signal.SIGKILL)
        print("ESCAPED")
    except OSError:
        pass
""",
    "signals by way of file ownership": """
import fcntl, os
reading, writing = os.pipe()
fcntl.fcntl(reading, fcntl.F_SETOWN, {victim})
fcntl.fcntl(reading, 10, 9)
fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
os.write(writing, b"x")
print("ESCAPED")
""",
    "ctypes to the shell": """
import ctypes
libc = ctypes.CDLL(None)
if libc.system(b"touch {directory}/escaped") == 0:
    print("ESCAPED")
""",
    "starting programs": """
import os, subprocess
ways = [lambda: subprocess.run(["/bin/true"]), lambda: os.posix_spawn("/bin/true", ["true"], dict())]
for start in [*ways, lambda: os.execv("/bin/echo", ["echo", "ESCAPED"])]:
    try:
        start()
        print("ESCAPED")
    except OSError:
        pass
""",
    "threads that ignore exit": """
import sys, threading
def forever():
    while True:
        pass
for _ in range(4):
    threading.Thread(target=forever).start()
sys.exit(0)
""",
    "deep recursion": """
import sys
sys.setrecursionlimit(10**9)
class Nested:
    def __repr__(self):
        return repr([self])
try:
    repr(Nested())
except RecursionError:
    pass
def deeper(n):
    return deeper(n + 1)
deeper(0)
""",
    "gigantic integer": """
print(len(str(9 ** 9 ** 9)))
""",
    "program that takes for ever to compile": """
eval("(" * 5000 + ")" * 5000)
exec("x = " + "-" * 3000000 + "1")
""",
    "os._exit(0)": """
import os
os._exit(0)
""",
    "overwriting builtins": """
import builtins, json, os
builtins.print = lambda *values, **options: None
builtins.open = builtins.len = builtins.isinstance = lambda *values: 42
json.dumps = lambda *values, **options: '["passed", ""]'
os.write = lambda *values: 0
""",
    "looking for the grader in memory": """
import gc, sys
def hidden(value):
    try:
        return "{secret_hint}"[::-1] in repr(value)
    except Exception:
        return False
found = [held for held in gc.get_objects() if type(held) in (dict, list, tuple) and hidden(held)]
frame = sys._getframe()
while frame is not None:
    found += [value for value in list(frame.f_locals.values()) if hidden(value)]
    frame = frame.f_back
print("ESCAPED" if found else "")
""",
    "unclosed pipes and closed descriptors": """
import os
pipes = [os.pipe() for _ in range(50)]
os.closerange(0, 3)
for reading, writing in pipes:
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 65536)
    except BlockingIOError:
        pass
os.read(pipes[0][0], 10)
while True:
    os.read(pipes[-1][0] if False else os.pipe()[0], 1)
""",
    "sleeping children": """
import os, time
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1000)
        os._exit(0)
print("ESCAPED")
""",
    "orphans in sessions of their own": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(1000)
    os._exit(0)
print("ESCAPED")
""",
    "ignoring every signal": """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    signal.pause()
""",
    "filling the disk": """
written = 0
for number in range(256):
    with open("file" + str(number), "wb") as file:
        written += file.write(b"x" * (1 << 19))
print("ESCAPED" if written == 1 << 27 else "")
""",
    "leaving a deep tree behind": """
import os
for _ in range(1500):
    os.mkdir("deeper")
    os.chdir("deeper")
open("left", "w").write("behind")
""",
    "raising its own limits": """
import resource
for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try:
        resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("ESCAPED")
    except (OSError, ValueError):
        pass
""",
    "namespaces, mounts and chroot of its own": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000) == 0 or libc.mount(b"none", b".", b"tmpfs", 0, None) == 0 or libc.chroot(b".") == 0:
    print("ESCAPED")
if libc.setns(os.open("/", os.O_RDONLY), 0) == 0:
    print("ESCAPED")
""",
    "kernel interfaces by number": """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (321, 298, 425, 323, 248, 250, 304, 246, 169, 435, 319, 0x40000000 + 39):
    ctypes.set_errno(0)
    if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0:
        print("ESCAPED", number)
""",
}  # fmt: skip

# Those that can be let out of their walls, to see that they would get what they are after, without harm to the machine.
HARMLESS = (
    "TCP connection", "UDP packet", "abstract UNIX socket", "reading /etc/passwd", "reading the caller's files", "writing outside",
    "symlink games", "hard link to the caller's file", "/proc tricks", "ctypes to the shell", "starting programs", "sleeping children",
    "orphans in sessions of their own", "filling the disk",
)  # fmt: skip


class Outside:
    """What hostile programs are after, and the look at it afterwards."""

    def __enter__(self) -> Outside:
        self._directory = tempfile.TemporaryDirectory(prefix="outside-")
        self.directory = Path(self._directory.name)
        self.secret_file = self.directory / "secret"
        self.secret_file.write_text(SECRET)
        os.environ["RL_REWARDS_TEST_SECRET"] = SECRET
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract = f"rl-rewards-test-{os.getpid()}"
        self.unix.bind("\0" + self.abstract)
        self.unix.listen()
        for listener in (self.tcp, self.udp, self.unix):
            listener.setblocking(False)
        # Waits for its stdin to end, so that nothing but a signal from elsewhere ends it before that.
        self.victim = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        self.victim.communicate()
        for listener in (self.tcp, self.udp, self.unix):
            listener.close()
        os.environ.pop("RL_REWARDS_TEST_SECRET")
        self._directory.cleanup()

    def program(self, name: str) -> str:
        """The hostile program of that name, aimed at this."""
        text = HOSTILE[name]
        targets = {
            "tcp_port": self.tcp.getsockname()[1], "udp_port": self.udp.getsockname()[1], "abstract": self.abstract,
            "secret": SECRET, "secret_hint": SECRET[::-1],
            "secret_file": self.secret_file, "directory": self.directory, "pid": os.getpid(), "victim": self.victim.pid,
        }  # fmt: skip
        for target, value in targets.items():
            text = text.replace("{" + target + "}", str(value))
        return text

    def clear(self) -> None:
        """Put the directory back as it was."""
        for path in self.directory.iterdir():
            if path != self.secret_file:
                path.unlink()
        self.damage()

    def damage(self) -> list[str]:
        """What was done, in words; nothing when all was contained."""
        found = []
        if self.victim.poll() is not None:
            found.append(f"a process was killed by {signal.Signals(-self.victim.returncode).name}")
        if {path.name for path in self.directory.iterdir()} != {"secret"} or self.secret_file.stat().st_nlink != 1:
            found.append("the caller's directory was written")
        written = [path for folder in ("/tmp", "/dev/shm", "/var/tmp") if (path := Path(folder, f"escaped-{os.getpid()}")).exists()]
        for path in written:
            found.append(f"{path} was written")
            path.unlink()
        for listener, word in ((self.tcp, "TCP"), (self.unix, "UNIX")):
            try:
                listener.accept()[0].close()
                found.append(f"a {word} connection came in")
            except BlockingIOError:
                pass
        try:
            found.append(f"a UDP packet came in: {self.udp.recv(100)!r}")
        except BlockingIOError:
            pass
        return found


def descendants(root: int | None = None) -> set[int]:
    """Every living process below this one; zombies do not count."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry)] = int(fields[1])
    found, frontier = set(), {root or os.getpid()}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier}
        found |= frontier
    return found
