"""The command line as a process: what it loads, holds in memory and draws."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rl_rewards import __version__

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
COMMAND = [sys.executable, "-m", "rl_rewards.cli"]

# Runs the command line, then prints its peak memory in KiB. Not that of getrusage(), which counts what started the process, too.
MEASURED = """
import re, sys
from rl_rewards.cli import app
app(sys.argv[1:], standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def test_help_names_the_verbs_and_loads_nothing_heavy():
    code = """
import sys
from rl_rewards.cli import app
try:
    app(["--help"])
finally:
    print(sorted({"torch", "trl", "transformers", "pydantic", "yaml", "pyarrow"} & sys.modules.keys()))
"""
    told = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    for verb in ("validate", "preview", "score", "schema"):
        assert verb in told.stdout
    assert told.returncode == 0 and told.stdout.endswith("[]\n")


def test_scoring_rules_loads_no_torch(place):
    code = "import sys\nfrom rl_rewards.cli import app\napp(sys.argv[1:], standalone_mode=False)\nprint({'torch', 'trl', 'transformers'} & sys.modules.keys())"
    arguments = ["score", "rubric.yaml", "data.jsonl", "--out", "out.parquet"]
    told = subprocess.run([sys.executable, "-c", code, *arguments], env=ENVIRONMENT, capture_output=True, text=True)
    assert told.stdout == "set()\n"


def test_the_exit_status_reaches_the_shell(place):
    assert subprocess.run([*COMMAND, "validate", "rubric.yaml"], env=ENVIRONMENT, capture_output=True).returncode == 0
    failed = subprocess.run([*COMMAND, "validate", "nope.yaml"], env=ENVIRONMENT, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr) == (2, "error: nope.yaml: No such file or directory\n")


def test_the_schema_is_printed_whole(place):
    printed = subprocess.run([*COMMAND, "schema"], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed)["title"] == "rl_rewards rubric"


def test_a_reader_that_goes_away_is_no_error_to_shout_about(place, write_rows):
    write_rows("many.jsonl", [{"prompt": "q", "completion": "x" * 200, "answer": "2"}] * 2000)
    preview = [*COMMAND, "preview", "rubric.yaml", "--samples", "many.jsonl", "--max-samples", "2000"]
    with subprocess.Popen(preview, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 1 and "Traceback" not in told


def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(place):
    score = [*COMMAND, "score", "rubric.yaml", "data.jsonl", "--out", "out.jsonl"]
    terminal, side = pty.openpty()
    subprocess.run(score, env={**ENVIRONMENT, "TERM": "xterm"}, stderr=side, check=True)
    os.close(side)
    assert "scoring" in os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert subprocess.run(score, env=ENVIRONMENT, capture_output=True, text=True, check=True).stderr.endswith("\n3 rows scored: out.jsonl\n")


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
def test_memory_stays_flat_however_long_the_data(place, out):
    def peak(rows):
        with open("data.jsonl", "w") as file:
            for i in range(rows):
                row = {"prompt": f"{i}?", "completion": f"{i:08}" * 2500 + f"<answer>{i}</answer>", "answer": str(i)}
                file.write(json.dumps(row) + "\n")
        arguments = ["score", "rubric.yaml", "data.jsonl", "--out", out]
        run = subprocess.run([sys.executable, "-c", MEASURED, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True)
        return int(run.stdout) * 1024

    few, many = peak(1_000), peak(4_000)
    assert os.path.getsize("data.jsonl") > 80_000_000
    # Held whole, the further rows would take 60 MB as text alone.
    assert many - few < 40_000_000


def test_a_full_disk_is_told_and_leaves_nothing(place, write_rows):
    write_rows("many.jsonl", [{"prompt": "q", "completion": "x" * 1000, "answer": "2"}] * 2000)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails with EFBIG, as it does with ENOSPC on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    before = sorted(os.listdir(place))
    score = [*COMMAND, "score", "rubric.yaml", "many.jsonl", "--out", "out.jsonl"]
    told = subprocess.run(score, env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, preexec_fn=small_files)
    assert told.returncode == 2 and "File too large" in told.stderr and "Traceback" not in told.stderr
    assert sorted(os.listdir(place)) == before


def test_the_package_is_a_command_with_a_version():
    for command in ([sys.executable, "-m", "rl_rewards", "--version"], [*COMMAND, "--version"]):
        assert subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout == f"rl-rewards {__version__}\n"


def test_a_shell_can_be_told_how_to_complete():
    shown = subprocess.run([*COMMAND, "--show-completion", "bash"], env=ENVIRONMENT, capture_output=True, text=True)
    assert shown.returncode == 0 and "complete" in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_no_temporary_file(place, number):
    (place / "mine.py").write_text(
        "import os, signal\ndef mine(response):\n    os.kill(os.getpid(), int(open('signal').read()))\n    signal.pause()\n"
    )
    (place / "signal").write_text(str(int(number)))
    score = [*COMMAND, "score", "mine.py:mine", "data.jsonl", "--out", "out.jsonl"]
    ended = subprocess.run(score, env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True)
    assert ended.returncode == -number
    assert sorted(os.listdir(place)) == ["data.jsonl", "mine.py", "rubric.yaml", "signal"]
