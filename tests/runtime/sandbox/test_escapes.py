"""Hostile programs against each engine: contained, whatever else happens to them. Printed as a table by scripts/bench/escape_table.py."""

import pytest
from hostile_programs import HOSTILE, Outside, descendants

from rl_rewards.runtime.sandbox import Limits, Script
from rl_rewards.runtime.sandbox.cell.walls import WALLS
from rl_rewards.runtime.sandbox.process import ProcessEngine
from rl_rewards.types import Outcome

LIMITS, PATIENT = Limits(seconds=0.5, memory_mb=256), Limits(seconds=20)
NAMESPACES = ("user", "pid", "network", "mount", "ipc")


@pytest.fixture(scope="module")
def outside():
    with Outside() as outside:
        yield outside


@pytest.fixture(scope="module")
def container():
    """The process engine as in a container that has no namespaces to give."""
    engine = ProcessEngine(workers=2, without=NAMESPACES)
    yield engine
    engine.close()


@pytest.fixture(params=["process", "container", "monty"])
def engine(request):
    engine = request.getfixturevalue(request.param)
    # Once every kind of cell is warm, a process more or less is the program's doing.
    engine.submit(lambda program: engine.run(program, [Script()], PATIENT), ["print(1)"] * 4).result()
    return engine


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_is_contained(engine, outside, name):
    if engine.name == "process" and (lacking := set(engine.lacking()) - set(engine.without)):
        pytest.skip(f"this machine lacks {sorted(lacking)}: its programs are not to be set loose on it")
    before = descendants()
    [execution] = engine.run(outside.program(name), [Script()], LIMITS)
    assert "ESCAPED" not in execution.stdout
    assert outside.damage() == []
    assert descendants() <= before
    assert execution.outcome in (Outcome.SCORED, Outcome.TIMEOUT, Outcome.CRASHED, Outcome.UNSUPPORTED)
    [next_one] = engine.run("print(6 * 7)", [Script()], PATIENT)
    assert (next_one.outcome, next_one.stdout) == (Outcome.SCORED, "42\n")


# What each wall is worth, and that the programs above would tell: without the walls they get out. None of these harms the machine.
WITHOUT = [
    *((name, WALLS) for name, program in HOSTILE.items() if program.harmless),
    ("TCP connection", ("seccomp", "landlock", "network", "user")),
    ("UDP packet", ("seccomp", "network", "user")),
    ("reading the caller's files", ("landlock", "mount", "broker")),
    ("writing outside", ("landlock", "mount", "seccomp")),
    ("sleeping children", ("seccomp",)),
]


@pytest.fixture(scope="module")
def without_walls():
    """Engines by the walls that they do without."""
    engines = {}

    def engine(without):
        if without not in engines:
            engines[without] = ProcessEngine(workers=1, without=without)
        return engines[without]

    yield engine
    for each in engines.values():
        each.close()


@pytest.mark.parametrize(("name", "without"), WITHOUT)
def test_the_same_program_gets_out_where_the_walls_are_left_out(without_walls, outside, name, without):
    try:
        for _ in range(50):  # those that race win not every time on a busy machine
            [execution] = without_walls(without).run(outside.program(name), [Script()], PATIENT)
            if "ESCAPED" in execution.stdout or outside.damage():
                return
        raise AssertionError(f"contained without walls: {execution}")
    finally:
        outside.clear()


@pytest.mark.parametrize("without", [("seccomp",), ("seccomp", "pid"), ("seccomp", "user", "pid", "mount", "network", "ipc"), WALLS])
@pytest.mark.parametrize("name", ["sleeping children", "orphans in sessions of their own"])
def test_no_orphan_outlives_its_call_even_where_programs_may_fork(outside, name, without):
    engine = ProcessEngine(workers=1, without=without)
    try:
        engine.run("print(1)", [Script()], PATIENT)
        before = descendants()
        [execution] = engine.run(outside.program(name), [Script()], PATIENT)
        assert "ESCAPED" in execution.stdout
        assert descendants() <= before
    finally:
        engine.close()


def test_a_fork_of_a_program_that_runs_out_of_time_is_killed_with_it():
    engine = ProcessEngine(workers=1, without=("seccomp",))
    try:
        engine.run("print(1)", [Script()], PATIENT)
        before = descendants()
        [execution] = engine.run("import os\nos.fork()\nos.fork()\nwhile True: pass", [Script()], LIMITS)
        assert execution.outcome is Outcome.TIMEOUT
        assert descendants() <= before
    finally:
        engine.close()
