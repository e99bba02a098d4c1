"""Criteria that run a command: `python FILE ...` in the sandbox for programs of a policy's; any other command is refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_rewards.folders.rewardkit.session import builtins, maker
from rl_rewards.folders.rewardkit.workspace import RESPONSE, workspace_name
from rl_rewards.patterns import compile_pattern
from rl_rewards.runtime.sandbox import Execution, Limits, Script, engine
from rl_rewards.types import Outcome

__all__ = ["COMMANDS"]

_OF_A_SHELL = re.compile(r"[|&;<>$`*?(){}\n\\]")


class _Command:
    """A command of a criterion.

    Args:
        text: `python FILE arguments ...`, a program of the workspace.

    Raises:
        ValueError: for any other command.
    """

    def __init__(self, text: str, cwd: str | None, timeout: float) -> None:
        try:
            words = [] if _OF_A_SHELL.search(text) else shlex.split(text)
        except ValueError:
            words = []
        if len(words) < 2 or words[0] not in ("python", "python3") or words[1].startswith("-") or cwd not in (None, ".", "/app"):
            raise ValueError(
                f"a command must be `python FILE ...` in the workspace, which runs in a sandbox; no other can, got {text!r}{'' if cwd is None else f' in {cwd!r}'}"
            )
        self.program, self.arguments = workspace_name(words[1]), words[2:]
        self.limits = Limits(seconds=float(timeout))

    def run(self, workspace: Path) -> Execution | None:
        """How the program ended; None where there is no such program.

        Raises:
            RuntimeError: where the sandbox cannot run it as harbor would: it has several Python files or directories, or the sandbox failed.
        """
        program = workspace / self.program
        if not program.is_file():
            return None
        files = {path.relative_to(workspace).as_posix(): path for path in workspace.rglob("*") if path.is_file() and path != program}
        files.pop(RESPONSE, None)
        if unfit := [name for name in files if name.endswith(".py") or "/" in name]:
            raise RuntimeError(f"a program must be one file in the sandbox, with data beside it, got {', '.join(sorted(unfit))} as well")
        texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
        [execution] = engine("process").run(program.read_text(encoding="utf-8"), [Script("", self.arguments, texts)], self.limits)
        if execution.outcome in (Outcome.ERROR, Outcome.UNSUPPORTED):
            raise RuntimeError(f"the sandbox could not run {self.program}: {execution.error}")
        return execution


def command_succeeds(workspace: Path, cmd: str, cwd: str | None = None, timeout: int = 30) -> bool:
    execution = _Command(cmd, cwd, timeout).run(workspace)
    return execution is not None and execution.ran


def command_output_contains(workspace: Path, cmd: str, text: str, cwd: str | None = None, timeout: int = 30) -> bool:
    output = _output(workspace, cmd, cwd, timeout)
    return output is not None and text in output


def command_output_matches(workspace: Path, cmd: str, expected: str, cwd: str | None = None, timeout: int = 30) -> bool:
    output = _output(workspace, cmd, cwd, timeout)
    return output is not None and output.strip() == expected.strip()


def command_output_matches_regex(workspace: Path, cmd: str, pattern: str, cwd: str | None = None, timeout: int = 30) -> bool:
    matcher, output = compile_pattern(pattern), _output(workspace, cmd, cwd, timeout)
    return output is not None and matcher.search(output)


def _output(workspace: Path, cmd: str, cwd: str | None, timeout: float) -> str | None:
    """What a program printed, whatever its exit status; None where it ran out of time or there is none."""
    execution = _Command(cmd, cwd, timeout).run(workspace)
    return None if execution is None or execution.outcome is Outcome.TIMEOUT else execution.stdout


COMMANDS = (command_succeeds, command_output_contains, command_output_matches, command_output_matches_regex)
"""The criteria that run a program."""


def _program(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The file of the workspace that a check runs; a command that cannot run is refused when it is registered."""
    return (_Command(given["cmd"], given["cwd"], given["timeout"]).program,)


for _function in COMMANDS:
    builtins[_function.__name__] = maker(_function, _function.__name__, named=_program)
