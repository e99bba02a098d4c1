"""Both engines as one: the first that can run a program runs it, and the last one's word is final."""

import pytest

from rl_rewards.runtime.sandbox import Asserts, Call, Limits, Script, engine
from rl_rewards.runtime.sandbox.chain import EngineChain
from rl_rewards.types import Outcome

LIMITS = Limits(seconds=20)

PROGRAMS = [
    ("print(1)", Script(), "scored", "1\n"),
    ("import heapq\nprint(heapq.nsmallest(1, [2, 1]))", Script(), "scored", "[1]\n"),
    ("class Odd(Exception): pass\ntry:\n    raise Odd\nexcept Odd:\n    print('caught')", Script(), "scored", "caught\n"),
    ("import sys\nprint(sys.stdin.read())", Script("x"), "scored", "x\n"),
    ("1 / 0", Script(), "crashed", ""),
]


@pytest.fixture
def chain(monty, process):
    return EngineChain([monty, process])


@pytest.mark.parametrize(("program", "case", "outcome", "stdout"), PROGRAMS)
def test_what_one_engine_lacks_the_next_one_runs(chain, program, case, outcome, stdout):
    [execution] = chain.run(program, [case], LIMITS)
    assert (execution.outcome, execution.stdout) == (outcome, stdout)


def test_only_the_cases_that_need_it_go_on(chain, process, monkeypatch):
    gone_on = []
    run = process.run
    monkeypatch.setattr(process, "run", lambda program, cases, limits, **options: gone_on.extend(cases) or run(program, cases, limits))
    program = "n = int(input())\nif n: import heapq\nprint(n)"
    executions = chain.run(program, [Script("0"), Script("1"), Script("0")], LIMITS)
    assert [execution.stdout for execution in executions] == ["0\n", "1\n", "0\n"]
    assert gone_on == [Script("1")]


def test_a_deadline_is_not_paid_twice(chain):
    [execution] = chain.run("while True: pass", [Script()], Limits(seconds=0.3))
    assert execution.outcome is Outcome.TIMEOUT


def test_calls_asserts_and_the_users_own_code_go_through_it_too(chain):
    program = "import heapq\ndef f(x): return heapq.nsmallest(1, x)"
    assert chain.run(program, [Call("f", [[3, 2]]), Asserts("assert f([5]) == [5]")], LIMITS)[0].value == [2]
    assert chain.run_trusted(program, [Call("f", [[3, 2]])], LIMITS)[0].value == [2]


FAIL_IN_MONTY = [  # origin: MBPP, whose own programs pass
    ("def f(xs): return next((x for x in xs if x % 2 == 0), -1)", "assert f([1, 4]) == 4"),
    ("def f(xs): return list(map(list.__add__, *xs))", "assert f([[[1]], [[2]]]) == [[1, 2]]"),
    ("def f(a, b): return tuple(set(a) & set(b))", "assert f((3, 4, 5, 6), (5, 7, 4, 10)) == (4, 5)"),
    ("import re\ndef f(s): return re.sub('(.)([A-Z][a-z]+)', r'\\1_\\2', s)", "assert f('aB' + 'c') == 'a_Bc'"),
]


@pytest.mark.parametrize(("program", "tests"), FAIL_IN_MONTY, ids=["next", "list.__add__", "order of sets", "re.sub"])
def test_asserts_that_fail_in_one_engine_are_the_next_ones_to_judge(chain, program, tests):
    [right, wrong] = chain.run(program, [Asserts(tests), Asserts("assert f([[[1]]]) == 'wrong'")], LIMITS)
    assert (right.outcome, right.value) == (Outcome.SCORED, True)
    assert (wrong.outcome, wrong.value) == (Outcome.SCORED, False)


def test_an_engine_is_made_once_for_all_who_ask_for_the_same():
    assert engine("process") is engine("process")
    assert engine("process") is not engine("process", workers=1)
    assert engine("monty", "process").engines == (engine("monty"), engine("process"))


@pytest.mark.parametrize("names", [(), ("docker",), ("monty", "monty")])
def test_wrong_names_are_refused(names):
    with pytest.raises(ValueError, match="engines must be one or more of \\['process', 'monty'\\]"):
        engine(*names)
