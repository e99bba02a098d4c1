"""What a run was made of: its rubric, its configuration and the versions of what ran it, kept beside the record and in it."""

from __future__ import annotations

import difflib
import hashlib
import json
import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rl_rewards.recording.rows import SCHEMA_VERSION
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.native import to_text
from rl_rewards.tables.atomic import atomic_path

__all__ = ["difference", "digest_of", "metadata_of", "read_rubric", "rubric_text", "write_rubric"]

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_PACKAGES = ("rl_rewards", "trl", "transformers", "torch", "peft", "datasets", "accelerate")


def rubric_text(rubric: Rubric, directory: Path) -> str:
    """A rubric as its file would be in `directory`; where no file can name all of it, as Python shows it."""
    try:
        return to_text(rubric, directory)
    except ValueError as error:
        shown = "\n".join(f"# {reward!r}" for reward in rubric.rewards)
        return _ADDRESS.sub("", f"# No file can hold this rubric: {error}\n{shown}\n")


def digest_of(rubric: Rubric, directory: Path) -> str:
    """SHA-256 of a rubric as its file would be in `directory`, and of what its scorers depend on besides."""
    said = json.dumps([[reward.name, dict(reward.score.provenance)] for reward in rubric], sort_keys=True, default=str)
    return hashlib.sha256(f"{rubric_text(rubric, directory)}\0{said}".encode("utf-8", "backslashreplace")).hexdigest()


def write_rubric(text: str, path: Path) -> None:
    """Write a run's rubric, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_rubric(path: Path) -> str | None:
    """The rubric that a run keeps; None where it keeps none."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def difference(before: str, after: str) -> str:
    """The lines that differ between two rubrics; empty where none does."""
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), "the run's rubric", "this rubric", lineterm="", n=1))


def metadata_of(rubric: Rubric, text: str, config: Mapping[str, Any] | None) -> dict[str, str]:
    """Key-value metadata of a record: `rl_rewards.schema_version`, `.rubric`, `.config` (JSON), `.versions` (JSON), and `.scorers` (JSON), what
    each reward's scorer says of itself: of a judge its model, its sampling settings and the digest of its prompt.

    Args:
        text: the rubric as a file.
        config: the run's configuration.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "rl_rewards.schema_version": str(SCHEMA_VERSION),
        "rl_rewards.rubric": text,
        "rl_rewards.config": json.dumps(dict(config or {}), default=str, sort_keys=True),
        "rl_rewards.versions": json.dumps(versions),
        "rl_rewards.scorers": json.dumps({reward.name: dict(said) for reward in rubric if (said := reward.score.provenance)}, sort_keys=True),
    }
