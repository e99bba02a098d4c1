"""Monty: what it runs, how programs end, and that what it lacks is named and never a wrong answer."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_programs import descendants

from rl_rewards.runtime.sandbox import Asserts, Call, Limits, Script
from rl_rewards.runtime.sandbox.monty_lacks import unsupported
from rl_rewards.types import Outcome

LIMITS = Limits(seconds=20, memory_mb=100)

SCRIPTS = [
    ("print(int(input()) * 2)", "21\n", "scored", "42\n", None),
    ("a, b = map(int, input('? ').split())\nprint(a + b)", "1 2", "scored", "? 3\n", None),
    ("for _ in range(2): print(input()[::-1])", "ab\ncd\n", "scored", "ba\ndc\n", None),
    ("2 ** 100000", "", "scored", "", None),
    ("{n * (2 ** 61 - 1) for n in range(100000)}", "", "scored", "", None),
    ("str = list = len = print\nstr(input())", "x", "scored", "x\n", None),
    ("import re, json, math\nprint(re.sub('a', 'b', 'aa'), json.dumps([1]), math.floor(2.5))", "", "scored", "bb [1] 2\n", None),
    ("1 / 0", "", "crashed", "", "ZeroDivisionError: division by zero"),
    ("print(1)\nraise ValueError('x')", "", "crashed", "1\n", "ValueError: x"),
    ("print(", "", "crashed", "", None),
    ("nothing", "", "crashed", "", "NameError: name 'nothing' is not defined"),
    ("import nothing", "", "crashed", "", "ModuleNotFoundError: No module named 'nothing'"),
    ("'a'.nothing", "", "crashed", "", "AttributeError: 'str' object has no attribute 'nothing'"),
    ("def f(): return f()\nf()", "", "crashed", "", "RecursionError"),
    ("'x' * 10**9", "", "crashed", "", "MemoryError"),
    ("import heapq", "", "unsupported", "", "module heapq"),
    ("import numpy", "", "unsupported", "", "module numpy"),
    ("import sys\nsys.exit(0)", "", "unsupported", "", "sys.exit"),
    ("import sys\nsys.stdin.read()", "", "unsupported", "", "sys.stdin"),
    ("class A(int): pass", "", "unsupported", "", "class inheritance"),
    ("def f():\n    yield 1", "", "unsupported", "", "yield expressions"),
    ("x = 1\ndel x", "", "unsupported", "", "the 'del' statement"),
    ("class A:\n    @property\n    def f(self): return 1", "", "unsupported", "", "method decorators"),
    ("from collections import ChainMap", "", "unsupported", "", "collections.ChainMap"),
    ("input()\ninput()", "1", "unsupported", "", "EOFError"),
    ("print('\ud800')", "", "crashed", "", "source code is not valid UTF-8"),
    ("print(input())", "\ud800", "unsupported", "", "text that is not Unicode"),
]


@pytest.mark.parametrize(("program", "stdin", "outcome", "stdout", "error"), SCRIPTS)
def test_a_script_ends_as_python_would_end_it_or_is_unsupported(monty, program, stdin, outcome, stdout, error):
    [execution] = monty.run(program, [Script(stdin)], LIMITS)
    assert (execution.outcome, execution.stdout) == (outcome, stdout), execution
    assert error is None or execution.error.startswith(error)


CALLS = [
    ("def f(a, b): return a + b", Call("f", [1, 2]), "scored", 3),
    ("class Solution:\n    def f(self, a): return a[::-1]", Call("f", [[1, 2]]), "scored", [2, 1]),
    (
        "def f(x): return (x, {1: x}, {2}, 2 ** 70, None)",
        Call("f", ["ä"]),
        "scored",
        {"tuple": ["ä", {"dict": [[1, "ä"]]}, {"set": [2]}, {"int": hex(2**70)}, None]},
    ),
    ("list = str = type = dict = 0\ndef f(): return [1]", Call("f"), "scored", [1]),
    ("class P: pass\ndef f(): return P()", Call("f"), "scored", None),
    ("def f(): return 2 ** 100000", Call("f"), "scored", {"int": hex(2**100000)}),
    ("def f(): return {n * (2 ** 61 - 1) for n in range(20000)}", Call("f"), "scored", None),
    ("def g(): pass", Call("f"), "crashed", None),
    ("def f(): pass\nif __name__ == '__main__': f()", Call("f"), "unsupported", None),
]


@pytest.mark.parametrize(("program", "call", "outcome", "value"), CALLS)
def test_a_call_gives_plain_data(monty, program, call, outcome, value):
    [execution] = monty.run(program, [call], LIMITS)
    assert execution.outcome == outcome, execution
    assert value is None or execution.value == value


ASSERTS = [
    ("def f(x): return x * 2", "assert f(2) == 4", "scored", True),
    ("def f(x): return x * 2", "assert f(2) == 5", "scored", False),
    ("def f(x): return x * 2", "for i in range(5): assert f({i}) == {i}", "scored", False),
    ("def f(x): return {x: (x, {x})}", "assert f(2) == {2: (2, {2})}", "scored", True),
    ("def all(x): return True\ndef f(): return [0]", "assert all(f())", "scored", False),
    ("def f(): return 1 / 0", "try:\n    f()\nexcept ZeroDivisionError:\n    pass", "scored", True),
    ("class A: pass\ndef f(): return A()", "assert f() == 1", "unsupported", None),
    ("class A:\n    def g(self): return 1", "assert A().g() == 1", "unsupported", None),
    ("def f():\n    while True: pass", "f()", "timeout", None),
    ("import heapq\ndef f(): return 1", "assert f() == 1", "unsupported", None),
    ("def f(): return 1\n2 ** 100000", "assert f() == 1", "scored", True),
    ("def f(): return 1", "assert f(", "error", None),
]


@pytest.mark.parametrize(("program", "asserts", "outcome", "passed"), ASSERTS)
def test_asserts_talk_to_a_program_in_another_interpreter(monty, program, asserts, outcome, passed):
    [execution] = monty.run(program, [Asserts(asserts)], Limits(seconds=1 if outcome == "timeout" else 20, memory_mb=100))
    assert (execution.outcome, execution.value) == (outcome, passed), execution


LATE = [
    "while True: pass",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "import time\ntime.sleep(1000)",
]


@pytest.mark.parametrize("program", LATE)
def test_one_deadline_is_what_a_program_can_cost(monty, program):
    executions = monty.run(program, [Script(), Script()], Limits(seconds=0.3))
    assert [execution.outcome for execution in executions] == [Outcome.TIMEOUT, Outcome.TIMEOUT]
    assert executions[1].error.startswith("not run")


def test_output_is_limited(monty):
    [execution] = monty.run("while True: print('x' * 100)", [Script()], Limits(seconds=20, output_bytes=5000))
    assert execution.outcome is Outcome.CRASHED and len(execution.stdout) <= 5000 and execution.error == "too much output"


LARGE = [
    # what a program could hand to this process, which has no limits: program, error
    ("def f(): return 0\n'[' + '[],' * 30000000 + '[]]' if True else \\", "line continuation"),
    ("def f(): return '[]' * 30000000", "too much output"),
    ("raise ValueError('x' * 10**8)", "an exception with a long message"),
    ("def f(): raise KeyError('x' * 10**8)", "an exception with a long message"),
    ("def f(): raise SystemExit('x' * 10**8)", "an exception with a long message"),
]
BOUNDED = """
import re, sys
from rl_rewards.runtime.sandbox import Asserts, Call, Limits, engine
engine("monty").run("def f(): return 0", [Call("f")], Limits())
def peak():  # not that of getrusage(), which counts what started the process, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()
for case in (Call("f"), Asserts("assert f() == 1")):
    engine("monty").run(sys.argv[1], [case], Limits(seconds=10))
print((peak() - before) >> 10)
"""


@pytest.mark.parametrize(("program", "error"), LARGE)
def test_what_a_program_hands_over_is_bounded_in_the_callers_memory(monty, program, error):
    [execution] = monty.run(program, [Call("f")], Limits(seconds=20, memory_mb=512))
    assert execution.outcome is Outcome.CRASHED and error in execution.error, execution
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", BOUNDED, program]
    grown = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}, check=True).stdout
    assert int(grown) < 64, "MiB that the caller took"


@pytest.mark.parametrize("word", ["assert", "in", "None", "def", "class"])
def test_a_word_of_the_language_in_a_docstring_is_no_function(monty, word):
    program = f"'''\ndef {word}(x):\nclass {word}:\n'''\ndef square(x): return x * x"
    [execution] = monty.run(program, [Asserts("assert square(3) == 9 and square(2) in [4] or None")], LIMITS)
    assert (execution.outcome, execution.value) == (Outcome.SCORED, True), execution


LINES = [
    ("NameError: name 'compile' is not defined", "name compile"),
    ("NameError: name 'compiled' is not defined", None),
    ("AttributeError: module 'sys' has no attribute 'stdin'", "sys.stdin"),
    ("AttributeError: module 'sys' has no attribute 'nothing'", None),
    ("AttributeError: module 'antigravity' has no attribute 'webbrowser'", None),
    ("AttributeError: 'str' object has no attribute 'format_map'", "str.format_map"),
    ("AttributeError: type object 'set' has no attribute 'intersection'", "set.intersection"),
    ("AttributeError: type object 'set' has no attribute 'nothing'", None),
    ("AttributeError: 'collections.defaultdict' object has no attribute 'get'", "collections.defaultdict.get"),
    ("AttributeError: 're.Match' object has no attribute 're'", "re.Match.re"),
    ("AttributeError: 'Counter' object has no attribute 'get'", "Counter.get"),
    ("AttributeError: 'antigravity.Match' object has no attribute 're'", None),
    ("NotImplementedError: Wildcard imports (`from ... import *`) are not supported", "Wildcard imports (`from ... import *`)"),
    ("ImportError: cannot import name 'sqrt' from 'math' (unknown location)", "math.sqrt"),
    ("ValueError: name 'compile' is not defined", None),
    ("RuntimeError: 'os.environ' is not supported in this environment", "'os.environ' is not supported in this environment"),
]


@pytest.mark.parametrize(("line", "lacks"), LINES)
def test_an_error_names_what_is_lacking_only_where_python_has_it(line, lacks):
    assert unsupported(line) == lacks


CALLER = """
import sys, threading
from rl_rewards.runtime.sandbox import Limits, Script, engine
made = engine("monty", workers=2)
made.run("print(1)", [Script()], Limits())
threading.Thread(target=made.run, args=("while True: pass", [Script()], Limits(seconds=2)), daemon=True).start()
made.run("print(1)", [Script()], Limits())
print("busy", flush=True)
sys.stdin.read()
"""


def test_workers_end_with_their_caller_a_busy_one_at_its_deadline():
    root = Path(__file__).parents[3]
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert caller.stdout.readline() == b"busy\n"
    handles = [os.pidfd_open(pid) for pid in descendants(caller.pid)]
    caller.kill()
    caller.communicate()
    assert handles
    for handle in handles:
        assert select.select([handle], [], [], 300)[0], "a worker outlived its caller and its deadline"
        os.close(handle)
