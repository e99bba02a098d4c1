"""Hostile programs against each engine: contained, whatever else happens to them. Printed as a table by scripts/bench/escape_table.py."""

import pytest
from hostile_programs import HARMLESS, HOSTILE, Outside, descendants

from rl_rewards.runtime.sandbox import Limits, Script
from rl_rewards.runtime.sandbox.cell.walls import WALLS
from rl_rewards.runtime.sandbox.process import ProcessEngine
from rl_rewards.types import Outcome

LIMITS = Limits(seconds=1, memory_mb=256)


@pytest.fixture(scope="module")
def outside():
    with Outside() as outside:
        yield outside


@pytest.fixture(params=["process", "monty"])
def engine(request):
    engine = request.getfixturevalue(request.param)
    # Once every kind of cell is warm, a process more or less is the program's doing.
    engine.submit(lambda program: engine.run(program, [Script()], LIMITS), ["print(1)"] * 8).result()
    return engine


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_is_contained(engine, outside, name):
    if engine.name == "process" and engine.lacking():
        pytest.skip(f"this machine lacks {engine.lacking()}: its programs are not to be set loose on it")
    before = descendants()
    [execution] = engine.run(outside.program(name), [Script()], LIMITS)
    assert "ESCAPED" not in execution.stdout
    assert outside.damage() == []
    assert descendants() <= before
    assert execution.outcome in (Outcome.SCORED, Outcome.TIMEOUT, Outcome.CRASHED, Outcome.UNSUPPORTED)
    [next_one] = engine.run("print(6 * 7)", [Script()], LIMITS)
    assert (next_one.outcome, next_one.stdout) == (Outcome.SCORED, "42\n")


# What each wall is worth, and that the programs above would tell: without the walls they get out. None of these harms the machine.
WITHOUT = [
    *((name, WALLS) for name in HARMLESS),
    ("TCP connection", ("seccomp", "landlock", "network", "user")),
    ("UDP packet", ("seccomp", "network", "user")),
    ("reading the caller's files", ("landlock", "mount", "broker")),
    ("writing outside", ("landlock", "mount", "seccomp")),
    ("sleeping children", ("seccomp",)),
]


@pytest.mark.parametrize(("name", "without"), WITHOUT)
def test_the_same_program_gets_out_where_the_walls_are_left_out(outside, name, without):
    engine = ProcessEngine(workers=1, without=without)
    try:
        [execution] = engine.run(outside.program(name), [Script()], Limits(seconds=10))
        assert "ESCAPED" in execution.stdout or outside.damage()
    finally:
        engine.close()
        outside.clear()


@pytest.mark.parametrize("without", [("seccomp",), ("seccomp", "pid"), ("seccomp", "user", "pid", "mount", "network", "ipc"), WALLS])
@pytest.mark.parametrize("name", ["sleeping children", "orphans in sessions of their own"])
def test_no_orphan_outlives_its_call_even_where_programs_may_fork(outside, name, without):
    engine = ProcessEngine(workers=1, without=without)
    try:
        engine.run("print(1)", [Script()], LIMITS)
        before = descendants()
        [execution] = engine.run(outside.program(name), [Script()], LIMITS)
        assert "ESCAPED" in execution.stdout
        assert descendants() <= before
    finally:
        engine.close()


def test_a_fork_of_a_program_that_runs_out_of_time_is_killed_with_it():
    engine = ProcessEngine(workers=1, without=("seccomp",))
    try:
        engine.run("print(1)", [Script()], LIMITS)
        before = descendants()
        [execution] = engine.run("import os\nos.fork()\nos.fork()\nwhile True: pass", [Script()], LIMITS)
        assert execution.outcome is Outcome.TIMEOUT
        assert descendants() <= before
    finally:
        engine.close()
