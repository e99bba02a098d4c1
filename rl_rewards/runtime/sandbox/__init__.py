"""Where programs that a model wrote are run: `engine("process")` and `engine("monty")`, one interface.

[execution] = engine("process").run("print(int(input()) * 2)", [Script("21")], Limits(seconds=2))
execution.stdout  # "42\\n"
"""

from __future__ import annotations

import atexit
import os
import threading
from functools import cache
from typing import Literal, get_args

from rl_rewards.runtime.sandbox.chain import EngineChain
from rl_rewards.runtime.sandbox.engine import Asserts, Call, Case, Engine, Execution, Limits, Script

__all__ = ["Asserts", "Call", "Case", "EngineChain", "Engine", "EngineName", "Execution", "Limits", "Script", "engine"]

EngineName = Literal["process", "monty"]
_lock = threading.Lock()


def engine(*names: EngineName, workers: int | None = None, require_isolation: bool = False) -> Engine:
    """The engine of that name, shared by all who ask for the same; of several names, a EngineChain of them.

    Args:
        names: `process`, `monty`, or both in the order of trying.
        workers: how many programs run at once; by default twice the processors, sixteen at most.
        require_isolation: for `process`: refuse to run where the kernel lacks a wall.

    Raises:
        ValueError: for no name, an unknown one or one named twice.
        ImportError: for `monty` without pydantic-monty.
    """
    if not names or len(set(names)) < len(names) or not set(names) <= set(get_args(EngineName)):
        raise ValueError(f"engines must be one or more of {list(get_args(EngineName))}, each once, got {list(names)}")
    with _lock:
        return _engine(names, workers, require_isolation)


@cache
def _engine(names: tuple[EngineName, ...], workers: int | None, require_isolation: bool) -> Engine:
    if len(names) > 1:
        return EngineChain([_engine((name,), workers, require_isolation) for name in names])
    if names == ("monty",):
        from rl_rewards.runtime.sandbox.monty import MontyEngine

        made: Engine = MontyEngine(workers)
    else:
        from rl_rewards.runtime.sandbox.process import ProcessEngine

        made = ProcessEngine(workers, require_isolation)
    atexit.register(made.close)
    return made


def _forget() -> None:
    """In a fork of the caller (a DataLoader's worker, say): its engines are the caller's, this process makes its own."""
    global _lock
    _lock = threading.Lock()
    _engine.cache_clear()


os.register_at_fork(after_in_child=_forget)
