"""kill -9 of a worker, of a second node and of the driver: is every row there once, with its score?

    .venv/bin/python scripts/bench/scale_kills.py --rounds 10

`rl-rewards score --engine ray` runs on a cluster of two nodes on this machine, over rows with one function that takes 2 ms a row. In each round,
at a moment drawn at random, a process that scores is killed, or the raylet of the second node, or the command itself, which is typed again. Each
directory is compared with that of an uninterrupted run of one process: the same files, and every row once, with its score. The exit status is 0 only if
all are equal. A peer that only counts rows would pass with a block doubled and another lost; the ids are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # on a busy machine

import pyarrow.parquet as pq
from ray.cluster_utils import Cluster

BLOCK = 100
FUNCTION = """
import time


def slow(response, **kwargs):
    time.sleep(0.002)
    return 1.0 + len(response) % 7
"""
RUBRIC = """
rewards:
- {name: slow, score: {function: "slow.py:slow"}}
- {name: correct, parse: {tag: answer}, score: {number_match: answer}}
"""


def write_inputs(place: Path, rows: int) -> None:
    (place / "slow.py").write_text(FUNCTION)
    (place / "rubric.yaml").write_text(RUBRIC)
    with open(place / "data.jsonl", "w") as file:
        for i in range(rows):
            row = {"id": i, "prompt": f"{i // 4}?", "completion": f"<answer>{i % 3}</answer>" + "x" * (i % 11), "answer": "1"}
            file.write(json.dumps(row) + "\n")


def command(place: Path, out: str, *options: str) -> subprocess.Popen:
    arguments = ["score", "rubric.yaml", "data.jsonl", "--out", out, "--block-rows", str(BLOCK), *options]
    return subprocess.Popen([sys.executable, "-m", "rl_rewards", *arguments], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _cluster(tries: int = 3) -> Cluster:
    """A cluster of one node. Ray gives a node 30 s to start, which are too few on a busy machine."""
    while True:
        tries -= 1
        try:
            return Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 200 << 20})
        except Exception:
            if not tries:
                raise


def parts_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.suffix in (".parquet", ".json")}


def commits(directory: Path) -> int:
    return len(list(directory.glob("_commits/[0-9]*.json")))


def workers_at_work(cluster: Cluster) -> list[int]:
    """Processes of the cluster, and of no other on this machine, that run a stage of ours."""
    found, raylets = [], {node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()}
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and (path / "cmdline").read_bytes().startswith(b"ray::Map("):
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                found += [int(path.name)] if parent in raylets else []
        except OSError:
            continue
    return found


class Rounds:
    def __init__(self, place: Path, rows: int, seed: int) -> None:
        self.place, self.rows = place, rows
        self.random = random.Random(seed)
        self.cluster = _cluster()
        self.second = self._add()
        one = command(place, "one")
        said = one.communicate()[0]
        assert one.returncode == 0, said
        self.expected = parts_of(place / "one")

    def _add(self) -> Any:
        return self.cluster.add_node(num_cpus=1, object_store_memory=200 << 20)

    def start(self, out: str) -> subprocess.Popen:
        return command(self.place, out, "--engine", "ray", "--address", self.cluster.address)

    def until_some_are_done(self, process: subprocess.Popen, out: str) -> int:
        """Wait for a number of blocks drawn at random; it returns how many were done."""
        blocks = -(-self.rows // BLOCK)
        wanted = self.random.randint(1, max(1, blocks * 2 // 3))
        while commits(self.place / out) < wanted and process.poll() is None:
            time.sleep(0.01)
        return commits(self.place / out)

    def worker(self, out: str) -> tuple[str, subprocess.Popen]:
        process = self.start(out)
        done = self.until_some_are_done(process, out)
        while not (found := workers_at_work(self.cluster)) and process.poll() is None:
            time.sleep(0.002)
        killed = 0
        for pid in found[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        return f"{killed} worker killed after {done} blocks", process

    def raylet(self, out: str) -> tuple[str, subprocess.Popen]:
        process = self.start(out)
        done = self.until_some_are_done(process, out)
        raylet = self.second.all_processes["raylet"][0].process
        os.kill(raylet.pid, signal.SIGKILL)
        return f"second node's raylet killed after {done} blocks", process

    def driver(self, out: str) -> tuple[str, subprocess.Popen]:
        process = self.start(out)
        done = self.until_some_are_done(process, out)
        process.kill()
        process.wait()
        return f"command killed after {done} blocks, typed again", self.start(out)

    def after(self, kind: str) -> None:
        if kind == "raylet":
            self.cluster.remove_node(self.second, allow_graceful=False)
            self.second = self._add()

    def differences(self, out: str) -> str:
        """What differs from the uninterrupted run; empty where nothing does."""
        found = parts_of(self.place / out)
        if found == self.expected:
            return ""
        rows = [row for path in sorted((self.place / out).glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]
        ids = [row["id"] for row in rows]
        zeroed = sum(row["scores"]["slow"] == 0 for row in rows)
        return f"{self.rows - len(set(ids))} lost, {len(ids) - len(set(ids))} doubled, {zeroed} zeroed, {sorted(set(found) ^ set(self.expected))[:3]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="of each kind")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=["worker", "raylet", "driver"], choices=["worker", "raylet", "driver"])
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_inputs(place, options.rows)
        rounds = Rounds(place, options.rows, options.seed)
        try:
            for kind in options.kinds:
                equal = 0
                for number in range(options.rounds):
                    out, started = f"{kind}{number}", time.monotonic()
                    what, process = getattr(rounds, kind)(out)
                    said = process.communicate()[0]
                    differs = f"status {process.returncode}: {said[-500:]}" if process.returncode else rounds.differences(out)
                    print(f"{kind:7} {number + 1:2}: {what}; {differs or 'equal'} ({time.monotonic() - started:.0f} s)", flush=True)
                    equal += not differs
                    rounds.after(kind)
                print(f"{kind}: {equal} of {options.rounds} rounds equal to the uninterrupted run", flush=True)
                wrong += options.rounds - equal
        finally:
            rounds.cluster.shutdown()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
