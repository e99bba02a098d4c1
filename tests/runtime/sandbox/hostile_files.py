"""Programs after files: reading, changing, seeing what is the caller's."""

from hostile_program import TRY, Hostile

PROGRAMS: dict[str, Hostile] = {
    "reading /etc/passwd": Hostile("read the machine's files", """
print("ESCAPED" if "root" in open("/etc/passwd").read() else "")
""", harmless=True),
    "reading the caller's files": Hostile("read the caller's files", """
import os
found = os.path.exists("{secret_file}")
with open("{secret_file}") as file:
    print("ESCAPED" if "{secret}" in file.read() else "")
""", harmless=True),
    "reading the caller's environment": Hostile("read another process's environment", """
import os
seen = repr(dict(os.environ))
for process in ("self", "{pid}", "1", str(os.getppid())):
    try:
        seen += open("/proc/" + process + "/environ").read()
    except OSError:
        pass
print("ESCAPED" if "{secret}" in seen else "")
"""),
    "writing outside": Hostile("write anywhere but in its scratch", """
for path in ("{directory}/escaped", "/tmp/escaped-{pid}", "/dev/shm/escaped-{pid}", "/var/tmp/escaped-{pid}"):
    try:
        open(path, "w").write("ESCAPED")
        print("ESCAPED")
    except OSError:
        pass
""", harmless=True),
    "symlink games": Hostile("follow a link out of its scratch", """
import os
os.symlink("{secret_file}", "innocent")
os.symlink("/", "root")
for path in ("innocent", "root{secret_file}", "../..{secret_file}"):
    try:
        print("ESCAPED" if "{secret}" in open(path).read() else "")
    except OSError:
        pass
""", harmless=True),
    "hard link to the caller's file": Hostile("link to the caller's file", """
import os
os.link("{secret_file}", "mine")
print("ESCAPED" if "{secret}" in open("mine").read() else "")
""", harmless=True),
    "/proc tricks": Hostile("reach anything by way of /proc", """
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
""", harmless=True),
    "changing modes": Hostile("change the mode of the caller's files", TRY + """
each(
    lambda: os.chmod("{secret_file}", 0o777), lambda: os.chmod("{directory}", 0o777), lambda: call(90, b"{secret_file}", 0o777),
    lambda: call(268, -100, b"{secret_file}", 0o777), lambda: call(452, -100, b"{secret_file}", 0o777, 0),
    lambda: os.fchmod(os.open("{secret_file}", os.O_RDONLY), 0o777), lambda: os.fchmod(os.open("{directory}", os.O_RDONLY), 0o777),
    lambda: call(91, os.open("{secret_file}", os.O_PATH), 0o777),
)
""", harmless=True),
    "changing times": Hostile("change the times of the caller's files", TRY + """
each(
    lambda: os.utime("{secret_file}", (5, 5)), lambda: os.utime("{directory}", (5, 5)), lambda: os.utime("{secret_file}", follow_symlinks=False),
    lambda: call(132, b"{secret_file}", None), lambda: call(235, b"{secret_file}", None), lambda: call(261, -100, b"{secret_file}", None),
    lambda: call(280, -100, b"{secret_file}", None, 0), lambda: os.utime(os.open("{directory}", os.O_RDONLY)),
)
""", harmless=True),
    "changing owners": Hostile("change the owner of the caller's files", TRY + """
each(
    lambda: os.chown("{secret_file}", 1234, 1234), lambda: os.lchown("{secret_file}", 1234, 1234), lambda: call(92, b"{secret_file}", 1234, 1234),
    lambda: call(260, -100, b"{directory}", 1234, 1234, 0), lambda: os.fchown(os.open("{directory}", os.O_RDONLY), 1234, 1234),
)
"""),
    "extended attributes": Hostile("set or read extended attributes of the caller's files", TRY + """
each(
    lambda: os.setxattr("{secret_file}", "user.mark", b"x"), lambda: os.removexattr("{secret_file}", "user.mark"),
    lambda: call(188, b"{secret_file}", b"user.mark", b"x", 1, 0), lambda: call(189, b"{secret_file}", b"user.mark", b"x", 1, 0),
    lambda: None if os.listxattr("{secret_file}") else 1,
)
""", harmless=True),
    "cutting files short": Hostile("truncate the caller's files", TRY + """
each(
    lambda: os.truncate("{secret_file}", 0), lambda: call(76, b"{secret_file}", 0), lambda: open("{secret_file}", "w").close(),
    lambda: os.close(os.open("{secret_file}", os.O_RDONLY | os.O_TRUNC)), lambda: call(85, b"{secret_file}", 0o600) if os.getpid() < 0 else 1,
)
""", harmless=True),
    "removing and replacing files": Hostile("remove, rename or replace the caller's files", TRY + """
open("mine", "w").write("ESCAPED")
each(
    lambda: os.rename("mine", "{secret_file}"), lambda: os.replace("{secret_file}", "taken"), lambda: os.rename("{secret_file}", "{directory}/x"),
    lambda: os.unlink("{secret_file}"), lambda: os.rmdir("{directory}"), lambda: call(316, -100, b"mine", -100, b"{secret_file}", 2),
    lambda: call(87, b"{secret_file}"), lambda: call(84, b"{directory}"),
)
""", harmless=True),
    "making files outside": Hostile("make files, directories, links, pipes or devices outside", TRY + """
each(
    lambda: os.mkdir("{directory}/made"), lambda: os.symlink("x", "{directory}/made"), lambda: os.mkfifo("{directory}/made"),
    lambda: os.mknod("{directory}/made"), lambda: os.mknod("device", 0o20666, os.makedev(1, 3)), lambda: os.link("/dev/null", "device"),
    lambda: os.close(os.open("{directory}/made", os.O_CREAT | os.O_WRONLY)), lambda: call(83, b"../made-{pid}", 0o777),
    lambda: os.close(os.open("{directory}", os.O_TMPFILE | os.O_WRONLY)),
)
""", harmless=True),
    "Python's own files": Hostile("change the interpreter that the caller runs, which it may read", TRY + """
library, directory = os.__file__, os.path.dirname(os.__file__)
os.symlink(library, "link")
descriptor, folder = os.open(library, os.O_RDONLY), os.open(directory, os.O_RDONLY)
each(
    lambda: os.chmod(library, 0o777), lambda: os.fchmod(descriptor, 0o777), lambda: os.utime(library), lambda: os.utime(descriptor),
    lambda: os.utime(folder, (5, 5)), lambda: os.truncate(library, 0), lambda: os.ftruncate(descriptor, 0), lambda: os.unlink(library),
    lambda: os.rename(library, directory + "/x.py"), lambda: open(directory + "/made.py", "w").close(), lambda: os.link(library, "os.py"),
    lambda: os.close(os.open("made.py", os.O_CREAT | os.O_WRONLY, dir_fd=folder)), lambda: os.chmod("os.py", 0o777, dir_fd=folder),
    lambda: open(library, "r+").close(), lambda: call(285, descriptor, 0, 0, 10), lambda: os.mkdir("made", dir_fd=folder),
    lambda: os.chmod("link", 0o777), lambda: os.utime("link"), lambda: os.truncate("link", 0), lambda: open("link", "a").close(),
)
"""),
    "devices": Hostile("change devices that every process needs", TRY + """
each(
    lambda: os.chmod("/dev/null", 0), lambda: os.unlink("/dev/null"), lambda: os.rename("/dev/null", "/dev/none"), lambda: os.utime("/dev/zero"),
    lambda: os.fchmod(os.open("/dev/null", os.O_WRONLY), 0), lambda: os.listdir("/dev") and 1, lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY)),
    lambda: os.close(os.open("/dev/mem", os.O_RDONLY)), lambda: os.close(os.open("/dev/tty", os.O_RDWR)),
)
"""),
    "sizes and times of files": Hostile("see sizes and times of the caller's files", TRY + """
buffer = ctypes.create_string_buffer(256)
found = [
    lambda: os.stat("{secret_file}") and None, lambda: os.lstat("{secret_file}") and None, lambda: os.stat("{directory}") and None,
    lambda: call(4, b"{secret_file}", buffer), lambda: call(6, b"{secret_file}", buffer), lambda: call(262, -100, b"{secret_file}", buffer, 0),
    lambda: call(332, -100, b"{secret_file}", 0, 0x7FF, buffer), lambda: os.stat("../../.." + "{secret_file}") and None,
    lambda: os.stat("/dev/fd/../../../..{secret_file}") and None,
]
each(*found)
""", harmless=True),
    "whether a file exists": Hostile("find out whether a file of the caller's exists", TRY + """
each(
    lambda: None if os.access("{secret_file}", os.F_OK) else 1, lambda: None if os.access("{directory}", os.X_OK, effective_ids=True) else 1,
    lambda: call(21, b"{secret_file}", 0), lambda: call(269, -100, b"{secret_file}", 0), lambda: call(439, -100, b"{secret_file}", 0, 0),
    lambda: None if os.path.exists("{secret_file}") or os.path.lexists("{directory}") or os.path.isdir("{directory}") else 1,
)
""", harmless=True),
    "error numbers that tell": Hostile("tell a file that exists from one that does not by the error it gets", TRY + """
import errno
def error(way, path):
    try:
        way(path)
    except OSError as problem:
        return problem.errno
open("mine", "w").close()
ways = [
    open, os.listdir, os.mkdir, os.rmdir, os.unlink, os.readlink, os.chdir, os.stat, os.lstat, os.utime, lambda path: os.chmod(path, 0o700),
    lambda path: os.rename("mine", path), lambda path: os.rename(path, "other"), lambda path: os.symlink("x", path),
    lambda path: os.link("mine", path), lambda path: os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY), lambda path: os.open(path, os.O_PATH),
    lambda path: os.open(path + "/x", os.O_RDONLY), lambda path: os.truncate(path, 0), lambda path: os.stat(path + "/.."),
]
os.symlink("{secret_file}", "a")
os.symlink("{secret_file}-missing", "b")
for way in ways:
    if error(way, "{secret_file}") != error(way, "{secret_file}-missing") or error(way, "{directory}") != error(way, "{directory}-missing"):
        print("ESCAPED")
for way in (open, os.stat, os.chdir, os.utime, lambda path: os.truncate(path, 0), lambda path: os.open(path, os.O_CREAT | os.O_WRONLY)):
    if error(way, "a") != error(way, "b"):
        print("ESCAPED")
""", harmless=True),
    "where links lead": Hostile("read the caller's links", TRY + """
buffer = ctypes.create_string_buffer(256)
each(
    lambda: os.readlink("{directory}/link") and None, lambda: None if call(89, b"{directory}/link", buffer, 256) > 0 else 1,
    lambda: None if call(267, -100, b"{directory}/link", buffer, 256) > 0 else 1, lambda: os.readlink("/proc/self/exe") and None,
    lambda: None if os.path.realpath("{directory}/link") == "{secret_file}" else 1,
)
""", harmless=True),
    "free space": Hostile("see how full the machine's disks are", TRY + """
buffer = ctypes.create_string_buffer(256)
each(
    lambda: os.statvfs("{directory}") and None, lambda: os.statvfs("/") and None, lambda: os.fstatvfs(os.open(os.__file__, os.O_RDONLY)) and None,
    lambda: call(137, b"/", buffer), lambda: call(138, 1, buffer), lambda: call(136, 0x801, buffer),
)
""", harmless=True),
    "another working directory": Hostile("work in a directory of the caller's", TRY + """
each(
    lambda: os.chdir("{directory}"), lambda: os.fchdir(os.open("{directory}", os.O_PATH)),
    lambda: call(80, b"{directory}"), lambda: os.chroot("{directory}"),
)
for _ in range(30):
    try:
        os.chdir("..")
    except OSError:
        break
each(lambda: os.chdir("." + "{directory}"), lambda: os.stat("." + "{secret_file}") and None)
""", harmless=True),
    "paths without opening": Hostile("hold a descriptor of a file it may not read", TRY + """
each(
    lambda: os.close(os.open("{secret_file}", os.O_PATH)), lambda: os.close(os.open("{directory}", os.O_PATH | os.O_DIRECTORY)),
    lambda: os.close(call(2, b"{secret_file}", os.O_PATH)), lambda: os.close(call(257, -100, b"{directory}", os.O_PATH | os.O_NOFOLLOW)),
    lambda: os.close(call(437, -100, b"{secret_file}", (ctypes.c_uint64 * 3)(os.O_PATH, 0, 0), 24)),
    lambda: None if call(303, -100, b"{secret_file}", ctypes.create_string_buffer(256), (ctypes.c_int * 1)(), 0) == 0 else 1,
)
""", harmless=True),
    "watching files": Hostile("watch what happens to files", TRY + """
each(
    lambda: None if call(253) >= 0 else 1, lambda: None if call(294, 0) >= 0 else 1, lambda: None if call(300, 0, 0) >= 0 else 1,
    lambda: __import__("fcntl").fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), 1026, 0x80000002) and None,
)
"""),
    "listing directories": Hostile("list a directory of the machine's", TRY + """
each(*[lambda path=path: os.listdir(path) and None for path in ("{directory}", "/", "/tmp", "/etc", "/home", "/root", "/proc", "/sys", "/dev")])
each(*[lambda path=path: next(os.scandir(path)) and None for path in ("..", "../..", "{directory}/..", "/usr")])
""", harmless=True),
    "locks on shared files": Hostile("lock a file that others may want to lock", TRY + """
import fcntl
one, two = os.open(os.__file__, os.O_RDONLY), os.open(os.__file__, os.O_RDONLY)
fcntl.flock(one, fcntl.LOCK_EX)
try:
    fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("ESCAPED")
each(lambda: fcntl.fcntl(one, 1024, fcntl.F_RDLCK) and None)
""", harmless=True),
    "links of its own to files outside": Hostile("change what a link of its own leads to", TRY + """
os.symlink("{secret_file}", "link")
os.symlink("{directory}", "folder")
each(
    lambda: os.chmod("link", 0o777), lambda: os.utime("link", (5, 5)), lambda: os.truncate("link", 0), lambda: open("link", "a").close(),
    lambda: os.chmod("folder/secret", 0o777), lambda: os.mkdir("folder/made"), lambda: os.rename("folder/secret", "taken"),
    lambda: os.chdir("folder"), lambda: os.stat("link") and None, lambda: os.listdir("folder") and None,
    lambda: os.chmod("link/../folder/secret", 0o777),
)
""", harmless=True),
    "swapping a link while it is looked up": Hostile("win a race between the check of a path and its use", """
import os, threading, time
open("mine", "w").close()
end = time.monotonic() + 0.3
def swap():
    while time.monotonic() < end:
        for target in ("mine", "{secret_file}"):
            os.symlink(target, "next")
            os.rename("next", "link")
os.symlink("mine", "link")
threading.Thread(target=swap, daemon=True).start()
while time.monotonic() < end:
    for way in (lambda: open("link").read(), lambda: str(os.stat("link").st_size), lambda: os.chmod("link", 0o777)):
        try:
            if way() in ("{secret}", str(len("{secret}"))):
                print("ESCAPED")
        except OSError:
            pass
""", harmless=True),
    "swapping a path in memory": Hostile("change a path in memory after it was checked", TRY + """
import threading, time
names = [os.path.realpath("mine").encode(), b"{secret_file}"]
open("mine", "w").close()
path, buffer, end = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(256), time.monotonic() + 0.3
def swap():
    while time.monotonic() < end:
        for name in names:
            ctypes.memmove(path, name + bytes(1), len(name) + 1)
threading.Thread(target=swap, daemon=True).start()
while time.monotonic() < end:
    if call(262, -100, path, buffer, 0) == 0 and int.from_bytes(buffer.raw[48:56], "little") == len("{secret}"):
        print("ESCAPED")
    call(90, path, 0o777)
""", harmless=True),
    "descriptors left open": Hostile("find a descriptor that is not its own", """
import os
for descriptor in [*range(4, 1024)]:
    try:
        os.fstat(descriptor)
        print("ESCAPED", descriptor)
    except OSError:
        pass
"""),
    "/proc by way of descriptors": Hostile("turn a descriptor into a path outside", """
import os
for number in range(8):
    for path in (f"/proc/self/fd/{number}", f"/dev/fd/{number}", f"/proc/thread-self/fd/{number}/../../environ"):
        for way in (os.stat, os.readlink, lambda path: os.open(path, os.O_RDWR), lambda path: os.chmod(path, 0o777)):
            try:
                way(path)
                print("ESCAPED", path)
            except OSError:
                pass
""", harmless=True),
    "secrets in usual places": Hostile("read keys, histories and configurations", """
import os
for name in (".ssh/id_rsa", ".netrc", ".bash_history", ".cache/huggingface/token", ".aws/credentials", ".gitconfig", ".profile", ".bashrc"):
    for home in ("/root", "/home/user", os.path.expanduser("~"), os.environ.get("HOME", "/")):
        if os.path.exists(os.path.join(home, name)):
            print("ESCAPED", name)
for path in ("/etc/shadow", "/etc/hosts", "/etc/hostname", "/run/secrets", "/var/run/docker.sock", "/var/log", "/boot"):
    if os.path.exists(path):
        print("ESCAPED", path)
""", harmless=True),
}  # fmt: skip
