"""Metric folders as the `evaluator` of Fireworks' REST API: all their files and requirements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rl_rewards.folders import FolderError, NamedFolder

__all__ = ["evaluator_body"]


def evaluator_body(folders: Sequence[NamedFolder], display_name: str, description: str) -> dict[str, Any]:
    """The `evaluator` with a criterion for each folder.

    Raises:
        FolderError: for a file that JSON cannot hold, or a requirement that is none.
    """
    requirements = dict.fromkeys(line for folder in folders for line in folder.requirements)
    return {
        "displayName": display_name,
        "description": description,
        "multiMetrics": True,
        "criteria": [_criterion(folder) for folder in folders],
        "requirements": "\n".join(requirements),
        "rollupSettings": {"skipRollup": True},
    }


def _criterion(folder: NamedFolder) -> dict[str, Any]:
    if not (folder.path / "main.py").is_file():
        raise FolderError(f"{folder.path}: the service calls `evaluate` of a main.py, and this folder has none: it can be scored here alone")
    return {
        "type": "CODE_SNIPPETS",
        "name": folder.name,
        "description": f"Metric: {folder.name}",
        "codeSnippets": {"language": "python", "fileContents": {name.as_posix(): _text(folder, name) for name in folder.files}},
    }


def _text(folder: NamedFolder, name: Any) -> str:
    try:
        return (folder.path / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FolderError(f"{folder.path / name}: the service takes files of UTF-8 text, and this one is none; remove it from the folder") from None
