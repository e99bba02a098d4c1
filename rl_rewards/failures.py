"""From an exception to a failed result that keeps its place."""

from __future__ import annotations

import functools
import os
import signal
import sysconfig
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

from rl_rewards.redaction import redact
from rl_rewards.types import EvaluateResult, MissingReferenceError, Outcome, describe

__all__ = ["described_with_place", "failure_of", "stops_the_process"]

_OURS = str(Path(__file__).parent) + os.sep
_LIBRARIES = tuple({str(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def failure_of(error: BaseException, outcome: Outcome = Outcome.ERROR) -> EvaluateResult:
    """The failed result of an exception that a reward raised: type, message, and the place in the user's code where there is one.

    Of a reference that is of no use the message says all, and the frames that led to it are let go.

    Raises:
        BaseException: the exception itself, where it is meant to stop the process (`stops_the_process`).
    """
    if stops_the_process(error):
        raise error
    told = described_with_place(error)
    return EvaluateResult.failure(outcome, told, error.with_traceback(None) if isinstance(error, MissingReferenceError) else error)


def described_with_place(error: BaseException) -> str:
    """Type and message of an exception, and the place in the user's code where there is one: file, line and function."""
    where = _place(error.__traceback__)
    said = redact(str(error)) if isinstance(error, MissingReferenceError) else describe(error)
    return said + (f" ({where})" if where else "")


def stops_the_process(error: BaseException) -> bool:
    """Whether an exception comes from outside the code that it interrupted: Ctrl-C, or a signal handler that raised.

    `sys.exit()` of a reward is not of these: it would end a run with status 0, without a model or a word.
    """
    if isinstance(error, Exception):
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    codes = _handlers()
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code in codes:
            return True
        step = step.tb_next
    return False


def _handlers() -> set[CodeType]:
    """The code of this process's signal handlers."""
    found: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        handler = getattr(handler, "__func__", handler)
        if not hasattr(handler, "__code__"):
            handler = getattr(type(handler), "__call__", None)  # noqa: B004 - its code is wanted
        if isinstance(code := getattr(handler, "__code__", None), CodeType):
            found.add(code)
    return found


def _place(step: TracebackType | None) -> str | None:
    """File, line and function of the innermost frame of the user's own code: neither this package's nor a library's."""
    theirs = None
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith((_OURS, "<frozen", *_LIBRARIES)):
            theirs = step
        step = step.tb_next
    if theirs is None:
        return None
    code = theirs.tb_frame.f_code
    return f"{_short(code.co_filename)}:{theirs.tb_lineno} in {code.co_qualname}"


def _short(name: str) -> str:
    """A file's name, from the working directory on where it is below that."""
    try:
        return os.path.relpath(name) if os.path.isabs(name) and name.startswith(os.getcwd() + os.sep) else name
    except OSError:  # a working directory that has been removed
        return name
