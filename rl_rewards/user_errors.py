"""Errors that a user can correct: shown as one line that says what must hold and what was found, without a traceback."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Collection, Iterator

__all__ = ["EXTRAS", "UNUSABLE", "MissingPackageError", "UserError", "one_line_errors", "require", "user_message"]

UNUSABLE = 2
"""Exit status of a command that could not run: a wrong argument, rubric or file."""

EXTRAS = {
    "train": ("trl", "transformers", "torch", "peft", "datasets", "accelerate", "matplotlib", "pandas"),
    "math": ("math_verify",),
    "code": ("pydantic_monty",),
    "ifeval": ("langdetect",),
    "graders": ("rapidfuzz", "sacrebleu", "nltk", "rouge_score"),
    "recipes": ("reasoning_gym", "gguf"),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
    "deepspeed": ("deepspeed",),
    "judge": ("openai",),
    "optimize": ("gepa",),
    "metrics": ("sklearn",),
    "report": ("altair", "vl_convert"),
    "serve": ("fastapi", "uvicorn", "prometheus_client"),
    "ray": ("ray",),
}
"""Extra of this package -> the modules that it installs."""


class UserError(Exception):
    """Beside another base class: the message says what the user has to change."""


class MissingPackageError(UserError, ImportError):
    """A package is not installed that what the user asked for needs."""


def require(what: str, *modules: str) -> None:
    """Check that modules are installed, without importing them.

    Raises:
        MissingPackageError: naming `what` needs them, and the extras that have them.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingPackageError(f"{what} needs {' and '.join(missing)}{_remedy(missing)}")


def user_message(error: BaseException) -> str | None:
    """One line, or a line for each mistake, on an error that a user can correct; None for a defect of ours."""
    from pydantic import ValidationError

    if isinstance(error, BrokenPipeError):  # `| head`: the command line library ends quietly
        return None
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ModuleNotFoundError) and error.name and (remedy := _remedy([error.name.partition(".")[0]])):
        return f"the package {error.name.partition('.')[0]} is not installed{remedy}"
    if isinstance(error, ValidationError):
        return "\n".join(_of_pydantic(line) for line in error.errors(include_url=False, include_context=False, include_input=False))
    return str(error) if isinstance(error, (UserError, OSError, ImportError)) else None


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an error that a user can correct as a line, and exit with status 2; let every other one pass.

    Raises:
        SystemExit: with status 2.
    """
    try:
        yield
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(UNUSABLE) from None


def _remedy(missing: Collection[str]) -> str:
    extras = [extra for extra, modules in EXTRAS.items() if any(module in missing for module in modules)]
    return f": pip install 'rl_rewards[{','.join(extras)}]'" if extras else ""


def _of_pydantic(line: object) -> str:
    assert isinstance(line, dict)
    place = ".".join(str(step) for step in line["loc"])
    message = line["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{place}: {message}" if place else message
