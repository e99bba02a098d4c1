"""Programs that take more than their share: processes, memory, time, files, output."""

from hostile_program import TRY, Hostile

PROGRAMS: dict[str, Hostile] = {
    "fork bomb": Hostile("start a process", """
import os
for _ in range(64):
    os.fork()
print("ESCAPED")
"""),
    "memory bomb": Hostile("take more memory than its limit", """
hoard = []
while len(hoard) < 4096:
    hoard.append(b"x" * (1 << 20))
print("ESCAPED")
"""),
    "infinite output": Hostile("write more than its limit", """
while True:
    print("x" * 10000)
"""),
    "infinite loop that catches everything": Hostile("run past its deadline", """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""),
    "threads that ignore exit": Hostile("outlive its deadline in a thread", """
import sys, threading
def forever():
    while True:
        pass
for _ in range(4):
    threading.Thread(target=forever).start()
sys.exit(0)
"""),
    "deep recursion": Hostile("take others down by a stack overflow", """
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
"""),
    "gigantic integer": Hostile("run past its deadline inside one operation", """
print(len(str(9 ** 9 ** 9)))
"""),
    "program that takes for ever to compile": Hostile("spend more than its limits on being compiled", """
eval("(" * 5000 + ")" * 5000)
exec("x = " + "-" * 3000000 + "1")
"""),
    "unclosed pipes and closed descriptors": Hostile("keep descriptors or block for ever", """
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
"""),
    "sleeping children": Hostile("leave a process behind", """
import os, time
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1000)
        os._exit(0)
print("ESCAPED")
""", harmless=True),
    "orphans in sessions of their own": Hostile("leave a process behind in a session of its own", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(1000)
    os._exit(0)
print("ESCAPED")
""", harmless=True),
    "ignoring every signal": Hostile("ignore its end", """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    signal.pause()
"""),
    "filling the disk": Hostile("fill the disk", """
written = 0
for number in range(256):
    with open("file" + str(number), "wb") as file:
        written += file.write(b"x" * (1 << 19))
print("ESCAPED" if written == 1 << 27 else "")
""", harmless=True),
    "leaving a deep tree behind": Hostile("leave files behind", """
import os
for _ in range(1500):
    os.mkdir("deeper")
    os.chdir("deeper")
open("left", "w").write("behind")
"""),
    "thread bomb": Hostile("start threads without end", """
import threading, time
threading.stack_size(32768)
started = 0
try:
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
print("ESCAPED" if started > 1000 else "")
"""),
    "a flood of small files": Hostile("make files without end", """
import os
made = 0
try:
    for number in range(20000):
        os.mkdir(str(number))
        made += 1
except OSError:
    pass
print("ESCAPED" if made > 5000 else "")
"""),
    "sparse and growing files": Hostile("make a file larger than its limit", TRY + """
with open("large", "wb") as file:
    each(lambda: file.truncate(1 << 40), lambda: os.posix_fallocate(file.fileno(), 0, 1 << 32), lambda: os.pwrite(file.fileno(), b"x", 1 << 40) and None)
each(lambda: os.truncate("large", 1 << 40))
"""),
    "directories locked behind it": Hostile("leave directories that cannot be removed", """
import os
os.makedirs("a/b/c")
open("a/b/c/file", "w").close()
for path in ("a/b/c", "a/b", "a", ".", ".."):
    try:
        os.chmod(path, 0)
    except OSError:
        pass
"""),
    "names that cleaning uses": Hostile("stop what is cleaned up after it", """
import os
for number in range(1, 60):
    os.makedirs("." + str(number) + "/x")
os.makedirs("a/b/c")
"""),
    "names that hardly anyone uses": Hostile("leave names that cannot be removed", """
import os
for name in (b"x" * 255, b"new\\nline", b"\\xff\\xfe", b"-rf", b"*", b" ", "\\u202e".encode()):
    os.mkdir(name)
    open(name + b"/" + name, "w").close()
    os.symlink(name, name[:200] + b".link")
os.symlink("loop", "loop")
"""),
    "a flood that cannot be decoded": Hostile("break the answer's way back by its size", """
import os
for descriptor in (1, 2, 3):
    try:
        for _ in range(4):
            os.write(descriptor, b"\\xff" * (1 << 20))
    except OSError:
        pass
"""),
    "an exception of a hundred megabytes": Hostile("break the error's way back by its size", """
raise ValueError("x" * 100_000_000)
"""),
    "decompression bomb": Hostile("take more memory than its limit inside a library", """
import zlib
print(len(zlib.decompress(zlib.compress(bytes(1 << 20) * 64) * 1, bufsize=1 << 30)))
once = zlib.compress(bytes(1 << 27))
hoard = [zlib.decompress(once) for _ in range(64)]
print("ESCAPED")
"""),
    "a pattern that takes for ever": Hostile("run past its deadline inside one match", """
import re
re.match("(a+)+$", "a" * 64 + "b")
"""),
    "exit functions that never end": Hostile("outlive its deadline while it exits", """
import atexit, signal, time
def forever():
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU):
    signal.signal(number, lambda *_: None)
atexit.register(forever)
"""),
    "memory shared with nobody": Hostile("hold memory that is not counted", """
import mmap, os
hoard = []
for _ in range(64):
    hoard.append(mmap.mmap(-1, 1 << 27))
    hoard[-1].write(bytes(1 << 24))
print("ESCAPED")
"""),
}  # fmt: skip
