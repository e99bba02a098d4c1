"""What does scoring cost in one process, in several, and on Ray, and what would a thousand million completions take?

    .venv/bin/python scripts/bench/scale.py            # --quick: a sixth of the rows

One run on one machine, which prints
1. rules: rows a second, processor time, memory and time to the first block: one process, two, Ray with one worker and with two;
2. a scorer of 1 ms a row in blocks of 10,000 rows: what Ray adds to the local engine's time, and what two workers gain;
3. scaling without cores: a scorer that waits 20 ms a row, as for a sandbox elsewhere, in up to 16 processes;
4. a cost model fitted to runs of several sizes, and what it says of two sizes that it was not fitted to, beside what these took;
5. a table of 10^9 completions on 100 nodes, computed from the measured numbers, with every assumption. Nothing of that table was run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
from scale_memory import resident

from rl_rewards.scale.committing import Committing
from rl_rewards.scale.engines import Engine, Here, Processes
from rl_rewards.scale.ray_data import RayEngine
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.scale.run import Run
from rl_rewards.scale.splitting import split_of
from rl_rewards.tables.blocks import BlockSize
from rl_rewards.tables.sources import open_source

RULES = """
rewards:
- {name: correct, parse: {tag: answer}, score: {number_match: answer}}
- {name: format, weight: 0.5, score: {regex_match: "<answer>[^<]*</answer>"}}
- {name: brief, weight: 0.2, score: {soft_overlong: {max_tokens: 200, buffer_tokens: 50, unit: characters}}}
"""
WAITING = 'rewards: [{{name: slow, score: {{function: {{path: "slow.py:wait", args: {{seconds: {seconds}}}}}}}}}]\n'
FUNCTION = "import time\n\n\ndef wait(response, seconds, **kwargs):\n    time.sleep(seconds)\n    return 1.0\n"


@dataclass
class Timing:
    """A run: when its blocks were done, in seconds from its start, and what it used."""

    rows: int
    block_rows: int
    done: list[float] = field(default_factory=list)
    cpu: float = 0.0
    memory: int = 0

    @property
    def total(self) -> float:
        return self.done[-1]

    @property
    def first(self) -> float:
        return self.done[0]

    def steady(self, workers: int) -> float:
        """Seconds a row once every worker has given a block: what starting them takes is not in it."""
        return (self.done[-1] - self.done[workers - 1]) / (self.rows - workers * self.block_rows)


class Bench:
    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "slow.py").write_text(FUNCTION)
        self._outs = 0

    def data(self, rows: int) -> str:
        path = self.place / f"{rows}.jsonl"
        if not path.exists():
            with open(path, "w") as file:
                for i in range(rows):
                    answer = i // 8 * 7 % 100
                    row = {
                        "prompt": f"What is {i // 8} * 7 modulo 100?",
                        "completion": f"Let me see. <answer>{answer + i % 2}</answer>",
                        "answer": str(answer),
                    }
                    file.write(json.dumps(row) + "\n")
        return str(path)

    def rubric(self, text: str) -> str:
        path = self.place / f"rubric{abs(hash(text)) % 10**8}.yaml"
        path.write_text(text)
        return str(path)

    def run(self, engine: Engine, rubric: str, rows: int, block_rows: int) -> Timing:
        """Score rows into a directory of parts, as `rl-rewards score --out DIR` does."""
        reference, loaded = RubricReference.of(self.rubric(rubric))
        timing, self._outs = Timing(rows, block_rows), self._outs + 1
        timed = _Timed(engine, timing)
        run = Run(reference, loaded, open_source(self.data(rows)), timed, block_rows, None, True)
        with _measured(timing):
            assert sum(result.rows for result in run.to_directory(self.place / f"out{self._outs}", lambda size: None)) == rows
        return timing


class _Timed(Engine):
    """An engine whose scoring is timed: learning the columns' types comes before, and is not counted."""

    def __init__(self, engine: Engine, timing: Timing) -> None:
        self._engine, self._timing = engine, timing

    def map(self, work: Any, blocks: Any, advance: Any) -> Iterator[Any]:
        if not isinstance(work, Committing):
            yield from self._engine.map(work, blocks, advance)
            return
        started = time.perf_counter()
        for result in self._engine.map(work, blocks, advance):
            self._timing.done.append(time.perf_counter() - started)
            yield result


@contextlib.contextmanager
def _measured(timing: Timing) -> Iterator[None]:
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            timing.memory = max(timing.memory, resident(os.getpid()))

    thread = threading.Thread(target=watch, daemon=True)
    before = _cpu()
    thread.start()
    yield
    stop.set()
    thread.join()
    timing.cpu = _cpu() - before


def _cpu() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


@contextlib.contextmanager
def on_ray(bench: Bench, cpus: int) -> Iterator[tuple[RayEngine, float]]:
    """Ray on this machine, with as many workers as CPUs, and the seconds that it took to start."""
    _, rubric = RubricReference.of(bench.rubric(RULES))
    started = time.perf_counter()
    with RayEngine(split_of(rubric), None, cpus) as engine:
        yield engine, time.perf_counter() - started


def rules(bench: Bench, engines: dict[str, Engine], rows: int) -> dict[str, float]:
    """Part 1: rows a second, steady."""
    rates = {}
    for name, engine in engines.items():
        timing = bench.run(engine, RULES, rows, rows // 10)
        rates[name] = 1 / timing.steady(workers_of(name))
        print(f"  {name:18} {rates[name]:10,.0f} {timing.first:14.2f} s {timing.memory / 1e6:12,.0f} MB", flush=True)
    return rates


def millisecond(bench: Bench, engines: dict[str, Engine], block_rows: int) -> dict[str, tuple[float, float]]:
    """Part 2: seconds a row of a scorer that takes 1 ms: over the whole run, and once every worker has given a block."""
    found = {}
    for name, engine in engines.items():
        bench.run(engine, WAITING.format(seconds=0), 200, 100)  # processes of Ray are there
        timing = bench.run(engine, WAITING.format(seconds=0.001), 4 * workers_of(name) * block_rows, block_rows)
        found[name] = timing.total / timing.rows, timing.steady(workers_of(name))
        whole, steady = (1e3 * each for each in found[name])
        print(f"  {name:18} {whole:8.3f} ms a row in all, {steady:8.3f} ms steady, {len(timing.done)} blocks of {block_rows:,} rows", flush=True)
    return found


def workers_of(name: str) -> int:
    return 2 if "two" in name or "2" in name else 1


def waiting(bench: Bench, counts: list[int], rows_each: int) -> None:
    """Part 3: throughput of many processes that wait, as a share of what it would be without any cost."""
    seconds = 0.02
    for count in counts:
        engine = Here() if count == 1 else Processes(count)
        timing = bench.run(engine, WAITING.format(seconds=seconds), rows_each * count, 10)
        # Once every process has started and given its first block.
        begin = timing.done[min(count * 2, len(timing.done) - 2)]
        counted = (len(timing.done) - min(count * 2, len(timing.done) - 2) - 1) * 10
        ideal = counted * seconds / count
        print(f"  {count:3} processes {counted / (timing.total - begin):10,.0f} rows a second, {ideal / (timing.total - begin):6.1%} of ideal")


def model(bench: Bench, engines: dict[str, Engine], unit: int) -> dict[str, np.ndarray]:
    """Part 4: seconds = start + rows * row + blocks * block, by least squares, and two sizes that were held out."""
    sizes = [(2 * unit, unit // 2), (4 * unit, unit // 2), (4 * unit, unit), (8 * unit, 2 * unit), (unit, unit // 10)]
    held_out = [(6 * unit, unit), (12 * unit, 3 * unit // 2)]
    fitted = {}
    for name, engine in engines.items():
        measured = [bench.run(engine, WAITING.format(seconds=0.001), rows, block).total for rows, block in sizes]
        terms = np.array([[1.0, rows, -(-rows // block)] for rows, block in sizes])
        scale = 1 / np.array(measured)  # relative errors
        fitted[name], *_ = np.linalg.lstsq(terms * scale[:, None], np.ones(len(sizes)), rcond=None)
        start, row, per_block = fitted[name]
        print(f"  {name:18} start {start:6.2f} s, {1e3 * row:6.3f} ms a row, {1e3 * per_block:7.1f} ms a block", flush=True)
        for rows, block in held_out:
            took = bench.run(engine, WAITING.format(seconds=0.001), rows, block).total
            said = float(fitted[name] @ [1.0, rows, -(-rows // block)])
            print(
                f"  {'':18} held out: {rows:,} rows in blocks of {block:,}: model {said:.2f} s, took {took:.2f} s, {said / took - 1:+.1%}", flush=True
            )
    return fitted


def many_completions(bench: Bench, per_block: float, driver: float, rule_row: float) -> None:
    """Part 5."""
    rows, nodes, cores, block_rows, row_bytes = 10**9, 100, 32, 8192, 1000
    blocks = rows // block_rows
    data = Path(bench.data(200_000))
    source = open_source(data)
    started = time.perf_counter()
    for _ in source.blocks(BlockSize(block_rows)):
        pass
    source.digest()
    speed = data.stat().st_size / (time.perf_counter() - started)  # bytes a second, cut and hashed
    planning = rows * row_bytes / speed
    print(f"""
  computed from the numbers above, not run: {rows:,} completions of {row_bytes} bytes on {nodes} nodes of {cores} cores, blocks of {block_rows:,} rows
  assumptions
  - a core scores as one here does, under the load of this run: {1e6 * rule_row:.0f} µs a row for the three rules
  - every task costs {1e3 * per_block:.1f} ms beside its rows (fitted in part 4 with one worker: two wait for each other's last block), on its
    own core, whatever the number of nodes: not measured beyond two
  - the driver plans alone, and cuts and hashes JSONL at {speed / 1e6:,.0f} MB/s: {planning / 3600:.1f} h before the first block; Parquet is hashed only
  - the driver spends {1e3 * driver:.1f} ms on each of {blocks:,} blocks (measured here with blocks of one row): {blocks * driver / 3600:.1f} h, beside the scoring
  - storage and network give every node what it asks for; no node is lost; models, servers and their limits are not in here

  {"a row takes":>22} {"scoring":>12} {"driver":>10} {"planning":>10} {"all":>10}""")
    for name, cost in (("rules, as above", rule_row), ("1 ms", 1e-3), ("10 ms", 1e-2), ("100 ms", 1e-1)):
        scoring = (rows * cost + blocks * per_block) / (nodes * cores)
        total = planning + max(scoring, blocks * driver)
        print(f"  {name:>22} {scoring / 3600:10.2f} h {blocks * driver / 3600:8.2f} h {planning / 3600:8.2f} h {total / 3600:8.2f} h")


def driver_cost(bench: Bench, engine: Engine) -> float:
    """Seconds that a block takes which holds one row: what the driver can hand out and take back, at the least."""
    timing = bench.run(engine, WAITING.format(seconds=0), 200, 1)
    return (timing.total - timing.first) / (len(timing.done) - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a sixth of the rows")
    options = parser.parse_args()
    part = 6 if options.quick else 1
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        local: dict[str, Engine] = {"one process": Here(), "two processes": Processes(2)}
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n1. rules          rows a second   first block after   memory of all processes"
        )
        rates = rules(bench, local, 60_000 // part)
        print("\n2. 1 ms a row")
        timings = millisecond(bench, local, 10_000 // part)
        print("\n4. (local) the cost model, at 1 ms a row")
        fitted = model(bench, local, 1000 // (2 if options.quick else 1))
        driver = 0.0
        for cpus in (1, 2):
            with on_ray(bench, cpus) as (engine, seconds):
                name: dict[str, Engine] = {f"Ray, {cpus} worker{'s' * (cpus > 1)}": engine}
                print(f"\nRay with {cpus} CPU{'s' * (cpus > 1)}, started in {seconds:.1f} s\n1. rules")
                rates |= rules(bench, name, 60_000 // part)
                print("2. 1 ms a row")
                timings |= millisecond(bench, name, 10_000 // part)
                print("4. the cost model")
                fitted |= model(bench, name, 1000 // (2 if options.quick else 1))
                driver = driver_cost(bench, engine)
        print("\n3. scaling without cores: 20 ms of waiting a row, in blocks of 10")
        waiting(bench, [1, 2, 4, 8, 16], 200 // (2 if options.quick else 1))
        one, two, ray_one, ray_two = (timings[name] for name in ("one process", "two processes", "Ray, 1 worker", "Ray, 2 workers"))
        print(f"""
two processes are {one[1] / two[1]:.2f} times one at 1 ms a row, and {rates["two processes"] / rates["one process"]:.2f} times with rules, once they are there
Ray adds {ray_one[0] / one[0] - 1:.1%} to the local engine's time at 1 ms a row and blocks of {10_000 // part:,} rows; its two workers are {ray_one[0] / ray_two[0]:.2f} times one

5. a thousand million completions""")
        many_completions(bench, max(float(fitted["Ray, 1 worker"][2]), 0.0), driver, 1 / rates["one process"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
