"""Random kills of the worker pool's processes, with every result checked against its sample.

    python scripts/bench/pool_kills.py [--rounds 300] [--seed 0]

A round is 24 items, 4 together, on 3 workers; meanwhile SIGKILL or SIGSTOP is sent to the fork server or to a worker, once to three times at
random moments. An item may be lost (`crashed`) only where it lost its worker twice. The exit status is 1 when a result belongs to
another sample, has another outcome, or takes longer than a minute, or when a process is left at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pool_items import slow_square

from rl_rewards.runtime.workers.pool import WorkerPool
from rl_rewards.runtime.workers.serialization import serialize_call

ITEMS = 24
CHUNK = 4
WORKERS = 3
TIMEOUT = 30.0  # seconds, for one item
PATIENCE = 60.0  # seconds, for a round
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    counts, processes, start = Counter(), set(), time.monotonic()
    random_source = random.Random(chosen.seed)
    pool = WorkerPool(WORKERS)
    for _ in range(chosen.rounds):
        counts += one_round(pool, random_source, processes)
    pool.close()
    counts["processes left"] = sum(map(is_alive, processes))
    counts["rounds"] = chosen.rounds
    for what, count in sorted(counts.items()):
        print(f"{what}: {count}")
    print(f"seconds a round: {(time.monotonic() - start) / chosen.rounds:.2f}")
    sys.exit(any(counts[wrong] for wrong in ("crossed", "wrong outcome", "hung", "processes left")))


def one_round(pool: WorkerPool, random_source: random.Random, processes: set[int]) -> Counter[str]:
    """What came of a round's items, and how often what was sent to whom."""
    counts: Counter[str] = Counter()
    start = random_source.randrange(10**6)
    items = [(start + place, random_source.uniform(0.0, 0.02)) for place in range(ITEMS)]
    done = threading.Event()
    future = pool.submit(serialize_call(slow_square), items, TIMEOUT, CHUNK)
    future.add_done_callback(lambda _: done.set())
    for _ in range(random_source.randint(1, 3)):
        if not done.wait(random_source.uniform(0.0, 0.08)):
            counts[send_somewhere(pool, random_source, processes)] += 1
    if not done.wait(PATIENCE):
        return counts + Counter({"hung": ITEMS})
    for (number, _), result in zip(items, future.result(), strict=True):
        counts[verdict(number, result)] += 1
    return counts


def send_somewhere(pool: WorkerPool, random_source: random.Random, processes: set[int]) -> str:
    """Send a signal to the server (two times in five) or to one of its workers; what was done."""
    server, *workers = pool.processes() or [0]
    processes |= {server, *workers} - {0}
    hits_server = not workers or random_source.random() < 0.4
    process = server if hits_server else random_source.choice(workers)
    number = random_source.choice(SIGNALS)
    if not process:
        return "nobody to send a signal to"
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return "nobody to send a signal to"
    return f"{number.name} to {'the server' if hits_server else 'a worker'}"


def verdict(number: int, result: object) -> str:
    """What came of one item."""
    if result.outcome == "scored":
        return "right" if result.value == (number, number * number) else "crossed"
    return "lost: worker died twice" if result.outcome == "crashed" and "(attempt " in result.error else "wrong outcome"


def is_alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    main()
