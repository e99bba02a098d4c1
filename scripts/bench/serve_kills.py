"""SIGKILL and SIGSTOP under load: of processes of `--workers 2`, of the pool behind an isolated reward and of its fork server, of those that are starting,
of both, and of the parent.

Every reply is checked. A round is over once as many processes as before answer; what is left of a server whose first process is killed is an orphan.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_calls import call
from serve_load import Connection, Lost
from serve_processes import ServerProcess, ours

__all__ = ["kills"]

CLIENTS = 16
PATIENCE = 60.0  # seconds until a reply that has not come is lost
REPLACED = 180.0  # seconds that the next process has to answer: on a busy machine most of them are its imports
ORPHANED = 30.0  # seconds that the processes of a server have to end after its first one
ALLOWED = {"answered", "503 with Retry-After", "closed before any byte", "refused to connect", "replaced"}
HANGS_AFTER = "import rl_rewards.serving.supervisor as supervisor\nsupervisor.HANGS_AFTER = 10.0"

Victims = Callable[[ServerProcess], list[int]]


async def kills(number: int, seed: int, short: bool = False) -> dict[str, Any]:
    """Kill processes of each sort, and print what callers saw.

    Args:
        short: only a process that answers, and a worker of the pool.
    """
    figures: dict[str, Any] = {"missed": []}
    for sort in [SORTS[0], SORTS[3]] if short else SORTS:
        with ours(sort.rubric, *sort.flags, before=sort.before) as server:
            counts, started, seconds = await _under_load(server, number, random.Random(seed), sort)
            orphans = _end_the_first(server)
            said = [line for line in server.log.read_text().splitlines() if not line.startswith("{")][-20:]
        print(f"{sort.what}, {number} times, {CLIENTS} callers at once")
        for name, count in sorted(counts.items()):
            print(f"  {count:6}  {name}")
        for what, values in (("was started", started), ("answered", seconds)):
            print(f"  {max(values, default=REPLACED):6.1f}  seconds at most until the next process {what}", flush=True)
        figures["missed"] += [f"{sort.what}: {count} {name}" for name, count in counts.items() if name not in ALLOWED]
        if counts["replaced"] != number:
            figures["missed"].append(f"{sort.what}: {counts['replaced']} of {number} were replaced; the log: {said}")
        if orphans:
            figures["missed"].append(f"{sort.what}: {orphans} processes were left after the first one was killed")
        figures[sort.what] = {**counts, "started": started, "seconds": seconds, "orphans": orphans}
    return figures


async def _under_load(server: ServerProcess, number: int, random_source: random.Random, sort: Sort) -> tuple[Counter[str], list[float], list[float]]:
    counts: Counter[str] = Counter()
    started: list[float] = []
    seconds: list[float] = []
    ends = asyncio.Event()
    callers = [asyncio.create_task(_caller(server, counts, caller, ends)) for caller in range(CLIENTS)]
    for _ in range(number):
        await asyncio.sleep(random_source.uniform(0.2, 0.6))
        killed = await sort.kill(server, random_source)
        answered, began, known, starts = counts["answered"], time.monotonic(), set(server.processes()), False
        while time.monotonic() < began + REPLACED:
            await asyncio.sleep(0.05)
            if not starts and set(server.processes()) - known:
                starts = True
                started.append(round(time.monotonic() - began, 2))
            if all(_is_whole(server, victims, before) for victims, before in killed) and counts["answered"] > answered:
                counts["replaced"] += 1
                seconds.append(round(time.monotonic() - began, 2))
                break
    ends.set()
    await asyncio.gather(*callers)
    return counts, started, seconds


def _is_whole(server: ServerProcess, victims: Victims, before: list[int]) -> bool:
    """Whether there are as many processes as before, and not the same."""
    now = victims(server)
    return bool(set(now) - set(before)) and len(now) >= len(before)


async def _some(server: ServerProcess, victims: Victims) -> list[int]:
    """Those that are there, once there are any."""
    deadline = time.monotonic() + PATIENCE
    while not (found := victims(server)):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"there is nobody to kill: {server.log.read_text()[-2000:]}")
        await asyncio.sleep(0.05)
    return found


def _send(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:  # it ended by itself, as the workers of a process that was killed do
        pass


def _one_of(*sorts: Victims, number: signal.Signals = signal.SIGKILL) -> Kill:
    """Send a signal to a process of each sort."""

    async def kill(server: ServerProcess, random_source: random.Random) -> list[tuple[Victims, list[int]]]:
        before = [(victims, await _some(server, victims)) for victims in sorts]
        for process in [random_source.choice(found) for _, found in before]:
            _send(process, number)
        return before

    return kill


async def _twice(server: ServerProcess, random_source: random.Random) -> list[tuple[Victims, list[int]]]:
    """Kill a process, and the one that comes in its place while it starts."""
    before, known = await _some(server, _servers), _started(server)
    _send(before.pop(random_source.randrange(len(before))), signal.SIGKILL)
    young = await _some(server, lambda server: [each for each in _started(server) if each not in known])
    await asyncio.sleep(random_source.uniform(0.0, 2.0))
    _send(young[0], signal.SIGKILL)
    return [(_servers, [*before, young[0]])]


def _end_the_first(server: ServerProcess) -> int:
    """Kill the process that started the others; how many of them are left after a while."""
    everyone = server.processes()
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + ORPHANED
    while (left := [process for process in everyone if _command(process)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        _send(process, signal.SIGKILL)
    return len(left)


async def _caller(server: ServerProcess, counts: Counter[str], caller: int, ends: asyncio.Event) -> None:
    """Ask one thing after the other, each with a number of its own, on one connection as long as it lasts."""
    random_source, connection, number = random.Random(caller), None, 1_000_000 * caller
    while not ends.is_set():
        number += 1
        sent = call(number, random_source)
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None or connection.ended:
                    connection = await Connection.open(server.port)
                status, body = await connection.ask(sent.request)
        except Lost as error:
            counts["closed before any byte" if not error.received else "closed within the reply"] += 1
        except TimeoutError:
            counts["no reply"] += 1
            if connection is not None:  # its reply may still come, and is none to the next request
                connection.close()
                connection = None
        except OSError:
            counts["refused to connect"] += 1
            await asyncio.sleep(0.05)
        else:
            if status == 503 and b"retry-after" in connection.headers:
                counts["503 with Retry-After"] += 1
            else:
                counts["answered" if sent.is_answered_by(status, body) else f"wrong: status {status}"] += 1
    if connection is not None:
        connection.close()


def _started(server: ServerProcess) -> list[int]:
    """The processes that answer requests, or will."""
    return [process for process in server.processes()[1:] if b"spawn_main" in _command(process)]


def _servers(server: ServerProcess) -> list[int]:
    """The processes that answer requests: they have loaded what they serve."""
    return [process for process in _started(server) if (numbers := _numbers(process)) and any(numbers.glob(f"*_{process}.db"))]


def _numbers(process: int) -> Path | None:
    """Where a process keeps its metrics."""
    try:
        variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((Path(each.partition(b"=")[2].decode()) for each in variables if each.startswith(b"PROMETHEUS_MULTIPROC_DIR=")), None)


def _pool(server: ServerProcess) -> list[int]:
    """The workers that score: what the pool's fork server started."""
    children = [process for process in server.processes()[1:] if _parent(process) != server.process.pid]
    return [process for process in children if _command(process)]


def _fork_servers(server: ServerProcess) -> list[int]:
    """The process that starts the workers of the pool."""
    return [process for process in server.processes()[1:] if _parent(process) == server.process.pid and _has_children(server, process)]


def _has_children(server: ServerProcess, process: int) -> bool:
    return any(_parent(other) == process for other in server.processes())


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


Kill = Callable[[ServerProcess, random.Random], Awaitable[list[tuple[Victims, list[int]]]]]


@dataclass(frozen=True)
class Sort:
    """What is killed, and in which server."""

    what: str
    rubric: str
    flags: tuple[str, ...]
    kill: Kill
    before: str = ""


SORTS = [
    Sort("SIGKILL of a process of --workers 2", "number.yaml", ("--workers", "2"), _one_of(_servers)),
    Sort("SIGKILL of a process of --workers 2, and of the next while it starts", "number.yaml", ("--workers", "2"), _twice),
    Sort("SIGSTOP of a process of --workers 2", "number.yaml", ("--workers", "2"), _one_of(_servers, number=signal.SIGSTOP), HANGS_AFTER),
    Sort("SIGKILL of a worker of the pool", "number_elsewhere.yaml", (), _one_of(_pool)),
    Sort("SIGSTOP of a worker of the pool", "number_elsewhere.yaml", (), _one_of(_pool, number=signal.SIGSTOP)),
    Sort("SIGKILL of the fork server of the pool", "number_elsewhere.yaml", (), _one_of(_fork_servers)),
    Sort("SIGSTOP of the fork server of the pool", "number_elsewhere.yaml", (), _one_of(_fork_servers, number=signal.SIGSTOP)),
    Sort("SIGKILL of a worker of the pool and of a process of --workers 2", "number_elsewhere.yaml", ("--workers", "2"), _one_of(_pool, _servers)),
]
