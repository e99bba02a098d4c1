"""What a verb says beside its output: errors that a user can correct, in a line, and warnings."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import typer

from rl_rewards.cli.printable import printable
from rl_rewards.user_errors import UNUSABLE, UserError, user_message

# Exit statuses of every verb. 0: everything was done, and nothing found. UNUSABLE, 2: the verb could not run.
INCOMPLETE = 1
"""The verb ran, and something in the data or in a reward failed or does not fit."""


class OptionError(UserError, ValueError):
    """An option that is wrong, or options that do not go together."""


@contextlib.contextmanager
def user_errors(verbose: bool) -> Iterator[None]:
    """Turn errors that a user can correct into a message and exit status 2, and our warnings into lines."""
    warnings, logger = _Warnings(verbose), logging.getLogger("rl_rewards")
    logger.addHandler(warnings)
    logger.propagate = False
    try:
        yield
    except Exception as error:
        message = user_message(error)
        if verbose or message is None:
            raise
        say(f"error: {message}")
        raise typer.Exit(UNUSABLE) from None
    finally:
        logger.removeHandler(warnings)
        logger.propagate = True


class _Warnings(logging.Handler):
    """Prints warnings. A failed batch is logged with its traceback and counted besides, so it is only printed where tracebacks are wanted."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        if self._verbose or not record.exc_info:
            say(self.format(record))


def say(message: str) -> None:
    """Print something that is not the verb's output."""
    print(printable(message), file=sys.stderr)
