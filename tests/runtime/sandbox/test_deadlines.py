"""A deadline counts the program's time, not the time in which the machine has no processor for it."""

import os
import subprocess
import sys

import pytest

from rl_rewards.runtime.sandbox import Asserts, Limits, Script
from rl_rewards.runtime.sandbox.process import ProcessEngine

pytestmark = pytest.mark.slow
LIMITS = Limits(seconds=1)
SPIN = "print(flush=True)\nwhile True: pass"
COMPUTE = (
    "import time\ndef compute(seconds):\n    end = time.process_time() + seconds\n    while time.process_time() < end: pass\n    return 'done'\n"
)
ENGINES = {"namespaces": (), "broker": ("user", "pid", "network", "mount", "ipc")}  # by what they are made without


@pytest.fixture(scope="module")
def crowded():
    """Engines on one processor, which four other processes want as well: a program gets a fifth of it."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(mine)})
    engines, others = {}, []
    try:
        for name, without in ENGINES.items():
            engines[name] = ProcessEngine(workers=1, without=without)
            engines[name].run("print(1)", [Script()], Limits(seconds=20))
        engines["namespaces"].run("def f(): return 1", [Asserts("assert f() == 1")], Limits(seconds=20))
        # Each in a session of its own, as cells are: a kernel may share a processor among sessions first.
        others += [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE, start_new_session=True) for _ in range(4)]
        for each in others:
            each.stdout.readline()
        os.sched_setaffinity(0, mine)
        yield engines
    finally:
        os.sched_setaffinity(0, mine)
        for each in others:
            each.kill()
            each.wait()
            each.stdout.close()
        for engine in engines.values():
            engine.close()


SCRIPTS = [
    # what it does, engine, program, outcome
    ("computes for less than its time", "namespaces", COMPUTE + "print(compute(0.25))", "scored"),
    ("computes in a thread", "namespaces", COMPUTE + "import threading\nthreading.Thread(target=compute, args=(0.25,)).start()", "scored"),
    ("makes files", "broker", COMPUTE + "for n in range(5):\n    open(f'{n}', 'w').close()\n    compute(0.05)", "scored"),
    ("never ends", "namespaces", "while True: pass", "timeout"),
    ("sleeps", "broker", "import time\ntime.sleep(10000)", "timeout"),
    ("wakes now and then", "namespaces", "import time\nwhile True: time.sleep(0.5)", "timeout"),
    ("waits for a lock", "namespaces", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", "timeout"),
]


@pytest.mark.parametrize(("name", "program", "outcome"), [row[1:] for row in SCRIPTS], ids=[row[0] for row in SCRIPTS])
def test_a_script_that_waits_for_a_processor_does_not_lose_its_time(crowded, name, program, outcome):
    [execution] = crowded[name].run(program, [Script()], LIMITS)
    assert execution.outcome == outcome, execution
    assert outcome == "scored" or execution.error == "ran out of time"


SUITES = [
    # who computes, program, tests, outcome
    ("the program", COMPUTE, "assert compute(0.2) == 'done'", "scored"),
    ("the tests", "def f(): return 1", COMPUTE + "compute(0.2)\nassert f() == 1", "scored"),
    ("both in turn", COMPUTE.replace("compute", "theirs"), COMPUTE + "for _ in range(4):\n    compute(0.025)\n    assert theirs(0.025)", "scored"),
    ("the program without end", "def f():\n    while True: pass", "f()", "timeout"),
    ("nobody: the program sleeps", "import time\ndef f(): time.sleep(10000)", "f()", "timeout"),
    ("nobody: the tests sleep", "def f(): return 1", "import time\nassert f()\ntime.sleep(10000)", "timeout"),
]


@pytest.mark.parametrize(("program", "tests", "outcome"), [row[1:] for row in SUITES], ids=[row[0] for row in SUITES])
def test_of_a_program_and_its_tests_neither_is_late_while_one_of_them_computes(crowded, program, tests, outcome):
    [execution] = crowded["namespaces"].run(program, [Asserts(tests)], LIMITS)
    assert execution.outcome == outcome, execution
    assert outcome == "timeout" or execution.value is True
