"""A sample as harbor-rewardkit's criteria see it: a workspace directory with files, and the trajectory beside it.

A task of harbor ends with files in /app; a sample is a text. So the files of a workspace are those of the row's column `files`, a mapping of names
to texts. Without that column the response is the content of the one file that the folder's criteria name. `response.txt` is always there.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from rl_rewards.references import MissingReferenceError
from rl_rewards.types import Message, Sample
from rl_rewards.types.tool_calls import tool_calls_of

__all__ = ["TRAJECTORY", "files_of", "tool_names_of", "turns_of", "workspace_name", "workspace_of"]

TRAJECTORY = "/logs/agent/trajectory.json"
"""Where harbor leaves what the agent did."""
COLUMN, RESPONSE, _WORKSPACE = "files", "response.txt", "/app"


def workspace_name(path: str) -> str:
    """A file's name in the workspace.

    Raises:
        ValueError: when it lies outside.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() and pure.is_relative_to(_WORKSPACE):
        pure = pure.relative_to(_WORKSPACE)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"a file must lie in the workspace, such as main.py or {_WORKSPACE}/main.py, got {path!r}")
    return str(pure)


def files_of(sample: Sample, answer: Any, named: Iterable[str]) -> dict[str, str]:
    """The files of a sample's workspace: name -> text.

    Args:
        answer: the response, or what a parser found in it.
        named: the files that the folder's criteria name.

    Raises:
        MissingReferenceError: when the row does not say which file the response is, or its files are none.
    """
    text = answer if isinstance(answer, str) else sample.response
    names = sorted(set(named) - {RESPONSE})
    if COLUMN in sample.references:
        return {RESPONSE: text, **_of_column(sample.references[COLUMN])}
    if len(names) > 1:
        raise MissingReferenceError(
            f"the criteria name several files, {', '.join(names[:8])}: a row must have a column {COLUMN!r}, a mapping of their names to their texts"
        )
    return {RESPONSE: text, **dict.fromkeys(names, text)}


def _of_column(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and isinstance(text, (str, type(None))) for name, text in value.items()):
        raise MissingReferenceError(f"the column {COLUMN!r} must be a mapping of names to texts, got {type(value).__name__}: {value!r:.80}")
    try:
        return {workspace_name(name): text for name, text in value.items() if text is not None}  # Arrow has null for what other rows have
    except ValueError as error:
        raise MissingReferenceError(f"column {COLUMN!r}: {error}") from None


@contextlib.contextmanager
def workspace_of(sample: Sample, files: Mapping[str, str]) -> Iterator[Path]:
    """A new workspace with these files, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rl_rewards_workspace_") as place:
        workspace = Path(place) / "app"
        workspace.mkdir()
        for name, text in files.items():
            file = workspace / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
        trajectory = Path(place + TRAJECTORY)
        trajectory.parent.mkdir(parents=True)
        trajectory.write_text(json.dumps({"steps": _steps(sample)}, default=str))
        yield workspace


def _steps(sample: Sample) -> list[dict[str, Any]]:
    """What the policy did, in the form of harbor's trajectories: a step for each of its turns."""
    turns = [Message.model_validate(turn) for turn in sample.completion] if not isinstance(sample.completion, str) else []
    steps: list[dict[str, Any]] = [{"source": "agent", "message": turn.text} for turn in turns if turn.role == "assistant"]
    steps = steps or [{"source": "agent", "message": sample.response}]
    steps[-1]["tool_calls"] = [{"function_name": call["name"], "arguments": call["arguments"]} for call in tool_calls_of(sample)]
    return steps


def _trajectory(workspace: Path, path: str) -> list[Any]:
    if path != TRAJECTORY:
        raise ValueError(f"a trajectory must be at {TRAJECTORY}, got {path!r}")
    return json.loads(Path(f"{workspace.parent}{TRAJECTORY}").read_text())["steps"]


def turns_of(workspace: Path, path: str) -> int:
    """How many turns the policy took."""
    return sum(step["source"] == "agent" for step in _trajectory(workspace, path))


def tool_names_of(workspace: Path, path: str) -> list[Any]:
    """The tools that the policy called, in order."""
    return [call["function_name"] for step in _trajectory(workspace, path) for call in step.get("tool_calls", ())]
