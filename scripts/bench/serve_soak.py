"""A soak: an open load with bad callers in it, every reply checked, memory and files watched, SIGTERM at the end."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from serve_calls import Call, call, malformed
from serve_load import Connection, Lost, quantile
from serve_processes import ServerProcess, ours

__all__ = ["soak"]

BAD = 0.02  # share of the requests that are malformed, slow or dropped
SAMPLES = 60  # looks at memory, files and the event loop in a run
GROWTH = 0.05
PATIENCE = 60.0  # seconds until a reply that has not come is lost
LAST = 48  # requests that are being answered when SIGTERM comes


@dataclass
class _Run:
    """What a soak has seen."""

    server: ServerProcess
    random_source: random.Random
    idle: list[Connection] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # from when a request was due to its reply
    counts: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    async def connection(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if not connection.ended:
                return connection
        return await Connection.open(self.server.port)

    async def one(self, number: int, due: float) -> None:
        """A request, as one in fifty callers sends it and as the others do."""
        kind = self.random_source.choice(("malformed", "slow", "dropped")) if self.random_source.random() < BAD else "good"
        self.counts[f"{kind} sent"] += 1
        sent = call(number, self.random_source)
        try:
            async with asyncio.timeout(PATIENCE):
                await getattr(self, f"_{kind}")(sent, number, due)
        except TimeoutError:
            self.counts["lost"] += 1
        except (Lost, OSError) as error:
            self.counts[f"failed: {type(error).__name__}"] += 1

    async def _good(self, sent: Call, number: int, due: float) -> None:
        connection = await self.connection()
        self._check(sent, *await connection.ask(sent.request), due)
        self.idle.append(connection)

    async def _slow(self, sent: Call, number: int, due: float) -> None:
        connection = await Connection.open(self.server.port)
        *parts, last = (sent.request[len(sent.request) * i // 5 : len(sent.request) * (i + 1) // 5] for i in range(5))
        for part in parts:
            connection.write(part)
            await asyncio.sleep(0.2)
        due = time.perf_counter()
        connection.write(last)
        self._check(sent, *await connection.reply(), due)
        connection.close()

    async def _malformed(self, sent: Call, number: int, due: float) -> None:
        connection = await Connection.open(self.server.port)
        status, body = await connection.ask(malformed(number, self.random_source))
        self.counts["refused" if 400 <= status < 500 and b'"error"' in body else f"malformed, and answered {status}"] += 1
        connection.close()

    async def _dropped(self, sent: Call, number: int, due: float) -> None:
        connection = await Connection.open(self.server.port)
        connection.write(sent.request[: self.random_source.choice((10, len(sent.request) // 2, len(sent.request)))])
        await asyncio.sleep(self.random_source.choice((0.0, 0.05)))
        connection.close()

    def _check(self, sent: Call, status: int, body: bytes, due: float) -> None:
        self.seconds.append(time.perf_counter() - due)
        self.counts["answered" if sent.is_answered_by(status, body) else "crossed" if status == 200 else f"status {status}"] += 1

    async def watch(self, every: float) -> None:
        """Look at the server until cancelled."""
        while True:
            await asyncio.sleep(every)
            self.memory.append(self.server.memory())
            self.files.append(self.server.files())
            began = time.perf_counter()
            if await asyncio.to_thread(self.server.get, "/healthz") is None:
                self.counts["no /healthz"] += 1
            self.lags.append(time.perf_counter() - began)


async def soak(requests: int, rate: float, seed: int) -> dict[str, Any]:
    """Run it and print what came of it."""
    with ours("number.yaml") as server:
        run = _Run(server, random.Random(seed))
        watching = asyncio.create_task(run.watch(requests / rate / SAMPLES))
        began = time.perf_counter()
        elapsed = await _offer(run, requests, rate, began)
        watching.cancel()
        metrics = (server.get("/metrics") or b"").decode()
        drained = await _drain(run, requests)
    return _report(run, requests, rate, elapsed, metrics, drained)


async def _offer(run: _Run, requests: int, rate: float, began: float) -> float:
    tasks: set[asyncio.Task[None]] = set()
    for number in range(requests):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(run.one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return time.perf_counter() - began


async def _drain(run: _Run, requests: int) -> Counter[str]:
    """SIGTERM while requests are being answered: what became of each, and of the process."""
    connections = [await Connection.open(run.server.port) for _ in range(LAST)]
    calls = [call(requests + number, run.random_source) for number in range(LAST)]
    replies = [connection.ask(sent.request) for connection, sent in zip(connections, calls, strict=True)]
    await replies[0]  # by now all are accepted
    run.server.process.send_signal(signal.SIGTERM)
    counts: Counter[str] = Counter()
    for sent, result in zip(calls, await asyncio.gather(*replies, return_exceptions=True), strict=True):
        if isinstance(result, BaseException):
            counts["closed before a byte" if isinstance(result, Lost) and not result.received else f"failed: {result}"] += 1
        else:
            counts["answered" if sent.is_answered_by(*result) else f"status {result[0]}"] += 1
    counts[f"exit status {await asyncio.to_thread(run.server.end)}"] += 1
    return counts


def _report(run: _Run, requests: int, rate: float, elapsed: float, metrics: str, drained: Counter[str]) -> dict[str, Any]:
    warm, last = run.memory[len(run.memory) // 5 : len(run.memory) // 5 + 6], run.memory[-6:]
    growth = median(last) / median(warm) - 1 if warm and last else 0.0
    figures: dict[str, Any] = {
        "offered_s": rate,
        "achieved_s": requests / elapsed,
        **{f"p{round(100 * q)}_ms": 1000 * quantile(run.seconds, q) for q in (0.5, 0.95, 0.99)},
        "max_ms": 1000 * max(run.seconds),
        "healthz_p50_ms": 1000 * quantile(run.lags, 0.5),
        "healthz_max_ms": 1000 * max(run.lags),
        "loop_lag_p99_s": _loop_lag(metrics, 0.99),
        "memory_mib": [round(each, 1) for each in (median(warm), median(last), max(run.memory))],
        "memory_growth": growth,
        "files": [run.files[len(run.files) // 5], run.files[-1], max(run.files)],
        "counts": dict(sorted(run.counts.items())),
        "drain": dict(drained),
    }
    print(f"Soak: {requests} requests of every contract, {100 * BAD:g} % malformed, slow or dropped")
    for name, value in figures.items():
        print(f"  {name:16} {value if not isinstance(value, float) else f'{value:.4g}'}")
    counts = run.counts
    wrong = {name: count for name, count in counts.items() if name not in ("answered", "refused") and not name.endswith(" sent")}
    missed = [f"{count} requests: {name}" for name, count in wrong.items()]
    if counts["answered"] != counts["good sent"] + counts["slow sent"] or counts["refused"] != counts["malformed sent"]:
        missed.append("not every request was answered")
    if growth > GROWTH:
        missed.append(f"memory grew by {100 * growth:.1f} %, and must not by more than {100 * GROWTH:g} %")
    if drained["answered"] + drained["closed before a byte"] != LAST or not (drained["exit status 0"] or drained["exit status -15"]):
        missed.append(f"the drain was not clean: {dict(drained)}")
    return figures | {"missed": missed}


def _loop_lag(metrics: str, share: float) -> float:
    """A quantile of the event loop's lag, as the bucket's upper bound that the server's histogram has it in."""
    name = "rl_rewards_loop_lag_seconds_bucket"
    buckets = [line.removeprefix(name).split() for line in metrics.splitlines() if line.startswith(name)]
    pairs = [(float(label.partition('le="')[2].partition('"')[0]), float(count)) for label, count in buckets]
    total = max((count for _, count in pairs), default=0.0)
    return next((bound for bound, count in pairs if count >= share * total), float("nan"))
