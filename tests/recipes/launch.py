"""Starts a recipe as its user does: a config file, and `accelerate launch`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[2]
CONFIGS = {"grpo": "arithmetic", "ppo": "arithmetic_ppo", "rloo": "arithmetic_rloo"}


def settings(recipe: str) -> dict:
    """The recipe's embedded default."""
    return yaml.safe_load((ROOT / f"recipes/configs/{CONFIGS[recipe]}.yaml").read_text())


def config(recipe: str, directory: Path, **changes: object) -> Path:
    """A config file for a run in `directory`: the embedded default, but small and not evaluated. A change to None leaves a setting out."""
    small = {"per_device_train_batch_size": 8, "logging_steps": 1, "eval_dataset": None, "output_dir": str(directory / "out")}
    small |= {} if recipe == "ppo" else {"num_generations": 4}
    changed = {key: value for key, value in (settings(recipe) | small | changes).items() if value is not None}
    file = directory / "config.yaml"
    file.write_text(yaml.safe_dump(changed))
    return file


def command(recipe: str, file: Path, *options: str) -> list[str]:
    """The command line, with options of `accelerate launch`."""
    options = options or ("--num_processes", "1")
    return [sys.executable, "-m", "accelerate.commands.launch", *options, f"recipes/{recipe}.py", "--config", str(file)]


def run(recipe: str, file: Path, *options: str) -> str:
    """Run to the end; what it printed."""
    finished = subprocess.run(command(recipe, file, *options), capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stdout


def run_and_kill(recipe: str, file: Path, step: int, *options: str) -> None:
    """Start a run and, when it prints its line about `step`, end all of its processes by SIGKILL."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}  # the line about `step` is to come when it is written, not at the end
    started = psutil.Popen(command(recipe, file, *options), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    reached = any(line.strip().startswith(f"step {step:>5}") for line in started.stdout)
    for process in [started, *started.children(recursive=True)]:  # not the process group: torchrun's workers have groups of their own
        process.kill()
    started.communicate()
    assert reached, f"the run ended before step {step}"
