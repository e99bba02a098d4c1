"""What a program brings about after it began is its own doing, and costs it alone; what happens before is not."""

import gc
import json
import os
import signal

import pytest
from hostile_programs import descendants
from other_user import NOBODY, run_as

from rl_rewards.runtime.sandbox import Asserts, Call, Limits, Script
from rl_rewards.runtime.sandbox.process import ProcessEngine
from rl_rewards.runtime.sandbox.process_cells import BEGAN, Cell, Zygote, threads_each
from rl_rewards.types import Outcome

NAMESPACES = ("user", "pid", "network", "mount", "ipc")
LIMITS = Limits(seconds=20, memory_mb=256)
FORMS = {"script": Script(), "call": Call("f"), "asserts": Asserts("assert f() == 1")}

# Each once ended in "the sandbox was lost", no score.
SELF_INFLICTED = {
    "its scratch locked": "import os\nos.chmod('.', 0)",
    "its scratch locked through a descriptor": "import os\nos.fchmod(os.open('.', os.O_RDONLY), 0)",
    "nested directories locked": "import os\nos.makedirs('a/b/c')\nfor path in ('a/b/c', 'a/b', 'a'): os.chmod(path, 0)",
    "a file that nobody may read": "import os\nos.close(os.open('x', os.O_CREAT, 0))\nos.mkdir('y', 0)",
    "names of the cleaner": "import os\nfor i in range(1, 60): os.makedirs('.%d/x' % i)\nos.makedirs('a/b/c')",
    "a flood that grows sixfold in JSON": "import os\nos.write(1, b'\\xff' * 2**20)\nos.write(2, b'\\xff' * 2**20)",
    "a flood of control characters": "import os\nos.write(1, bytes(2**20))",
    "a flood of astral characters": "print('\\U0001f600' * (1 << 18), end='', flush=True)",
    "lone surrogates in its error": "raise ValueError('\\ud800' * 1000)",
    "every descriptor closed": "import os\nos.closerange(0, 256)",
    "a directory that is no longer there": "import os\nos.mkdir('x')\nos.chdir('x')\nos.rmdir('../x')",
    "limits set to nothing": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (0, 0))",
    "a filter of its own": "import ctypes\nctypes.CDLL(None).prctl(22, 1, 0, 0, 0)",
    "names that no one can spell": "import os\nos.mkdir(b'\\xff\\n')\nos.symlink('nowhere', b'\\xfe' * 200)",
    "a standard output of four exabytes": "import os\nos.ftruncate(1, 1 << 20)\nos.lseek(1, 1 << 62, 0)",
}


@pytest.fixture(scope="module", params=[(), NAMESPACES], ids=["namespaces", "no namespaces"])
def engine(request):
    engine = ProcessEngine(workers=2, without=request.param)
    yield engine
    engine.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SELF_INFLICTED)
def test_no_program_can_choose_to_have_no_score(engine, name, form):
    cases = [FORMS[form]] * (13 if "flood" in name and form != "asserts" else 2)
    executions = engine.run(SELF_INFLICTED[name] + "\ndef f(): return 0\n", cases, LIMITS)
    assert len(executions) == len(cases)
    assert {execution.outcome for execution in executions} <= {Outcome.SCORED, Outcome.CRASHED}
    assert not any(execution.value is True for execution in executions)
    assert [each.stdout for each in engine.run("import os\nprint(os.listdir())", [Script()], LIMITS)] == ["[]\n"]


def _interrupt_once(monkeypatch, whole):
    """At the moment a program is said to have begun, kill its cell, with or without the zygote; the first time alone."""
    fill, killed = Cell._fill, []

    def fill_and_kill(cell, head, size, seconds):
        if size == 5 and not killed:
            fill(cell, head, 1, seconds)
            assert head == BEGAN
            zygote = cell.zygote._process.pid
            for pid in [zygote] * whole + sorted(descendants(zygote)):
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
        return fill(cell, head, size, seconds)

    monkeypatch.setattr(Cell, "_fill", fill_and_kill)
    return killed


WAITS = "import sys, time\nif sys.stdin.read() == 'wait': time.sleep(15)\nprint('done')"


def test_a_cell_that_ends_after_a_program_began_is_the_programs_doing_and_not_tried_again(monkeypatch):
    engine = ProcessEngine(workers=1)
    try:
        engine.run("print(1)", [Script()], LIMITS)
        killed = _interrupt_once(monkeypatch, whole=False)
        executions = engine.run(WAITS, [Script("wait"), Script()], LIMITS)
        assert killed
        assert [execution.outcome for execution in executions] == [Outcome.CRASHED, Outcome.CRASHED]
        assert executions[0].error.startswith("the program ended its sandbox")
        assert engine.run(WAITS, [Script()], LIMITS)[0].stdout == "done\n"
    finally:
        engine.close()


def test_a_sandbox_that_is_killed_as_a_whole_is_nobodys_doing_and_its_work_done_again(monkeypatch):
    engine = ProcessEngine(workers=1)
    try:
        engine.run("print(1)", [Script()], LIMITS)
        killed = _interrupt_once(monkeypatch, whole=True)
        executions = engine.run("print(int(input()) + 1)", [Script("1"), Script("2")], LIMITS)
        assert killed
        assert [execution.stdout for execution in executions] == ["2\n", "3\n"]
    finally:
        engine.close()


def test_a_zygote_that_is_gone_gives_no_cell_and_leaves_no_socket_open(recwarn):
    zygote = Zygote((), (), workers=1)
    try:
        os.kill(zygote._process.pid, signal.SIGKILL)
        assert zygote.ends(60) and not zygote.answers()
        gc.collect()
    finally:
        zygote.close()
    assert not [warning.message for warning in recwarn if warning.category is ResourceWarning]


LARGE = [
    ("print(len(open(0).read()))", [Script("x" * 70_000_000)], {"70000000\n"}),
    ("print(len(open(0).read()))", [Script("x" * 10_000_000)] * 7, {"10000000\n"}),
    ("print('x' * 999_999)", [Script()] * 80, {"x" * 999_999 + "\n"}),
    ("print('\u6587' * 340_000)", [Script()] * 70, {"\u6587" * 340_000 + "\n"}),
    ("import sys\nprint(sys.stdin.buffer.read())", [Script("a\ud83d")], {"b'a\\xed\\xa0\\xbd'\n"}),
]


@pytest.mark.parametrize(
    ("program", "cases", "outputs"), LARGE, ids=["one large input", "large inputs", "large outputs", "Chinese", "half a character"]
)
def test_honest_work_of_any_size_is_done(process, program, cases, outputs):
    executions = process.run(program, cases, LIMITS)
    assert [execution.error for execution in executions] == [None] * len(cases)
    assert {execution.stdout for execution in executions} == outputs


# What harms the programs that run beside it, where they share something.
NEIGHBOURS = {
    "the parent directory locked": "import os\nfor path in ('..', '../..'):\n    try: os.chmod(path, 0)\n    except OSError: pass",
    "threads without end": (
        "import threading, time\nthreading.stack_size(32768)\n"
        "while True:\n    try: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n    except RuntimeError: time.sleep(0.01)"
    ),
    "directories without end": "import os\nfor number in range(10**6): os.mkdir(str(number))",
}
AS_SOMEONE = """
import json, os, resource, sys
from rl_rewards.runtime.sandbox import Limits, Script
from rl_rewards.runtime.sandbox.process import ProcessEngine
processes, without, program = json.loads(sys.argv[1])
if processes:
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
engine = ProcessEngine(workers=4, without=without)
programs = [program, "print(7)"] * 6
executions = engine.submit(lambda each: engine.run(each, [Script()], Limits(seconds=1 if each == program else 20))[0], programs).result()
engine.close()
print(json.dumps([[execution.outcome, execution.stdout] for execution in executions]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("without", [(), NAMESPACES], ids=["namespaces", "no namespaces"])
@pytest.mark.parametrize("user", [None, NOBODY], ids=["this user", "nobody"])
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_program_costs_none_of_those_that_run_beside_it(name, user, without):
    ran = run_as(user, AS_SOMEONE, json.dumps([350 if user else 0, without, NEIGHBOURS[name]]))
    assert ran.returncode == 0, ran.stderr.decode()
    ended = json.loads(ran.stdout)
    assert ended[1::2] == [["scored", "7\n"]] * 6
    assert {outcome for outcome, _ in ended[::2]} <= {"scored", "timeout", "crashed"}


@pytest.mark.parametrize(("processes", "workers", "threads"), [(None, 4, 128), (350, 4, 43), (100, 16, 8), (1_000_000, 16, 128)])
def test_the_threads_of_all_programs_leave_half_of_the_processes_free(monkeypatch, processes, workers, threads):
    import resource

    limit = resource.RLIM_INFINITY if processes is None else processes
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    monkeypatch.setattr("builtins.open", _no_file)
    assert threads_each(workers) == threads


def _no_file(*_):
    raise OSError
