"""Hostile programs against each engine, as the Markdown table of rl_rewards/runtime/sandbox/README.md.

    python scripts/bench/escape_table.py                 # about a minute
    python scripts/bench/escape_table.py --unprotected   # also with every wall left out, for the programs that do no harm

Each program of tests/runtime/sandbox/hostile_programs.py runs once in each engine. It is contained when it did not reach what it is after,
nothing outside was touched, no process and no file of it is left, it was scored and not excused, and the next program runs as if nothing had
been. Fails when one is not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "runtime" / "sandbox"))

from hostile_programs import GROUPS, HOSTILE, Outside, descendants  # noqa: E402

from rl_rewards.runtime.sandbox import Engine, Execution, Limits, Script  # noqa: E402
from rl_rewards.runtime.sandbox.cell.walls import WALLS  # noqa: E402
from rl_rewards.runtime.sandbox.monty import MontyEngine  # noqa: E402
from rl_rewards.runtime.sandbox.process import ProcessEngine  # noqa: E402
from rl_rewards.runtime.sandbox.scratches import PREFIX  # noqa: E402

LIMITS, PATIENT = Limits(seconds=1, memory_mb=256), Limits(seconds=20)
NAMESPACES = ("user", "pid", "network", "mount", "ipc")
UNPROTECTED = "process, no walls"


def trial(engine: Engine, outside: Outside, name: str) -> tuple[bool, str]:
    """Whether the program was contained, and what came of it."""
    before = descendants()
    [execution] = engine.run(outside.program(name), [Script()], LIMITS)
    damage = outside.damage()
    if "ESCAPED" in execution.stdout:
        damage.insert(0, "it got what it was after")
    if left := descendants() - before:
        damage.append(f"{len(left)} processes are left")
    if execution.outcome == "error":
        damage.append(f"it has no score: {execution.error}")
    then = "import os\nprint(6 * 7, os.listdir())" if engine.name == "process" else "print(6 * 7, [])"  # monty has no os.listdir
    if engine.run(then, [Script()], PATIENT)[0].stdout != "42 []\n":
        damage.append("the next program did not run as if nothing had been")
    if damage:
        return False, f"**OUT**: {'; '.join(damage)}"
    return True, _ending(execution)


def _ending(execution: Execution) -> str:
    """How a contained program ended, in few words."""
    error = execution.error or ""
    if execution.outcome == "unsupported":
        return f"has no {error.replace(' is not supported in this environment', '')}"
    if execution.outcome == "crashed":
        kind = error.partition(":")[0]
        return f"`{kind}`" if kind.isidentifier() else error.partition(" (")[0]
    return {"scored": "got nothing", "timeout": "out of time", "error": "error"}[execution.outcome]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--unprotected", action="store_true", help="a fourth column: the process engine without its walls")
    engines: dict[str, Engine] = {
        "process": ProcessEngine(workers=1), "process, no namespaces": ProcessEngine(workers=1, without=NAMESPACES),
        "monty": MontyEngine(workers=1),
    }  # fmt: skip
    if arguments.parse_args().unprotected:
        engines[UNPROTECTED] = ProcessEngine(workers=1, without=WALLS)
    if lacking := ProcessEngine(workers=1).lacking():
        print(f"This machine lacks the walls {', '.join(lacking)}: hostile programs are not to be set loose on it.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as tempfile.tempdir:  # scratch directories of this run alone
        out = compare(engines)
        for engine in engines.values():
            engine.close()
        left = [name for name in os.listdir(tempfile.tempdir) if name.startswith(PREFIX)]
    print(f"\nScratch directories left behind: {len(left)}.")
    return int(bool(out or left))


def compare(engines: dict[str, Engine]) -> list[str]:
    """Print the table. Returns which programs got out of an engine with walls."""
    out, contained = [], dict.fromkeys(engines, 0)
    print(f"| program | may not | {' | '.join(engines)} |\n|---|---|{'---|' * len(engines)}")
    with Outside() as outside:
        for engine in engines.values():
            engine.run("print(1)", [Script()], PATIENT)
        for group, programs in GROUPS.items():
            print(f"| **{group}: {len(programs)}** |{' |' * (len(engines) + 1)}")
            for name, program in programs.items():
                cells = []
                for label, engine in engines.items():
                    if label == UNPROTECTED and not program.harmless:
                        cells.append("not tried")
                        continue
                    held, text = trial(engine, outside, name)
                    contained[label] += held
                    cells.append(text if label != UNPROTECTED else "got out" if not held else text)
                    if not held:
                        outside.clear()
                        if label != UNPROTECTED:
                            out.append(f"{label}: {name}")
                print(f"| {name} | {program.may_not} | {' | '.join(cells)} |", flush=True)
    counts = " | ".join(f"**{contained[label]} of {len(HOSTILE)}**" if label != UNPROTECTED else "" for label in engines)
    print(f"| **contained** | | {counts} |")
    return out


if __name__ == "__main__":
    sys.exit(main())
