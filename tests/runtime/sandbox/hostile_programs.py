"""All hostile programs, what they are after (`Outside`), and the look at it afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import hostile_files
import hostile_grading
import hostile_kernel
import hostile_resources

SECRET = "correct-horse-battery-staple"

GROUPS = {
    "files": hostile_files.PROGRAMS, "processes, network and kernel": hostile_kernel.PROGRAMS,
    "resources": hostile_resources.PROGRAMS, "grading": hostile_grading.PROGRAMS,
}  # fmt: skip
HOSTILE = {name: program for programs in GROUPS.values() for name, program in programs.items()}


class Outside:
    """What hostile programs are after, and the look at it afterwards."""

    def __enter__(self) -> Outside:
        self._directory = tempfile.TemporaryDirectory(prefix="outside-")
        self.directory = Path(self._directory.name)
        self.secret_file, self._link = self.directory / "secret", self.directory / "link"
        self._make()
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
        text = HOSTILE[name].text
        targets = {
            "tcp_port": self.tcp.getsockname()[1], "udp_port": self.udp.getsockname()[1], "abstract": self.abstract,
            "secret": SECRET, "secret_hint": SECRET[::-1],
            "secret_file": self.secret_file, "directory": self.directory, "pid": os.getpid(), "victim": self.victim.pid,
        }  # fmt: skip
        for target, value in targets.items():
            text = text.replace("{" + target + "}", str(value))
        return text

    def clear(self) -> None:
        """Put everything back as it was."""
        shutil.rmtree(self.directory)
        self.directory.mkdir(0o700)
        self._make()
        self.damage()

    def _make(self) -> None:
        self.secret_file.write_text(SECRET)
        self.secret_file.chmod(0o600)
        self._link.symlink_to(self.secret_file)
        self._before = self._look()

    def _look(self) -> dict[str, object]:
        """Whatever a program might change of the caller's files, of the interpreter and of devices."""
        look: dict[str, object] = {"names": sorted(path.name for path in self.directory.iterdir())}
        for path in (self.directory, self.secret_file, self._link, Path(os.__file__), Path("/dev/null"), Path("/dev/zero")):
            found = path.lstat() if path.exists() or path.is_symlink() else None
            look[str(path)] = found and (found.st_mode, found.st_uid, found.st_gid, found.st_nlink)
            if found and not path.is_char_device():
                look[f"{path}, times and size"] = (found.st_mtime_ns, found.st_size)
        look["attributes"] = os.listxattr(self.secret_file) if self.secret_file.exists() else []
        look["secret"] = self.secret_file.read_text() if self.secret_file.exists() else None
        for path in (Path(os.__file__).parent, Path("/dev"), Path("/tmp")):
            look[f"{path}, mode"] = path.stat().st_mode
        return look

    def damage(self) -> list[str]:
        """What was done, in words; nothing when all was contained."""
        found = []
        if self.victim.poll() is not None:
            found.append(f"a process was killed by {signal.Signals(-self.victim.returncode).name}")
        look = self._look()
        found += [f"{what} was {before}, is {look.get(what)}" for what, before in self._before.items() if look.get(what) != before]
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
