"""Is memory flat over ten million rows, and are the bytes of `--workers N` those of one process?

    .venv/bin/python scripts/bench/scale_memory.py --rows 10000000 --place DIR

Writes a data set, scores it with one rule by `--workers 2` and by one process, and prints every command's resident memory (all of its processes
together) by the rows that it has read, its rows a second, and whether the two outputs are equal. Needs about 500 bytes of disk a row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

RUBRIC = 'rewards: [{name: correct, parse: {tag: answer}, score: {string_match: "{{references.answer}}"}}]\n'


def write_data(path: Path, rows: int) -> None:
    """Rows in groups of eight to a prompt; six in ten are right."""
    with open(path, "w") as file:
        for i in range(rows):
            question, answer = i // 8, (i // 8 * 7) % 100
            given = answer if i * 2654435761 % 100 < 60 else answer + 1
            row = {"prompt": f"{question} * 7 modulo 100?", "completion": f"It is <answer>{given}</answer>", "answer": str(answer)}
            file.write(json.dumps(row) + "\n")


def processes_of(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def resident(pid: int) -> int:
    """Resident memory of a process and its descendants, in bytes; 0 when it is gone."""
    pages = 0
    for each in processes_of(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_so_far(pid: int, data: Path) -> int:
    """Bytes of the data that the command has gone over, by the place in its open file."""
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if os.path.realpath(link) == os.path.realpath(data):
                return int(Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split()[1])
    except OSError:
        pass
    return 0


def score(place: Path, data: Path, out: Path, workers: int, rows: int) -> None:
    size, started, shares = data.stat().st_size, time.monotonic(), []
    command = [sys.executable, "-m", "rl_rewards", "score", str(place / "rubric.yaml"), str(data), "--out", str(out), "--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    print(f"\n--workers {workers}\n  rows read     resident   seconds", flush=True)
    while process.poll() is None:
        time.sleep(0.5)
        share = read_so_far(process.pid, data) / size
        if share and len(shares) < 20 * share:
            shares.append(share)
            print(f"{share * rows:12,.0f} {resident(process.pid) / 1e6:9.0f} MB {time.monotonic() - started:9.0f}", flush=True)
    seconds = time.monotonic() - started
    print(
        f"  {rows / seconds:,.0f} rows a second; status {process.returncode}; {process.stderr.read().splitlines()[-1] if process.stderr else ''}",
        flush=True,
    )


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--place", type=Path, required=True, help="a directory for data and outputs, which stay")
    options = arguments.parse_args()
    options.place.mkdir(exist_ok=True, parents=True)
    (options.place / "rubric.yaml").write_text(RUBRIC)
    data = options.place / "data.jsonl"
    write_data(data, options.rows)
    print(f"{options.rows:,} rows, {data.stat().st_size / 1e6:,.0f} MB", flush=True)
    outs = [options.place / f"scored{workers}.jsonl" for workers in (2, 1)]
    for out, workers in zip(outs, (2, 1)):
        score(options.place, data, out, workers, options.rows)
    digests = list(map(digest, outs))
    print(f"\nsha256 {digests[0][:16]} and {digests[1][:16]}: {'equal' if digests[0] == digests[1] else 'DIFFERENT'}")
    return digests[0] != digests[1]


if __name__ == "__main__":
    sys.exit(main())
