"""What a user can mend is told in a line, without a traceback; everything else is a defect of ours and shows one."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

import typer

from rl_rewards.cli.printable import printable

# Exit statuses. 0: everything was done.
INCOMPLETE = 1
"""The verb ran, but something in the data or in a reward failed."""
UNUSABLE = 2
"""The verb could not run: a wrong argument, rubric or file."""


@contextlib.contextmanager
def user_errors(verbose: bool) -> Iterator[None]:
    """Turn errors that a user can mend into a message and exit status 2, and our warnings into lines."""
    warnings, logger = _Warnings(verbose), logging.getLogger("rl_rewards")
    logger.addHandler(warnings)
    logger.propagate = False
    try:
        yield
    except Exception as error:
        if verbose or not _mendable(error):
            raise
        message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        say(f"error: {message}")
        raise typer.Exit(UNUSABLE) from None
    finally:
        logger.removeHandler(warnings)
        logger.propagate = True


class _Warnings(logging.Handler):
    """Tells warnings. A failed batch is logged with its traceback and counted besides, so it is only told where tracebacks are wanted."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def emit(self, record: logging.LogRecord) -> None:
        if self._verbose or not record.exc_info:
            say(self.format(record))


def say(message: str) -> None:
    """Tell the user something that is not the verb's output."""
    print(printable(message), file=sys.stderr)


def _mendable(error: Exception) -> bool:
    from pydantic import ValidationError

    from rl_rewards.checks import RubricDataError
    from rl_rewards.loading import LoadError
    from rl_rewards.reward import RewardError
    from rl_rewards.rubric_files.errors import RubricFileError
    from rl_rewards.tables.readers import TableError

    if isinstance(error, BrokenPipeError):  # `| head`: the command line library ends quietly
        return False
    return isinstance(error, (OSError, ImportError, ValidationError, RubricDataError, RubricFileError, TableError, LoadError, RewardError))
