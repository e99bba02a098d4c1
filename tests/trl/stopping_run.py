"""What test_stopping.py runs in a process of its own: each case is a forked copy that trains, and is told to stop while a reward runs.

Prints one line of JSON: case -> [exit status, or minus the signal's number; whether training came to its end].
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from trl import GRPOTrainer

from rl_rewards import Reward, Rubric, reward_function
from tests.trl.fault_table import trainer_parts


def leave(status: int, *signal_and_frame: Any) -> None:
    sys.exit(status)


class Server:
    def stop(self, number: int, frame: Any) -> None:
        leave(143)


HANDLERS: dict[str, Callable[..., Any]] = {
    "a function": lambda number, frame: leave(143),
    "a partial": functools.partial(leave, 143),
    "a method": Server().stop,
}


def send(number: int) -> float:
    """Send a signal to this process: its handler runs in the main thread, inside the reward or while the reward is waited for."""
    os.kill(os.getpid(), number)
    return 1.0


@reward_function
def interrupted(response: str) -> float:
    return send(signal.SIGINT)


@reward_function
def terminated(response: str) -> float:
    return send(signal.SIGTERM)


@reward_function
async def terminated_while_waiting(response: str) -> float:
    return send(signal.SIGTERM)


@reward_function
def exits(response: str) -> float:
    sys.exit(0)


@reward_function
async def exits_while_waiting(response: str) -> float:
    sys.exit(0)


CASES: dict[str, tuple[Any, Callable[..., Any] | None]] = {
    "Ctrl-C in a reward": (interrupted, None),
    **{f"SIGTERM in a reward, handled by {name}": (terminated, handler) for name, handler in HANDLERS.items()},
    "SIGTERM while an async reward runs": (terminated_while_waiting, HANDLERS["a function"]),
    "SIGTERM without a handler": (terminated, None),
    "sys.exit(0) in a reward": (exits, None),
    "sys.exit(0) in an async reward": (exits_while_waiting, None),
}


def train(function: Any, handler: Callable[..., Any] | None, finished: str) -> None:
    if handler is not None:
        signal.signal(signal.SIGTERM, handler)
    rubric = Rubric((Reward("bad", function),))
    with tempfile.TemporaryDirectory() as folder:
        GRPOTrainer(**trainer_parts(folder, rubric, rubric.reward_funcs, {})).train()
    open(finished, "x").close()


def forked(case: str, folder: str) -> tuple[int, bool]:
    finished = os.path.join(folder, case)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            train(*CASES[case], finished)
        except SystemExit as left:
            os._exit(left.code if isinstance(left.code, int) else 1)
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException:
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.path.exists(finished)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({case: forked(case, folder) for case in CASES}))
