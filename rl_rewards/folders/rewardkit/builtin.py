"""The criteria that harbor-rewardkit has itself, over the workspace of a sample; those that are not supported, with the reason.

A file that is not there is the policy's doing: the check is not passed. A pattern or a query of the folder that is wrong is not: it raises.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rl_rewards.folders.rewardkit.session import builtins, maker, unsupported
from rl_rewards.folders.rewardkit.workspace import TRAJECTORY, tool_names_of, turns_of
from rl_rewards.patterns import compile_pattern

__all__: list[str] = []

_NEEDS_SERVER = "a sample has no server that could answer"
_NOT_TEXT = "a sample's files are text"
unsupported |= {
    **dict.fromkeys(("http_response_contains", "http_status_equals"), _NEEDS_SERVER),
    **dict.fromkeys(("image_similarity", "image_size_equals", "xlsx_cell_equals"), _NOT_TEXT),
    **dict.fromkeys(
        (
            "Reward",
            "run",
            "run_multi",
            "discover",
            "register_agent",
            "LLMJudge",
            "AgentJudge",
            "JevJudge",
            "Criterion",
            "Binary",
            "Likert",
            "Numeric",
        ),
        "rewards are declared by files: criteria in Python files, judges in TOML files",
    ),
}


def _builtin(*paths: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        builtins[function.__name__] = maker(function, function.__name__, paths)
        return function

    return register


def _text(workspace: Path, path: str) -> str | None:
    """A file's text; None where there is none that can be read."""
    try:
        return (workspace / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return None


@_builtin("path")
def file_exists(workspace: Path, path: str) -> bool:
    return (workspace / path).exists()


@_builtin("path")
def file_not_exists(workspace: Path, path: str) -> bool:
    return not (workspace / path).exists()


@_builtin("path")
def file_contains(workspace: Path, path: str, text: str) -> bool:
    content = _text(workspace, path)
    return content is not None and text in content


@_builtin("path")
def file_contains_regex(workspace: Path, path: str, pattern: str) -> bool:
    matcher, content = compile_pattern(pattern), _text(workspace, path)
    return content is not None and matcher.search(content)


@_builtin("path")
def file_matches(workspace: Path, path: str, expected: str) -> bool:
    content = _text(workspace, path)
    return content is not None and content.strip() == expected.strip()


@_builtin("path1", "path2")
def files_equal(workspace: Path, path1: str, path2: str) -> bool:
    one, other = _text(workspace, path1), _text(workspace, path2)
    return one is not None and other is not None and one.strip() == other.strip()


@_builtin("path")
def diff_ratio(workspace: Path, path: str, expected: str) -> float:
    content = _text(workspace, path)
    return 0.0 if content is None else SequenceMatcher(None, content.strip(), expected.strip()).ratio()


@_builtin("path")
def json_key_equals(workspace: Path, path: str, key: str, expected: object) -> bool:
    data = _json(workspace, path)
    return isinstance(data, dict) and key in data and data[key] == expected


@_builtin("path")
def json_path_equals(workspace: Path, path: str, json_path: str, expected: object) -> bool:
    data = _json(workspace, path)
    for step in json_path.split("."):
        try:
            data = data[step] if isinstance(data, dict) else data[int(step)] if isinstance(data, list) else _ABSENT
        except (KeyError, IndexError, ValueError):
            return False
        if data is _ABSENT:
            return False
    return data == expected


_ABSENT = object()


def _json(workspace: Path, path: str) -> Any:
    content = _text(workspace, path)
    try:
        return _ABSENT if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return _ABSENT


@_builtin("path")
def csv_cell_equals(workspace: Path, path: str, row: int, col: int | str, expected: str) -> bool:
    content = _text(workspace, path)
    if content is None:
        return False
    lines = content.splitlines(keepends=True)
    try:
        rows: list[Any] = list(csv.DictReader(lines)) if isinstance(col, str) else list(csv.reader(lines))
    except csv.Error:
        return False
    if not 0 <= row < len(rows):
        return False
    cells = rows[row]
    return cells.get(col) == expected if isinstance(cells, dict) else isinstance(col, int) and col < len(cells) and cells[col] == expected


@_builtin("db_path")
def sqlite_query_equals(workspace: Path, db_path: str, query: str, expected: object) -> bool:
    target = workspace / db_path
    if not target.is_file():
        return False
    try:
        with sqlite3.connect(f"{target.as_uri()}?mode=ro", uri=True) as connection:
            row = connection.execute(query).fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] == expected


@_builtin()
def trajectory_turn_count(workspace: Path, max_turns: int, path: str = TRAJECTORY) -> float:
    turns = turns_of(workspace, path)
    return 1.0 if turns <= max_turns else max(0.0, 1.0 - (turns - max_turns) / max_turns)


@_builtin()
def trajectory_tool_used(workspace: Path, tool_name: str, min_count: int = 1, path: str = TRAJECTORY) -> bool:
    return tool_names_of(workspace, path).count(tool_name) >= min_count


@_builtin()
def trajectory_tool_not_used(workspace: Path, tool_name: str, path: str = TRAJECTORY) -> bool:
    return tool_name not in tool_names_of(workspace, path)
