"""Training scripts in processes of their own that begin with torch and TRL imported.

A process that trains spends eight seconds of a processor on imports before its first step, and a run of several ranks that for each of them. Here a fork
server (that of multiprocessing) imports once for all tests of a worker, and each run is a fork of it: with arguments, an environment and an output
of its own, which ends, fails and can be killed like a process that was started as `python SCRIPT`. What users type is run as typed by the tests of the
commands themselves.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.free_ports import free_port

ROOT = Path(__file__).parents[1]
STOPS_AT = "RL_REWARDS_TEST_STOPS_AT"
"""The environment variable with the beginning of a line at which a run stops (SIGSTOP): whoever is to kill it there is never too late."""
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.training_imports"])


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a fork; it, its arguments and what it returns cross by pickle, as with a process that is spawned."""
    reader, writer = _forks.Pipe(duplex=False)
    with contextlib.chdir(ROOT):
        process = _forks.Process(target=_send, args=(writer, function, arguments))
        process.start()
    writer.close()
    with reader:
        found = reader.recv()
    process.join()
    return found


def _send(writer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    writer.send(function(*arguments))


class Run:
    """A script that runs in a fork. `lines` are those of its standard output, while it writes them.

    Args:
        script: path of a Python file, run as `__main__`.
        arguments: its command line.
        environment: its whole environment; this process's when None.
        directory: its working directory; the repository's by default.
    """

    def __init__(self, script: str | Path, *arguments: str | Path, environment: Mapping[str, str] | None = None, directory: Path = ROOT) -> None:
        self.arguments = [str(script), *map(str, arguments)]
        self._errors = tempfile.NamedTemporaryFile("r", suffix=".stderr")
        reader, writer = _forks.Pipe(duplex=False)
        whole = dict(os.environ if environment is None else environment)
        self.process = _forks.Process(target=_main, args=(self.arguments, whole, directory, writer, self._errors.name))
        with contextlib.chdir(ROOT):  # where the server, which begins with the first fork, finds what it imports
            self.process.start()
        writer.close()
        self._output = os.fdopen(os.dup(reader.fileno()))
        reader.close()

    @property
    def lines(self) -> Iterator[str]:
        return iter(self._output)

    def kill(self) -> None:
        """End it and all that it started by SIGKILL."""
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.is_alive() else []
        self.process.kill()
        for child in children:
            child.kill()

    def finish(self, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Wait for its end: its status, which is minus the signal's number where a signal ended it, and what it printed that was not read yet."""
        clock = threading.Timer(timeout, self.kill)
        clock.start()
        with self._output, self._errors:
            printed = self._output.read()
            self.process.join()
            clock.cancel()
            return subprocess.CompletedProcess(self.arguments, self.process.exitcode, printed, self._errors.read())


def _main(arguments: list[str], environment: dict[str, str], directory: Path, output: Connection, errors: str) -> None:
    os.dup2(output.fileno(), 1)
    output.close()
    os.dup2(os.open(errors, os.O_WRONLY | os.O_APPEND), 2)
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(environment)
    if "TRACKIO_DIR" in environment:
        _import_trackio_again()
    if private := sys.modules.get("wandb.sdk.data_types._private"):
        os.makedirs(private.MEDIA_TMP.name, exist_ok=True)  # made when it was imported, and removed by the first fork that ended
    os.chdir(directory)
    if STOPS_AT in environment:
        _stop_at(environment[STOPS_AT])
    sys.argv = arguments
    sys.path[:0] = [str(Path(arguments[0]).absolute().parent), str(ROOT)]
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing's own processes leave without


def _stop_at(beginning: str) -> None:
    """Stop this process once it has printed a line that begins so, blanks aside."""
    write, line = sys.stdout.write, ""

    def stopping(text: str) -> int:
        nonlocal line
        written, line = write(text), line + text
        if text.endswith("\n"):
            sys.stdout.flush()
            if line.strip().startswith(beginning):
                os.kill(os.getpid(), signal.SIGSTOP)
            line = ""
        return written

    sys.stdout.write = stopping


def _import_trackio_again() -> None:
    """It reads its folder from the environment when it is imported, which TRL did."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        del sys.modules[name]
    again = import_module("trackio")
    for name, module in sys.modules.items():
        if name.startswith("trl.") and "trackio" in vars(module):
            module.trackio = again


def run(script: str | Path, *arguments: str | Path, environment: Mapping[str, str] | None = None, directory: Path = ROOT) -> str:
    """Run a script to its end, which must be a good one: what it printed."""
    return finish_ranks([Run(script, *arguments, environment=environment, directory=directory)])


def start_ranks(count: int, script: str | Path, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> list[Run]:
    """Start a script in `count` processes with the variables that torchrun sets for those of one machine."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = []
    for rank in range(count):
        places = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        whole = {**(os.environ if environment is None else environment), **address, **{name: str(value) for name, value in places.items()}}
        ranks.append(Run(script, *arguments, environment=whole))
    return ranks


def start_accelerated(*line: str) -> list[Run]:
    """Start the ranks of `accelerate launch LINE`: that command reads its options and files itself, and its ranks are forks with what it gives them."""
    from accelerate.commands.launch import launch_command, launch_command_parser

    started: list[Run] = []

    def start(options: Namespace) -> None:
        started.extend(start_ranks(int(options.nproc_per_node), options.training_script, *options.training_script_args))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.distributed.run.run", start)
        launch_command(launch_command_parser().parse_args(line))
    return started


def run_ranks(count: int, script: str | Path, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a script in `count` processes to its end, which must be a good one: what the first printed."""
    return finish_ranks(start_ranks(count, script, *arguments, environment=environment))


def finish_ranks(ranks: list[Run]) -> str:
    """Wait until all ranks have ended well, and end the others where one fails: what the first printed."""
    printed = [""] * len(ranks)
    failures: list[str] = []

    def wait(place: int) -> None:
        done = ranks[place].finish()
        printed[place] = done.stdout
        if done.returncode:
            failures.append(f"rank {place} ended with {done.returncode}:\n{done.stderr[-4000:]}")
            for other in ranks:
                other.kill()

    threads = [threading.Thread(target=wait, args=(place,)) for place in range(len(ranks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    return printed[0]
