"""Where a pool works, and what is left of it when its process ends, however it ends. Each case is a program of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Runs one good item and starts as many that never end as there are workers, then says which processes there are.
BUSY = """
import json, os, sys
import hostile_calls
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool

pool = shared_pool(None)
call = serialize_call(hostile_calls.obey)
orphan, = pool.submit(call, [("orphan", False)], 300).result(300)
stuck = pool.submit(call, [("hold the GIL", None), ("sleep", None)], 10_000)
assert pool.submit(call, [("echo", 1)], 0.01).result is not None
while len(pool.processes()) < 3:
    pass
print(json.dumps([*pool.processes(), orphan.value]), flush=True)
"""
ENDINGS = {
    "the end of the script": "",
    "sys.exit": "sys.exit(3)",
    "an exception": "raise RuntimeError('the training failed')",
    "os._exit": "os._exit(0)",
    "waiting for a result that never comes": "stuck.result()",
}


def start(program: str, **environment: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths, "RL_REWARDS_WORKERS": "2", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize("ending", [name for name in ENDINGS if name != "waiting for a result that never comes"])
def test_no_process_outlives(ending: str, gone: Any) -> None:
    process = start(BUSY + ENDINGS[ending])
    out, _ = process.communicate(timeout=300)
    for pid in json.loads(out):
        gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "SIGTERM", "kill -9"])
def test_no_process_outlives_a_signal(number: signal.Signals, gone: Any) -> None:
    process = start(BUSY + ENDINGS["waiting for a result that never comes"])
    processes = json.loads(process.stdout.readline())
    process.send_signal(number)
    process.communicate(timeout=300)
    for pid in processes:
        gone(pid)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "kill -9"])
@pytest.mark.parametrize("stopped", ["the server", "the others", "all"])
def test_no_stopped_process_outlives_its_caller(stopped: str, ending: signal.Signals, gone: Any) -> None:
    process = start(BUSY + ENDINGS["waiting for a result that never comes"])
    server, *others = processes = json.loads(process.stdout.readline())
    for pid in {"the server": [server], "the others": others, "all": processes}[stopped]:
        os.kill(pid, signal.SIGSTOP)
    process.send_signal(ending)
    process.communicate(timeout=300)
    for pid in processes:
        gone(pid)


def test_no_stopped_process_outlives_a_script_that_ends(gone: Any) -> None:
    process = start(BUSY + "import signal\nfor pid in pool.processes():\n    os.kill(pid, signal.SIGSTOP)")
    out, _ = process.communicate(timeout=300)
    for pid in json.loads(out):
        gone(pid)


def test_no_process_outlives_a_caller_whose_forked_child_lives_on(gone: Any) -> None:
    """The child holds copies of the parent's sockets unless it lets go of them."""
    fork = "import signal\nchild = os.fork()\nif child == 0:\n    signal.pause()\nprint(child, flush=True)\nos._exit(0)"
    process = start(BUSY + fork)
    processes, child = json.loads(process.stdout.readline()), int(process.stdout.readline())
    for pid in processes:
        gone(pid)
    os.kill(child, signal.SIGKILL)
    process.communicate(timeout=300)


WORKS_IN = {
    "a script without a main guard": "print(echo(1))",
    "a thread": """
import threading
thread = threading.Thread(target=lambda: print(echo(1)))
thread.start(); thread.join()
""",
    "a thread that is gone when the next batch comes": """
import threading
thread = threading.Thread(target=lambda: echo(0))
thread.start(); thread.join()
print(echo(1))
""",
    "an event loop": """
import asyncio
async def main():
    finished = await asyncio.wait_for(asyncio.wrap_future(shared_pool(None).submit(call, [("echo", 1)], 60)), 60)
    print(finished[0].value)
asyncio.run(main())
""",
    "a forked child of a process that has a pool": """
assert echo(0) == 0
pid = os.fork()
if pid == 0:
    print(echo(1), flush=True); os._exit(0)
os.waitpid(pid, 0)
assert echo(2) == 2
""",
    "a daemonic process of multiprocessing": """
import multiprocessing
def work():
    print(echo(1), flush=True)
process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
process.start(); process.join()
""",
}
PREAMBLE = """
import os
import hostile_calls
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool
call = serialize_call(hostile_calls.obey)
def echo(value):
    return shared_pool(None).submit(call, [("echo", value)], 300).result(300)[0].value
"""


@pytest.mark.parametrize("place", WORKS_IN)
def test_a_pool_works_in(place: str) -> None:
    assert finish(start(PREAMBLE + WORKS_IN[place])).split() == ["1"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_a_pool_works_in_dataloader_workers() -> None:
    program = PREAMBLE + (
        "from torch.utils.data import DataLoader\n"
        "loader = DataLoader(range(4), batch_size=2, num_workers=2, collate_fn=lambda rows: [echo(row) for row in rows])\n"
        "print(*(value for batch in loader for value in batch))"
    )
    assert finish(start(program)).split() == ["0", "1", "2", "3"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_ranks_share_the_machine_and_each_has_a_pool(tmp_path: Path) -> None:
    script = tmp_path / "rank.py"
    script.write_text(PREAMBLE + "print('rank', os.environ['RANK'], echo(1), shared_pool(None).workers, flush=True)")
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    launched = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert sorted(line for line in launched.stdout.splitlines() if line.startswith("rank")) == [f"rank {rank} 1 {share}" for rank in (0, 1)]


def test_a_wrong_number_of_workers_is_refused() -> None:
    process = start(PREAMBLE + "echo(1)", RL_REWARDS_WORKERS="many")
    _, err = process.communicate(timeout=300)
    assert "RL_REWARDS_WORKERS must be a whole number of at least 1, got 'many'" in err
