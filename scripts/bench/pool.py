"""What the worker pool costs: an item that does nothing, a worker that must be killed, and the start.

    python scripts/bench/pool.py [--items 20000] [--kills 20]

The items travel 16 together, as Python's own ProcessPoolExecutor sends them beside it, from a clean fork-server and in the same run. A kill
is timed from the moment the deadline is missed to the result of the item that was waiting behind the stuck one, on a pool of one worker.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from pool_items import nothing, stuck_first

from rl_rewards.runtime.workers.pool import WorkerPool
from rl_rewards.runtime.workers.serialization import serialize_call

CHUNK = 16
ROUNDS = 5
WORKERS = 2
DEADLINE = 0.2  # seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--items", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=20)
    chosen = options.parse_args()
    table = Table(title=f"The worker pool: {WORKERS} workers, {chosen.items} items that do nothing, {CHUNK} together")
    table.add_column("what")
    for column in ("ours", "ProcessPoolExecutor"):
        table.add_column(column, justify="right")
    ours, theirs = our_pool(chosen.items), standard_pool(chosen.items)
    whats = ("start and first result", "wall time per item", "caller's CPU time per item")
    for what, unit, own, other in zip(whats, ("ms", "µs", "µs"), ours, theirs):
        table.add_row(what, f"{own:.1f} {unit}", f"{other:.1f} {unit}")
    late = [replacement() * 1e3 for _ in range(chosen.kills)]
    table.add_row("from a missed deadline to the next item's result", f"{statistics.median(late):.1f} ms (worst {max(late):.1f})", "never")
    Console(width=120).print(table)


def our_pool(items: int) -> tuple[float, float, float]:
    """Milliseconds to the first result, then micro seconds per item: wall, and CPU of this process."""
    start = time.perf_counter()
    pool = WorkerPool(WORKERS)
    call = serialize_call(nothing)
    pool.submit(call, range(WORKERS), 60.0).result()
    first = time.perf_counter() - start
    wall, cpu = per_item(lambda: pool.submit(call, range(items), 60.0, CHUNK).result(), items)
    pool.close()
    return first * 1e3, wall, cpu


def per_item(batch: Callable[[], object], items: int) -> tuple[float, float]:
    """Micro seconds per item, the best of some rounds: wall, and CPU of this process."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        start, cpu = time.perf_counter(), time.process_time()
        batch()
        walls.append(time.perf_counter() - start)
        cpus.append(time.process_time() - cpu)
    return min(walls) / items * 1e6, min(cpus) / items * 1e6


def standard_pool(items: int) -> tuple[float, float, float]:
    """The same with the standard library's pool, which has no deadline and cannot replace a worker."""
    start = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("forkserver")) as pool:
        list(pool.map(nothing, range(WORKERS)))
        first = time.perf_counter() - start
        wall, cpu = per_item(lambda: list(pool.map(nothing, range(items), chunksize=CHUNK)), items)
    return first * 1e3, wall, cpu


def replacement() -> float:
    """Seconds by which an item is late because the one before it had to be killed."""
    pool = WorkerPool(1)
    call = serialize_call(stuck_first)
    pool.submit(call, [False], 60.0).result()
    start = time.perf_counter()
    pool.submit(call, [True, False], DEADLINE, CHUNK).result()
    late = time.perf_counter() - start - DEADLINE
    pool.close()
    return late


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
