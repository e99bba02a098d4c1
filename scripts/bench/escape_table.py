"""Hostile programs against each engine, as the Markdown table of the README's security section.

    python scripts/bench/escape_table.py                 # half a minute
    python scripts/bench/escape_table.py --unprotected   # also with every wall left out, for the programs that do no harm

Each program of tests/runtime/sandbox/hostile_programs.py runs once in each engine. It is contained when it did not reach what it is after,
nothing outside was touched, no process of it is left, and the next program runs as if nothing had been. Fails when one is not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "runtime" / "sandbox"))

from hostile_programs import HARMLESS, HOSTILE, Outside, descendants  # noqa: E402

from rl_rewards.runtime.sandbox import Engine, Execution, Limits, Script  # noqa: E402
from rl_rewards.runtime.sandbox.cell.walls import WALLS  # noqa: E402
from rl_rewards.runtime.sandbox.monty import MontyEngine  # noqa: E402
from rl_rewards.runtime.sandbox.process import ProcessEngine  # noqa: E402

LIMITS = Limits(seconds=2, memory_mb=256)


def trial(engine: Engine, outside: Outside, name: str) -> tuple[bool, str]:
    """Whether the program was contained, and what came of it."""
    before = descendants()
    [execution] = engine.run(outside.program(name), [Script()], LIMITS)
    damage = outside.damage()
    if "ESCAPED" in execution.stdout:
        damage.insert(0, "it got what it was after")
    if left := descendants() - before:
        damage.append(f"{len(left)} processes are left")
    if engine.run("print(6 * 7)", [Script()], LIMITS)[0].stdout != "42\n":
        damage.append("the next program did not run")
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
    return {"scored": "got nothing", "timeout": "out of time"}[execution.outcome]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--unprotected", action="store_true", help="a third column: the process engine without its walls")
    engines: dict[str, Engine] = {"process": ProcessEngine(workers=1), "monty": MontyEngine(workers=1)}
    if arguments.parse_args().unprotected:
        engines["process without walls"] = ProcessEngine(workers=1, without=WALLS)
    lacking = engines["process"].lacking()  # type: ignore[attr-defined]
    if lacking:
        print(f"This machine lacks the walls {', '.join(lacking)}: hostile programs are not to be set loose on it.", file=sys.stderr)
        return 2
    out, contained = [], dict.fromkeys(engines, 0)
    print(f"| program | {' | '.join(f'`{name}`' for name in engines)} |\n|---|{'---|' * len(engines)}")
    with Outside() as outside:
        for engine in engines.values():
            engine.run("print(1)", [Script()], LIMITS)
        for name in HOSTILE:
            cells = []
            for label, engine in engines.items():
                if label == "process without walls" and name not in HARMLESS:
                    cells.append("not tried")
                    continue
                held, text = trial(engine, outside, name)
                contained[label] += held
                cells.append(text)
                if not held and label != "process without walls":
                    out.append(f"{label}: {name}")
                outside.clear()
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(
        f"| **contained** | {' | '.join(f'**{contained[label]} of {len(HOSTILE)}**' for label in list(engines)[:2])} |"
        + (" |" if len(engines) > 2 else "")
    )
    for engine in engines.values():
        engine.close()
    return int(bool(out))


if __name__ == "__main__":
    sys.exit(main())
