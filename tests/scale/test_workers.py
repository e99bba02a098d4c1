"""`rl-rewards score --workers N`: the bytes of one process, whatever happens to the processes."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from scale_place import Late, start

from rl_rewards.scale.processes import in_processes
from rl_rewards.tables.blocks import Block

ONE, TWO = ("--workers", "1"), ("--workers", "2")


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
def test_two_processes_write_the_bytes_and_the_numbers_of_one(place, score, out):
    options = ("--block-rows", "50", "--summary", "--json", "numbers.json")
    runs = []
    for workers in (ONE, TWO):
        done = score("rubric.yaml", "data.jsonl", "--out", out, *options, *workers)
        runs.append((done.exit_code, done.stdout, done.stderr, (place / out).read_bytes(), (place / "numbers.json").read_bytes()))
    assert runs[0] == runs[1]
    assert runs[0][0] == 1 and "7 of 607 rows were left out" in runs[0][2] and runs[0][2].startswith("data.jsonl:7: not JSON")


@pytest.mark.parametrize("data", ["data.csv", "data.parquet", "list.json"])
def test_every_kind_of_file_can_be_split(place, score, data):
    import pyarrow.csv
    import pyarrow.parquet

    rows = [json.loads(line) for line in (place / "data.jsonl").read_text().splitlines() if line.startswith("{")]
    table = pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, "data.parquet", row_group_size=70)
    pyarrow.csv.write_csv(table, "data.csv")
    (place / "list.json").write_text(json.dumps(rows))
    for workers in (ONE, TWO):
        assert score("rubric.yaml", data, "--out", f"{workers[1]}.jsonl", "--block-rows", 50, *workers).exit_code == 0
    assert (place / "1.jsonl").read_bytes() == (place / "2.jsonl").read_bytes()


def test_group_rewards_see_whole_groups_wherever_blocks_end(place, score):
    assert score("rubric.yaml", "data.jsonl", "--out", "out.jsonl", "--block-rows", 2, *TWO).exit_code == 1
    rows = [json.loads(line) for line in open("out.jsonl")]
    sizes = {}
    for row in rows:
        sizes[row["prompt"]] = sizes.get(row["prompt"], 0) + 1
    neighbours = [row["prompt"] for i, row in enumerate(rows) if i == 0 or rows[i - 1]["prompt"] != row["prompt"]]
    assert len(set(neighbours)) == len(neighbours)
    assert all(row["scores"]["share"] == 1 / sizes[row["prompt"]] for row in rows)


def test_a_killed_worker_costs_nothing(place, score):
    (place / "crash.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:crash"}}]')
    (place / "data.jsonl").write_text("".join(json.dumps({"prompt": "q", "completion": "crash" if i == 350 else "x" * i}) + "\n" for i in range(500)))
    assert score("crash.yaml", "data.jsonl", "--out", "one.jsonl").exit_code == 0
    (place / "crash").touch()
    done = score("crash.yaml", "data.jsonl", "--out", "two.jsonl", "--block-rows", 20, *TWO)
    assert done.exit_code == 0 and "a process ended by SIGKILL while it scored block 17, which is scored again" in done.stderr
    assert (place / "two.jsonl").read_bytes() == (place / "one.jsonl").read_bytes()


def test_a_block_that_ends_every_process_is_named(place, score):
    (place / "crash.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:crash"}}]')
    (place / "data.jsonl").write_text("".join(json.dumps({"prompt": "q", "completion": "always" if i == 70 else "x"}) + "\n" for i in range(100)))
    done = score("crash.yaml", "data.jsonl", "--out", "out.jsonl", "--block-rows", 20, *TWO)
    assert done.exit_code == 2 and "Traceback" not in done.stderr and not (place / "out.jsonl").exists()
    assert "error: block 3 (behind row 60) ended 3 processes that scored it, the last by SIGKILL" in done.stderr


def test_an_error_of_a_worker_is_the_error_of_one_process(place, score):
    (place / "stop.yaml").write_text('rewards: [{name: r, on_error: raise, score: {function: "mine.py:stop"}}]')
    (place / "data.jsonl").write_text("".join(json.dumps({"prompt": "q", "completion": "stop" if i in (45, 90) else "x"}) + "\n" for i in range(100)))
    told = [score("stop.yaml", "data.jsonl", "--out", "out.jsonl", "--block-rows", 20, *workers) for workers in (ONE, TWO)]
    assert [done.exit_code for done in told] == [2, 2] and told[0].stderr == told[1].stderr and "no such response: stop" in told[0].stderr
    assert not (place / "out.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command_and_no_half_of_a_file_is_left(place, number):
    (place / "mine.py").write_text(
        "import os, time\ndef slow(response, **kwargs):\n    open('pids', 'a').write(f'{os.getpid()}\\n')\n    time.sleep(10_000)\n    return 1.0\n"
    )
    (place / "slow.yaml").write_text('rewards: [{name: r, score: {function: "mine.py:slow"}}]')
    process = start("slow.yaml", "data.jsonl", "--out", "out.jsonl", "--block-rows", 10, *TWO)
    while not Path("pids").exists() or len(set(Path("pids").read_text().split())) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    assert process.wait(300) in (130, -number)
    for pid in set(Path("pids").read_text().split()):
        while _runs(int(pid)):
            time.sleep(0.02)
    left = {name for name in os.listdir(place) if name.startswith((".out", "out"))}
    assert not left or number == signal.SIGKILL


def _runs(pid):
    try:
        return open(f"/proc/{pid}/stat").read().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("rubric", "why"),
    [
        ('{name: m, score: {"mine.py:Length": {}}}', "reward 'm' loads a model"),
        ("{name: j, score: {http: 'http://127.0.0.1:9/'}}", "reward 'j' calls a server"),
    ],
)
def test_what_cannot_be_split_is_said_and_scored_in_one_process(place, score, rubric, why):
    (place / "r.yaml").write_text(f"rewards: [{rubric}]")
    (place / "data.jsonl").write_text(json.dumps({"prompt": "q", "completion": "x"}) + "\n")
    done = score("r.yaml", "data.jsonl", "--out", "out.jsonl", *TWO)
    assert done.exit_code in (0, 1) and f"rows are scored in one process, whatever --workers says: {why}" in done.stderr


@pytest.mark.parametrize(("out", "workers"), [("out.jsonl", 1), ("out.parquet", 1), ("out", 1), ("out.jsonl", 2)])
def test_an_output_that_does_not_fit_is_named_and_no_half_of_a_file_is_left(place, out, workers):
    small = ["-c", "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
             "from rl_rewards.cli import app; app(sys.argv[1:])", "score"]  # fmt: skip
    said = start("rubric.yaml", "data.jsonl", "--out", out, "--workers", workers, command=small)
    message = said.communicate()[1].splitlines()[-1]
    assert message.startswith(f"error: {out}: ") and message.endswith("File too large") and said.returncode == 2
    assert not [name for name in os.listdir(place) if name.startswith((".out", "out."))]


def test_a_result_that_is_late_holds_back_no_more_than_a_few_blocks():
    asked = []

    def blocks():
        for i in range(100):
            asked.append(i)
            yield Block(i, i, i + 1, i, 1)

    results = in_processes(Late(), blocks(), 2)
    assert next(results) == 0 and len(asked) <= 10
    assert list(results) == list(range(1, 100))
