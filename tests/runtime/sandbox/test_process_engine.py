"""CPython behind walls: how programs end, what they may use, and that nothing of them stays."""

import logging
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hostile_programs import descendants

from rl_rewards.runtime.sandbox import Asserts, Call, Limits, Script
from rl_rewards.runtime.sandbox.process import IsolationError, ProcessEngine
from rl_rewards.types import Outcome

ROOT = Path(__file__).parents[3]
LIMITS = Limits(seconds=20, memory_mb=256)

SCRIPTS = [
    # program, stdin, outcome, stdout, start of the error
    ("print(int(input()) * 2)", "21\n", "scored", "42\n", None),
    ("import sys\nfor line in sys.stdin: print(line.strip()[::-1])", "ab\ncd", "scored", "ba\ndc\n", None),
    ("print(open(0).read())", "ä\n", "scored", "ä\n\n", None),
    ("", "", "scored", "", None),
    ("if __name__ == '__main__': print('main')", "", "scored", "main\n", None),
    ("import sys\nprint(1)\nsys.exit()", "", "scored", "1\n", None),
    ("print(1)\nraise SystemExit(0)", "", "scored", "1\n", None),
    ("import sys\nsys.exit(3)", "", "crashed", "", "ended with exit status 3"),
    ("import sys\nsys.exit('no answer')", "", "crashed", "", "no answer"),
    ("print(1)\n1 / 0", "", "crashed", "1\n", "ZeroDivisionError: division by zero"),
    ("input()", "", "crashed", "", "EOFError: EOF when reading a line"),
    ("print(", "", "crashed", "", "SyntaxError: '(' was never closed"),
    ("x = '\0'", "", "crashed", "", "SyntaxError: source code string cannot contain null bytes"),
    ("'\ud800'", "", "crashed", "", "UnicodeEncodeError"),
    ("class Odd(Exception): pass\nraise Odd('x')", "", "crashed", "", "Odd: x"),
    ("import ctypes\nctypes.string_at(0)", "", "crashed", "", "killed by SIGSEGV"),
    ("import atexit, sys\natexit.register(lambda: sys.stdout.write('late'))", "", "scored", "late", None),
    ("import threading\nthreading.Timer(0.01, print, ['from a thread']).start()", "", "scored", "from a thread\n", None),
    ("import asyncio\nasync def main(): print(await asyncio.sleep(0, 5))\nasyncio.run(main())", "", "scored", "5\n", None),
    ("import io, sys\nsys.stdin = io.StringIO('7')\nprint(input())", "", "scored", "7\n", None),
    (
        "import os, tempfile\nopen('here', 'w').write('x')\nprint(os.listdir('.'), open(tempfile.mkstemp()[1]).read() == '')",
        "",
        "scored",
        None,
        None,
    ),
    ("import sys\nsys.setrecursionlimit(100000)\ndef f(n): return n and f(n - 1)\nprint(f(50000))", "", "scored", "0\n", None),
    ("from concurrent.futures import ThreadPoolExecutor\nprint(sum(ThreadPoolExecutor(4).map(abs, [-1, -2])))", "", "scored", "3\n", None),
    (
        "print({'b', 'a', 'c'} == {'a', 'b', 'c'}, __import__('os').environ['HOME'] == __import__('os').getcwd())",
        "",
        "scored",
        "True True\n",
        None,
    ),
    ("import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\nprint(P(3))", "", "scored", "P(x=3)\n", None),
    ("import pickle\nclass P: pass\nprint(type(pickle.loads(pickle.dumps(P()))).__name__)", "", "scored", "P\n", None),
]


@pytest.mark.parametrize(("program", "stdin", "outcome", "stdout", "error"), SCRIPTS)
def test_a_script_ends_as_python_would_end_it(process, program, stdin, outcome, stdout, error):
    [execution] = process.run(program, [Script(stdin)], LIMITS)
    assert execution.outcome == outcome, execution
    assert stdout is None or execution.stdout == stdout
    assert (execution.error is None) if error is None else execution.error.startswith(error)


CALLS = [
    ("def f(a, b): return a + b", Call("f", [1, 2]), 3),
    ("f = lambda: None", Call("f"), None),
    ("class Solution:\n    def f(self, a): return a[::-1]", Call("f", [[1, 2]]), [2, 1]),
    ("def f(x): return x", Call("f", [(1, 2.5, "ä", b"\xff", True, None)]), {"tuple": [1, 2.5, "ä", {"bytes": "\xff"}, True, None]}),
    ("def f(x): return x", Call("f", [{1: {2, 3}}]), {"dict": [[1, {"set": [2, 3]}]]}),
    ("def f(): return 2 ** 70", Call("f"), {"int": hex(2**70)}),
    ("def f(): return object()", Call("f"), {"object": "object"}),
    ("import enum\nclass E(enum.IntEnum):\n    A = 5\ndef f(): return E.A", Call("f"), 5),
    ("import collections\ndef f(): return collections.Counter('aab'), collections.namedtuple('P', 'x')(1)", Call("f"), None),
    ("print('noise')\nif __name__ == '__main__': raise SystemExit(1)\ndef f(): return __name__", Call("f"), "program"),
]


@pytest.mark.parametrize(("program", "call", "value"), CALLS)
def test_a_call_gives_plain_data(process, program, call, value):
    [execution] = process.run(program, [call], LIMITS)
    assert execution.ran, execution
    assert value is None or execution.value == value


FAILED_CALLS = [
    ("def g(): pass", "NameError: the program defines no 'f'"),
    ("def f(): raise KeyError('x')", "KeyError: 'x'"),
    ("def f(a): pass", "TypeError: f() missing 1 required positional argument"),
    ("import os\nos._exit(0)", "ended before the call returned"),
    ("def f():\n    raise SystemExit(0)", "ended before the call returned"),
    ("def f():\n    x = []\n    x.append(x)\n    return x", "RecursionError"),
    ("import os\nos.write(3, b'[1')\nos._exit(0)", "returned no plain data"),
    ("import os\nos.write(3, b'[' * 100000)\nos._exit(0)", "returned no plain data"),
    ("import os\nos.write(3, b'{\"dict\": 5}')\nos._exit(0)", "returned no plain data"),
    ("import os\nos.write(3, b'9' * 100000)\nos._exit(0)", "returned no plain data"),
]


@pytest.mark.parametrize(("program", "error"), FAILED_CALLS)
def test_a_call_that_gives_nothing_has_crashed(process, program, error):
    [execution] = process.run(program, [Call("f")], LIMITS)
    assert execution.outcome is Outcome.CRASHED
    assert execution.error.startswith(error)


TESTS = [
    # program, tests, passed
    ("def f(x): return x * 2", "assert f(2) == 4", True),
    ("def f(x): return x * 2", "assert f(2) == 5", False),
    ("def f(x): return x * 2", "def test_a():\n    assert f(2) == 4\ndef test_b():\n    assert f(3) == 7", False),
    ("def f(x): return x * 2", "from solution import f\ndef test_a():\n    assert f('ab') == 'abab'", True),
    ("def f(x): return x * 2", "def check(candidate):\n    for i in range(5):\n        assert candidate(i) == 2 * i\ncheck(f)", True),
    ("def f(x): return (x, {x})", "assert f(1) == (1, {1}) and isinstance(f(1), tuple)", True),
    (
        "def f(x): raise ValueError('no')",
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False",
        True,
    ),
    ("class Own(Exception): pass\ndef f(): raise Own", "try:\n    f()\nexcept Exception as error:\n    assert type(error).__name__ == 'Own'", True),
    (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x); return self\n"
        "    def pop(self): return self.items.pop()\n"
        "    def __len__(self): return len(self.items)",
        "s = Stack()\ns.push(1).push(2)\nassert len(s) == 2 and s.pop() == 2 and s.items == [1] and list(s.items) == [1]",
        True,
    ),
    (
        "class V:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x",
        "assert V(1) == V(1) and not V(1) == V(2)",
        True,
    ),
    ("def make(): return object()\ndef use(o): return type(o).__name__", "assert use(make()) == 'object'", True),
    ("LIMIT = 7", "assert LIMIT == 7", True),
    ("import math\ndef f(x): return math.sqrt(x)", "assert math.isclose(f(4), 2)", True),
    ("from collections import Counter\ndef f(s): return dict(Counter(s))", "assert f('aab') == Counter('aab')", True),
    ("def f(): return 1", "assert f() == 1; assert g() == 2", False),
    ("def f(): return 1", "import unittest\nraise unittest.SkipTest('nothing to see')", False),
    ("def f(): return 1", "raise SystemExit(0)", False),
    ("def f(x): x.append(3)\ndef g(*a, **k): return [a, k]", "assert g(1, b=2) == [(1,), {'b': 2}]", True),
]


@pytest.mark.parametrize(("program", "tests", "passed"), TESTS)
def test_tests_talk_to_a_program_in_another_process(process, program, tests, passed):
    [execution] = process.run(program, [Asserts(tests)], LIMITS)
    assert (execution.outcome, execution.value) == (Outcome.SCORED, passed), execution


def test_tests_that_do_not_compile_are_an_error_of_ours(process):
    [execution] = process.run("def f(): pass", [Asserts("assert f(")], LIMITS)
    assert execution.outcome is Outcome.ERROR and "do not compile" in execution.error


@pytest.mark.parametrize(
    ("program", "outcome", "error"),
    [
        ("1 / 0", "crashed", "ZeroDivisionError"),
        ("import os\nos._exit(0)", "crashed", "the program ended"),
        ("def f():\n    while True: pass", "timeout", "ran out"),
    ],
)
def test_a_program_that_ends_under_its_tests_tells_how_it_ended(process, program, outcome, error):
    [execution] = process.run(program, [Asserts("f()")], Limits(seconds=1 if outcome == "timeout" else 20))
    assert execution.outcome == outcome and execution.error.startswith(error)


@pytest.mark.parametrize("library", ["numpy", "pandas", "sympy"])
def test_a_library_that_is_installed_can_be_used(process, library):
    pytest.importorskip(library)
    use = {"numpy": "numpy.arange(3).sum()", "pandas": "pandas.DataFrame({'a': [1, 2]}).a.sum()", "sympy": "sympy.factorint(6)[2] + 2"}[library]
    [execution] = process.run(f"import {library}\ndef f(): return {use}", [Call("f")], Limits(seconds=60, memory_mb=1024))
    assert (execution.outcome, execution.value) == (Outcome.SCORED, 3)


def test_cases_share_nothing_but_the_program(process):
    program = "import builtins, os\nprint(getattr(builtins, 'seen', None), os.listdir('.'))\nbuiltins.seen = 1\nopen('left', 'w').close()"
    executions = process.run(program, [Script(), Script()], LIMITS)
    assert [execution.stdout for execution in executions] == ["None []\n", "None []\n"]


@pytest.mark.parametrize("without", [(), ("user", "pid", "network", "mount", "ipc"), ("user", "pid", "network", "mount", "ipc", "landlock")])
def test_programs_that_run_at_once_have_a_directory_each(without):
    engine = ProcessEngine(workers=4, without=without)
    program = """
import os, time
name = input()
for n in range(20):
    open(name + str(n), "w").close()
    time.sleep(0.001)
print(len(os.listdir(".")))
"""
    try:
        executions = engine.submit(lambda name: engine.run(program, [Script(name)] * 2, LIMITS), "abcdefgh").result()
        assert [[execution.stdout for execution in pair] for pair in executions] == [["20\n", "20\n"]] * 8
        scratch = next(iter(engine._zygotes.values())).scratch
    finally:
        engine.close()
    assert not Path(scratch).exists()


def test_one_deadline_is_what_a_program_can_cost(process):
    executions = process.run("n = int(input())\nwhile n: pass\nprint('done')", [Script("0"), Script("1"), Script("0")], Limits(seconds=1))
    assert [execution.outcome for execution in executions] == [Outcome.SCORED, Outcome.TIMEOUT, Outcome.TIMEOUT]
    assert executions[2].error.startswith("not run")


def test_output_is_cut_at_the_limit_and_the_program_with_it(process):
    [execution] = process.run("for _ in range(1000): print('x' * 100)", [Script()], Limits(seconds=20, output_bytes=5000))
    assert execution.outcome is Outcome.CRASHED and len(execution.stdout) == 5000
    assert execution.error == "too much output"


def test_programs_run_at_once_from_any_thread(process):
    results = {}

    def work(number):
        results[number] = process.run("print(int(input()) ** 2)", [Script(str(number))], LIMITS)[0].stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number**2}\n" for number in range(12)}


def test_a_killed_zygote_or_cell_is_replaced():
    engine = ProcessEngine(workers=1)
    try:
        for _ in range(2):
            assert engine.run("print(1)", [Script()], LIMITS)[0].stdout == "1\n"
            for pid in descendants():
                if "cell import zygote" in _command(pid):
                    os.kill(pid, signal.SIGKILL)
            assert engine.run("print(2)", [Script()], LIMITS)[0].stdout == "2\n"
    finally:
        engine.close()


def test_walls_left_out_are_reported_once_and_refused_where_all_are_required(caplog, monkeypatch):
    monkeypatch.setattr("rl_rewards.runtime.sandbox.process._reported", set())
    engine, strict = (
        ProcessEngine(workers=1, without=("landlock", "ipc")),
        ProcessEngine(workers=1, without=("landlock",), require_isolation=True),
    )
    try:
        with caplog.at_level(logging.WARNING, logger="rl_rewards.sandbox"):
            for _ in range(2):
                assert engine.run("print(1)", [Script()], LIMITS)[0].ran
                ProcessEngine(workers=1, without=("landlock", "ipc")).lacking()
        assert [record.getMessage() for record in caplog.records if "landlock" in record.getMessage()] == [caplog.records[0].getMessage()]
        with pytest.raises(IsolationError, match="lacks these walls: .*landlock"):
            strict.run("print(1)", [Script()], LIMITS)
    finally:
        engine.close()
        strict.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"workers": 0}, "at least 1"), ({"without": ("moat",)}, "unknown walls \\['moat'\\]; there are \\['user'")],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ProcessEngine(**options)


@pytest.mark.parametrize("limit", [{"seconds": 0}, {"memory_mb": -1}, {"output_bytes": 0}, {"seconds": float("nan")}])
def test_limits_must_be_positive(limit):
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**limit)


CALLER = """
import os, sys, threading
from rl_rewards.runtime.sandbox import Limits, Script, engine
made = engine("process", workers=2)
made.run("print(1)", [Script()], Limits())
if sys.argv[1] == "busy":
    threading.Thread(target=made.run, args=("while True: pass", [Script()], Limits(seconds=1000)), daemon=True).start()
    made.run("print(1)", [Script()], Limits())
if sys.argv[1] == "forked" and os.fork() == 0:
    os.close(1)
    sys.stdin.read()  # a worker of the caller's that outlives it, holding copies of its descriptors
    os._exit(0)
print(os.getpid(), flush=True)
if sys.argv[1] != "exits":
    sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["idle", "busy", "forked", "exits"])
def test_the_sandbox_ends_with_its_caller_however_that_ends(state, tmp_path):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, state],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},  # scratch that no other test's sandbox shares
    )
    handles = []
    try:
        assert int(caller.stdout.readline()) == caller.pid
        below = [pid for pid in descendants(caller.pid) if "zygote" in _command(pid)]
        assert state == "exits" or list(tmp_path.glob("rl-rewards-*"))
        handles = [os.pidfd_open(pid) for pid in below]
        assert state == "exits" or len(handles) >= 3  # a zygote, a cell and what waits for it
        if state != "exits":
            caller.kill()
        caller.wait()
        for handle in handles:
            assert select.select([handle], [], [], 300)[0], "a process of the sandbox outlived its caller"
        assert not list(tmp_path.glob("rl-rewards-*"))
    finally:
        for handle in handles:
            os.close(handle)
        caller.stdin.close()
        caller.stdout.close()


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_a_fork_of_the_caller_makes_its_own_engine():
    code = """
import os
from rl_rewards.runtime.sandbox import Limits, Script, engine
def answer():
    return engine("process", workers=1).run("print(1)", [Script()], Limits())[0].stdout
assert answer() == "1\\n"
first = engine("process", workers=1)
if os.fork() == 0:
    assert engine("process", workers=1) is not first
    assert answer() == "1\\n"
    engine("process", workers=1).close()
    os._exit(0)
assert os.wait()[1] == 0
assert engine("process", workers=1) is first and answer() == "1\\n"
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)})
