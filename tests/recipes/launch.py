"""Starts a recipe from a config file: by `accelerate launch`, as its user does, or as forks of a process that has imported what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import forked

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


def start(recipe: str, file: Path, *options: str) -> list[forked.Run]:
    """Start its processes as forks: one, or those of the options of `accelerate launch`."""
    script = (f"recipes/{recipe}.py", "--config", str(file))
    return forked.start_accelerated(*options, *script) if options else [forked.Run(*script)]


def run_forked(recipe: str, file: Path, *options: str) -> str:
    """Run to the end; what its first process printed."""
    return forked.finish_ranks(start(recipe, file, *options))


def run_and_kill(recipe: str, file: Path, step: int, *options: str) -> None:
    """Start a run and, when it has printed its line about `step`, end all of its processes by SIGKILL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(forked.STOPS_AT, f"step {step:>5}")
        started = start(recipe, file, *options)
    reached = any(line.strip().startswith(f"step {step:>5}") for line in started[0].lines)
    for process in started:
        process.kill()
    errors = [process.finish().stderr for process in started]
    assert reached, f"the run ended before step {step}: {errors[0][-4000:]}"
