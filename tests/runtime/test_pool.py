"""The worker pool: whatever an item does, only that item is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import hostile_calls
import pytest

from rl_rewards.runtime.workers.jobs import PoolError
from rl_rewards.runtime.workers.pool import WorkerPool
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool
from rl_rewards.types import Outcome

CALL = serialize_call(hostile_calls.obey)
PATIENCE = 300.0  # seconds until a test that hangs fails


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, memory_mb=512)
    yield pool
    pool.close()


def run(pool: WorkerPool, *items: tuple[str, Any], timeout: float = 20.0, chunk: int = 4) -> list[Any]:
    return pool.submit(CALL, items, timeout, chunk).result(PATIENCE)


def test_results_come_in_the_order_of_the_items(pool: WorkerPool) -> None:
    finished = run(pool, *(("echo", number) for number in range(100)))
    assert [one.value for one in finished] == list(range(100))
    assert {one.outcome for one in finished} == {Outcome.SCORED}


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the system does not say how long a process waited for a processor")
def test_an_item_that_waits_for_a_processor_does_not_lose_its_time(pool: WorkerPool) -> None:
    processor = min(os.sched_getaffinity(0))
    spin = f"import os, time; os.sched_setaffinity(0, {{{processor}}}); end = time.monotonic() + {PATIENCE}\nwhile time.monotonic() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(12)]
    try:
        [computed] = run(pool, ("compute on one processor", (processor, 0.2)), timeout=2.0)
        [slept] = run(pool, ("sleep", None), timeout=0.5)
    finally:
        for each in others:
            each.kill()
            each.wait()
    assert (computed.outcome, computed.value) == (Outcome.SCORED, "done"), computed
    assert slept.outcome is Outcome.TIMEOUT


def test_no_items_are_no_work(pool: WorkerPool) -> None:
    assert run(pool) == []


def test_large_items_and_results_pass(pool: WorkerPool) -> None:
    text = "x" * (5 << 20)
    assert [one.value for one in run(pool, ("echo", text), ("echo", text + "y"))] == [text, text + "y"]


FATE = [
    (("raise", "no"), Outcome.ERROR, "in _raise)"),
    (("raise", "own"), Outcome.ERROR, "_OwnError: 1 and 2"),
    (("exit", 3), Outcome.ERROR, "SystemExit: 3"),
    (("die", 3), Outcome.CRASHED, "exited with status 3"),
    (("die", 0), Outcome.CRASHED, "exited with status 0"),
    (("segfault", None), Outcome.CRASHED, "SIGSEGV"),
    (("interrupt", None), Outcome.CRASHED, "SIGTERM"),
    (("allocate", 2000), Outcome.CRASHED, "more than 512 MiB"),
    (("send itself", signal.SIGSTOP), Outcome.CRASHED, "was stopped by SIGSTOP"),
    (("send itself", signal.SIGRTMIN + 5), Outcome.CRASHED, "died of signal"),
    (("write", b"\0" * 64), Outcome.CRASHED, "bytes that are no frame"),
    (("write", b"\0\0\0\0\x63" + b"\0" * 16), Outcome.CRASHED, "bytes that are no frame"),
    (("write", b"\xff\xff\xff\xff\x04" + b"\0" * 16), Outcome.CRASHED, "bytes that are no frame"),
    (("write", b"\0\0\0\0\x04" + b"\0" * 16), Outcome.CRASHED, "an answer of process 0, which is not the worker"),
    (("forge", 0), Outcome.CRASHED, "an answer that was not asked for (VALUE of item 0)"),
    (("forge", 3), Outcome.CRASHED, "an answer that was not asked for (VALUE of item 3)"),
    (("write", b"\0\0"), Outcome.TIMEOUT, "no result within 1 s"),
    (("write", b"\3\0\0\0\x04" + b"\0" * 16), Outcome.TIMEOUT, "no result within 1 s"),
    (("flood", b"\0" * 65536), Outcome.CRASHED, "bytes that are no frame"),
    (("flood", b"\xff"), Outcome.CRASHED, "bytes that are no frame"),
    (("large result", 65), Outcome.ERROR, "a result must be at most 64 MiB, got 65 MiB"),
    (("send the server", signal.SIGKILL), Outcome.CRASHED, "lost its server, which died of SIGKILL"),
    (("send the server", signal.SIGSTOP), Outcome.CRASHED, "lost its server, which was stopped"),
    (("close all files", None), Outcome.CRASHED, "SIGKILL"),
    (("object", None), Outcome.ERROR, "a result holds a pathlib"),
    (("sleep", None), Outcome.TIMEOUT, "no result within 1 s"),
    (("hold the GIL", None), Outcome.TIMEOUT, "no result within 1 s"),
]


@pytest.mark.parametrize(("item", "outcome", "reason"), FATE, ids=[f"{order} {value!r:.20}" for (order, value), _, _ in FATE])
def test_only_the_item_that_misbehaves_is_lost(pool: WorkerPool, item: Any, outcome: Outcome, reason: str) -> None:
    mates = [("echo", number) for number in range(6)]
    finished = run(pool, *mates[:3], item, *mates[3:], timeout=1.0 if outcome is Outcome.TIMEOUT else 20.0)
    assert finished[3].outcome is outcome
    assert reason in finished[3].error
    assert [one.value for one in finished[:3] + finished[4:]] == list(range(6))


@pytest.mark.parametrize("child", ["returns", "raises", "exits", "of the C library"])
def test_a_process_that_an_item_forks_answers_for_nobody(pool: WorkerPool, child: str) -> None:
    items = [("fork a child that", child) if number == 3 else ("echo", number) for number in range(8)]
    for _ in range(5):
        assert [one.value for one in run(pool, *items, chunk=8)] == [0, 1, 2, 1.0, 4, 5, 6, 7]


def test_an_item_that_leaves_a_thread_to_read_the_next_ones_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl_rewards.runtime.workers.connection.BEGIN_SECONDS", 0.5)
    pool = WorkerPool(1)
    run(pool, ("steal", None))
    assert [one.value for one in run(pool, *(("echo", value) for value in range(8)))] == list(range(8))
    pool.close()


def test_an_item_that_replaces_pickle_damages_no_other_result(pool: WorkerPool) -> None:
    assert [one.value for one in run(pool, ("replace pickle.dumps", None), ("echo", 1), ("echo", 2))] == [None, 1, 2]


def test_many_items_may_misbehave_at_once(pool: WorkerPool) -> None:
    every_third = FATE[::3]
    finished = run(pool, *(item for item, _, _ in every_third), timeout=20.0)
    assert [one.outcome for one in finished] == [outcome for _, outcome, _ in every_third]


def test_memory_left_behind_by_earlier_items_is_not_blamed_on_the_next(pool: WorkerPool) -> None:
    finished = run(pool, *[("allocate", 300)] * 6, chunk=1)
    assert [one.value for one in finished] == [300 << 20] * 6
    workers = run(pool, *[("pid", None)] * 4, chunk=1)
    assert {one.outcome for one in workers} == {Outcome.SCORED}


def test_a_worker_sees_no_secret_and_no_thread_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "secret")
    monkeypatch.setenv("RANK", "1")
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    pool = WorkerPool(1)
    try:
        environment, threads, modules = (one.value for one in run(pool, ("environment", None), ("threads", None), ("modules", None)))
    finally:
        pool.close()
        stop.set()
        thread.join()
    assert "MY_API_KEY" not in environment and "RANK" not in environment and environment["CUDA_VISIBLE_DEVICES"] == ""
    assert threads == 1
    assert not {"torch", "trl", "transformers", "pytest"} & set(modules)


def test_a_killed_worker_takes_its_children_along(pool: WorkerPool, tmp_path: Any, gone: Any) -> None:
    written = tmp_path / "child"
    finished = run(pool, ("child", str(written)), ("echo", 1), timeout=3.0)
    assert [one.outcome for one in finished] == [Outcome.TIMEOUT, Outcome.SCORED]
    gone(int(written.read_text()))


def test_an_orphan_in_its_own_session_does_not_outlive_the_pool(gone: Any) -> None:
    pool = WorkerPool(1)
    orphan = run(pool, ("orphan", False), timeout=30.0)[0].value
    pool.close()
    gone(orphan)


def test_close_leaves_no_process_and_cancels_what_runs(gone: Any) -> None:
    pool = WorkerPool(2)
    run(pool, ("echo", 1), ("echo", 2), chunk=1)
    processes = pool.processes()
    assert len(processes) >= 2
    stuck = pool.submit(CALL, [("sleep", None)] * 8, 100.0)
    pool.close()
    pool.close()
    for pid in processes:
        gone(pid)
    with pytest.raises(CancelledError):
        stuck.result(PATIENCE)
    with pytest.raises(PoolError, match="closed"):
        pool.submit(CALL, [("echo", 1)], 1.0)


def test_a_cancelled_batch_does_not_hold_up_the_next(pool: WorkerPool) -> None:
    stuck = pool.submit(CALL, [("sleep", None)] * 50, 1.0)
    assert stuck.cancel()
    assert run(pool, ("echo", 1))[0].value == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=str)
@pytest.mark.parametrize("whom", ["server", "worker"])
def test_what_is_not_at_fault_is_run_again(whom: str, number: signal.Signals, tmp_path: Any) -> None:
    """Every process at its work is hit once: the first item says when, by a file that it makes when it is run for the first time."""
    pool = WorkerPool(2)
    first = tmp_path / "first"
    future = pool.submit(CALL, [("echo", 0), ("hold once", str(first)), ("echo", 2), ("echo", 3)], 60.0, 4)
    while not first.exists():
        pass
    os.kill(pool.processes()[0] if whom == "server" else int(first.read_text()), number)
    assert [one.value for one in future.result(PATIENCE)] == [0, "again", 2, 3]
    pool.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=str)
def test_a_worker_lost_while_it_loads_the_call_costs_no_item(number: signal.Signals, tmp_path: Any, monkeypatch: Any) -> None:
    first = tmp_path / "first"
    (tmp_path / "slow_to_load.py").write_text(
        f"import hostile_calls\nhostile_calls.hold_once({str(first)!r})\ndef call(item):\n    return hostile_calls.obey(item)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    first.write_text("0")  # the caller's own import does not wait
    import slow_to_load

    call = serialize_call(slow_to_load.call)
    first.unlink()
    pool = WorkerPool(1)
    future = pool.submit(call, [("echo", value) for value in range(4)], 60.0, 4)
    while not first.exists():
        pass
    os.kill(int(first.read_text()), number)
    assert [one.value for one in future.result(PATIENCE)] == [0, 1, 2, 3]
    pool.close()


def test_a_call_that_kills_whoever_loads_it_is_given_up(tmp_path: Any, monkeypatch: Any, pool: WorkerPool) -> None:
    (tmp_path / "deadly.py").write_text("import os\nif 'RL_REWARDS_IN_WORKER' in os.environ:\n    os._exit(7)\ndef obey(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    import deadly

    finished = pool.submit(serialize_call(deadly.obey), [1, 2, 3], 10.0, 2).result(PATIENCE)
    assert {one.outcome for one in finished} == {Outcome.CRASHED}
    assert "exited with status 7 while it loaded the call (attempt 2)" in finished[0].error


def test_a_server_that_has_no_room_for_another_worker_says_so() -> None:
    pool = WorkerPool(1)
    _, lost = run(pool, ("let the server open no files", None), ("die", 1))
    pool.close()
    assert lost.outcome is Outcome.CRASHED and "the worker could not be forked: Too many open files before it began" in lost.error


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=str)
def test_a_server_lost_between_two_batches_is_replaced(number: signal.Signals) -> None:
    pool = WorkerPool(1)
    run(pool, ("echo", 1))
    os.kill(pool.processes()[0], number)
    assert [one.value for one in run(pool, *(("echo", value) for value in range(9)))] == list(range(9))
    pool.close()


def test_rounds_of_random_kills_lose_or_cross_nothing_that_was_not_at_fault() -> None:
    script = Path(__file__).parents[2] / "scripts" / "bench" / "pool_kills.py"
    done = subprocess.run([sys.executable, str(script), "--rounds", "10"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_worker_started_does_not_outlive_a_killed_server(gone: Any) -> None:
    pool = WorkerPool(1)
    orphan = run(pool, ("orphan", False), timeout=30.0)[0].value
    os.kill(pool.processes()[0], signal.SIGKILL)
    run(pool, ("echo", 1))
    pool.close()
    gone(orphan)


def test_a_server_that_cannot_start_is_an_error_and_not_a_hang(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    pool = WorkerPool(1)
    with monkeypatch.context() as patched:
        patched.setattr("rl_rewards.runtime.workers.server_link._BOOT", "raise SystemExit('no such machine')")
        with pytest.raises(PoolError, match="exited with status 1 before any worker answered"):
            run(pool, ("echo", 1))
    assert "no such machine" in capfd.readouterr().err
    assert run(pool, ("echo", 2))[0].value == 2  # another try, with another server
    pool.close()


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(10_000)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("rl_rewards.runtime.workers.server_link._IMPORT_SECONDS", 0.3)
    monkeypatch.setattr("rl_rewards.runtime.workers.dispatcher._HEARTBEAT_SECONDS", 0.1)
    pool = WorkerPool(1)
    pool.preload("hangs")
    with pytest.raises(PoolError, match=r"did not answer for 0\.3 s before any worker answered"):
        run(pool, ("echo", 1))
    pool.close()


def test_a_pool_that_was_closed_is_not_shared_any_more() -> None:
    first = shared_pool(640)
    first.close()
    assert shared_pool(640) is not first and run(shared_pool(640), ("echo", 1))[0].value == 1
    shared_pool(640).close()


def test_many_threads_share_a_pool(pool: WorkerPool) -> None:
    results: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        results[number] = [one.value for one in run(pool, *(("echo", (number, step)) for step in range(20)))]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [(number, step) for step in range(20)] for number in range(8)}


def test_a_call_that_cannot_be_loaded_says_why(pool: WorkerPool) -> None:
    finished = pool.submit(serialize_call(0).replace(serialize_call(0)[-3:], b"..."), [("echo", 1)], 1.0).result(PATIENCE)
    assert finished[0].outcome is Outcome.ERROR
    assert "could not load the call" in finished[0].error


def test_a_preloaded_module_is_in_every_new_worker() -> None:
    pool = WorkerPool(1)
    pool.preload("colorsys")
    pool.preload("no_such_module")  # reported by the worker that needs it, not here
    (modules,) = (one.value for one in run(pool, ("modules", None)))
    pool.close()
    assert "colorsys" in modules


@pytest.mark.parametrize(("workers", "memory_mb"), [(0, None), (-1, 512), (1, 3)])
def test_a_pool_that_cannot_work_is_refused(workers: int, memory_mb: int | None) -> None:
    with pytest.raises(ValueError, match=r"must be at least \d+, got" if workers < 1 else "memory_mb must be at least 64"):
        WorkerPool(workers, memory_mb)
