"""SIGKILL under load: of a process of `--workers 2`, and of a worker of the pool behind an isolated reward. Every reply is checked."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from serve_calls import call
from serve_load import Connection, Lost
from serve_processes import ServerProcess, ours

__all__ = ["kills"]

CLIENTS = 16
PATIENCE = 60.0  # seconds until a reply that has not come is lost, or a process that was killed is not replaced


async def kills(number: int, seed: int) -> dict[str, Any]:
    """Kill processes of each sort, and print what callers saw."""
    figures: dict[str, Any] = {"missed": []}
    sorts = (("a process of --workers 2", "number.yaml", ("--workers", "2"), _servers), ("a worker of the pool", "number_elsewhere.yaml", (), _pool))
    for what, rubric, flags, victims in sorts:
        with ours(rubric, *flags) as server:
            counts = await _under_load(server, number, random.Random(seed), victims)
        print(f"SIGKILL of {what}, {number} times, {CLIENTS} callers at once")
        for name, count in sorted(counts.items()):
            print(f"  {count:6}  {name}")
        allowed = {"answered", "503 with Retry-After", "closed before any byte", "refused to connect", "replaced"}
        figures["missed"] += [f"{what}: {count} {name}" for name, count in counts.items() if name not in allowed]
        if counts["replaced"] != number:
            figures["missed"].append(f"{what}: {counts['replaced']} of {number} were replaced")
        figures[what] = dict(counts)
    return figures


async def _under_load(server: ServerProcess, number: int, random_source: random.Random, victims: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    ends = asyncio.Event()
    callers = [asyncio.create_task(_caller(server, counts, caller, ends)) for caller in range(CLIENTS)]
    for _ in range(number):
        await asyncio.sleep(random_source.uniform(0.2, 0.6))
        before = await _some(server, victims)
        os.kill(random_source.choice(before), signal.SIGKILL)
        answered = counts["answered"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            now = victims(server)
            if set(now) - set(before) and len(now) >= len(before) and counts["answered"] > answered:
                counts["replaced"] += 1
                break
    ends.set()
    await asyncio.gather(*callers)
    return counts


async def _some(server: ServerProcess, victims: Any) -> list[int]:
    deadline = time.monotonic() + PATIENCE
    while not (found := victims(server)):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"there is nobody to kill: {server.log.read_text()[-2000:]}")
        await asyncio.sleep(0.05)
    return found


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


def _servers(server: ServerProcess) -> list[int]:
    """The processes that answer requests."""
    return [process for process in server.processes()[1:] if b"spawn_main" in _command(process)]


def _pool(server: ServerProcess) -> list[int]:
    """The workers that score: what the pool's fork server started."""
    children = [process for process in server.processes()[1:] if _parent(process) != server.process.pid]
    return [process for process in children if _command(process)]


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
