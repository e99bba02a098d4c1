"""One pool of workers per memory limit and process, made when it is first needed and gone when the process is."""

from __future__ import annotations

import atexit
import os
import threading

from rl_rewards.runtime.workers.pool import WorkerPool

_WORKERS = "RL_REWARDS_WORKERS"

_lock = threading.Lock()
_pools: dict[int | None, WorkerPool] = {}


def shared_pool(memory_mb: int | None) -> WorkerPool:
    """This process's pool of workers with that memory limit in MiB (None for no limit).

    It has `RL_REWARDS_WORKERS` workers, by default the machine's usable cores shared among the ranks that torchrun or accelerate started
    here (`LOCAL_WORLD_SIZE`).

    Raises:
        ValueError: when `RL_REWARDS_WORKERS` is not a whole number of at least 1.
    """
    with _lock:
        pool = _pools.get(memory_mb)
        if pool is None or pool.closed:
            pool = _pools[memory_mb] = WorkerPool(worker_count(), memory_mb)
        return pool


def worker_count() -> int:
    """How many workers a pool of this process has."""
    wanted = os.environ.get(_WORKERS)
    if wanted is not None:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"{_WORKERS} must be a whole number of at least 1, got {wanted!r}")
        return int(wanted)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


@atexit.register
def _close_all() -> None:
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close()


def _forget_parents_pools() -> None:
    """In a forked child: the workers are the parent's. The lock may have been held by a thread that the child does not have."""
    global _lock
    _lock = threading.Lock()
    for pool in _pools.values():
        pool.abandon()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_pools)
