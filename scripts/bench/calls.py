"""How long do calls of a service take beyond the ideal, and is a score lost or invented on the way?

    python scripts/bench/calls.py [--calls 2000] [--concurrency 8 16 32] [--latency 0.05] [--faults 0.05] [--only judge]

A service in a process of its own answers after 50 ms; 5 % of the requests meet a fault, by turns a 500, a 429, a hang-up, half a reply, and a
proxy's HTML page (for http a 503). Rewards call it for 2,000 responses at once, each with a verdict of its own. The ideal time is that of the attempts alone, faults
included, in as many lanes as may be under way. A score is lost when a row has none, and invented when it is not the row's own. Exit status 0 only
if none is, and the best ratio of each scorer is within the goal of 1.1. The client has one core, so look at the processor time where others work on the
machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from typing import Any

GOAL = 1.1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=2000)
    arguments.add_argument("--concurrency", type=int, nargs="+", default=[8, 16, 32, 64])
    arguments.add_argument("--latency", type=float, default=0.05, help="seconds")
    arguments.add_argument("--faults", type=float, default=0.05, help="share of the requests")
    arguments.add_argument("--only", choices=sorted(SCORERS), nargs="+", default=sorted(SCORERS))
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve:
        asyncio.run(serve(given.latency, given.faults))
        return 0
    os.environ["NO_PROXY"] = "127.0.0.1"
    command = [sys.executable, __file__, "--serve", "--latency", str(given.latency), "--faults", str(given.faults)]
    service = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    port = int(service.stdout.readline())
    print(f"{given.calls} calls, {given.latency * 1000:g} ms, {given.faults:.0%} faults; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'scorer':8} {'lanes':>5} {'attempts':>8} {'ideal s':>8} {'wall s':>7} {'ratio':>6} {'processor s':>11} {'lost':>5} {'invented':>8}")
    good = True
    try:
        for name in given.only:
            ratios = []
            for number, lanes in enumerate(given.concurrency):
                ratio, wrong = measure(name, f"http://127.0.0.1:{port}/{name}{number}", given.calls, lanes, given.latency)
                ratios.append(ratio)
                good &= not wrong
            good &= min(ratios) <= GOAL
    finally:
        service.kill()
    return 0 if good else 1


def measure(name: str, url: str, calls: int, lanes: int, latency: float) -> tuple[float, int]:
    """Wall time over the ideal, and how many scores are lost or invented."""
    import httpx

    from rl_rewards import Reward, Rubric, Sample

    rubric = Rubric([Reward(name, SCORERS[name](url, lanes))])
    samples = [Sample.from_row({"prompt": "Is it even?", "completion": f"The number is {number}."}, number) for number in range(calls)]
    rubric.evaluate([Sample.from_row({"prompt": "Is it even?", "completion": "The number is 4."})])  # imports, certificates, the first connection
    before = httpx.get(f"{url}/count").json()
    start, processor = time.perf_counter(), time.process_time()
    results = rubric.evaluate(samples).columns[name].results
    wall, processor = time.perf_counter() - start, time.process_time() - processor
    attempts = httpx.get(f"{url}/count").json() - before
    lost = sum(result.score is None for result in results)
    invented = sum(result.score is not None and result.score != float(number % 2 == 0) for number, result in enumerate(results))
    ideal = attempts * latency / lanes
    print(f"{name:8} {lanes:5} {attempts:8} {ideal:8.2f} {wall:7.2f} {wall / ideal:6.3f} {processor:11.2f} {lost:5} {invented:8}", flush=True)
    if lost:
        print("  the first that is lost:", next(result.error for result in results if result.score is None))
    return wall / ideal, lost + invented


def judge(url: str, lanes: int) -> Any:
    model = {"name": "judge", "base_url": f"{url}/v1", "concurrency": lanes, "backoff": 0.05, "cache": False}
    return {"judge": {"model": model, "criteria": [{"name": "even", "description": "Is the number even?"}]}}


def http(url: str, lanes: int) -> Any:
    return {"http": {"url": f"{url}/score", "concurrency": lanes, "backoff": 0.05}}


SCORERS = {"judge": judge, "http": http}


async def serve(latency: float, faults: float) -> None:
    """The service: replies are right, and known from the request alone."""
    counts: dict[str, int] = {}
    every = round(1 / faults) if faults else 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
                content = (await reader.readexactly(int(length[1]))).decode() if length else ""
                path = head.split(" ", 2)[1]
                owner = path.split("/")[1]
                if path.endswith("/count"):
                    reply(writer, 200, str(counts.get(owner, 0)))
                    continue
                number = counts[owner] = counts.get(owner, 0) + 1
                await asyncio.sleep(latency)
                even = int(re.search(r"The number is (\d+)", content)[1]) % 2 == 0  # type: ignore[index]
                text = answer(owner, even)
                match number // every % 5 if every and number % every == 0 else None:
                    case 0:
                        reply(writer, 500, "oops")
                    case 1:
                        reply(writer, 429, "slow down", "retry-after: 0\r\n")
                    case 2:
                        return
                    case 3:
                        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{text[:20]}".encode())
                        return
                    case 4 if owner.startswith("judge"):  # a proxy's page: an http service that says so is an error, at once
                        reply(writer, 200, "<html>1.0</html>")
                    case 4:
                        reply(writer, 503, "busy")
                    case _:
                        reply(writer, 200, text)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def answer(owner: str, even: bool) -> str:
    if owner.startswith("judge"):
        content = json.dumps({"reasoning": "I looked at its last digit.", "even": "yes" if even else "no"})
        message = {"role": "assistant", "content": content}
        return json.dumps(
            {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
        )
    return json.dumps({"reward": float(even)})


def reply(writer: asyncio.StreamWriter, status: int, text: str, headers: str = "") -> None:
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {len(text)}\r\n\r\n{text}".encode())


if __name__ == "__main__":
    sys.exit(main())
