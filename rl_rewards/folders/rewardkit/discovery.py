"""Which files of a harbor-rewardkit folder hold criteria, and the checks that they register."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

from rl_rewards.folders.rewardkit.config import is_judge_file, read_toml
from rl_rewards.folders.rewardkit.session import Check, Folder, loading
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import shown
from rl_rewards.scorers.metric_folder.faults import import_fault
from rl_rewards.scorers.metric_folder.modules import import_from

__all__ = ["children_of", "is_rewardkit_folder", "load_checks", "python_files_of"]

_IMPORTS_REWARDKIT = re.compile(r"^\s*(?:from|import)\s+rewardkit\b", re.MULTILINE)


def is_rewardkit_folder(directory: Path) -> bool:
    """Whether a folder is one of harbor-rewardkit and not of Reward Kit: it has a reward.toml, a judge file or criteria, and no `evaluate` in a main.py."""
    if not directory.is_dir() or _defines_evaluate(directory / "main.py"):
        return False
    if (directory / "reward.toml").is_file():
        return True
    places = [directory]
    for place in places:
        places += children_of(place)
        if any(_IMPORTS_REWARDKIT.search(path.read_text(encoding="utf-8", errors="replace")) for path in python_files_of(place)):
            return True
        for path in sorted(place.glob("*.toml")):
            try:
                if is_judge_file(read_toml(path)):
                    return True
            except FolderError:
                continue
    return False


def _defines_evaluate(main: Path) -> bool:
    try:
        tree = ast.parse(main.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == "evaluate" for node in tree.body)


def children_of(directory: Path) -> list[Path]:
    """The directories that may be dimensions."""
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def python_files_of(directory: Path) -> list[Path]:
    """The Python files that may hold criteria."""
    return sorted(directory.glob("*.py"))


@lru_cache(maxsize=64)
def load_checks(root: Path, digest: str) -> dict[str, list[Check]]:
    """File, relative to the folder -> its checks; a file without checks is left out. Imported once in a process, for as long as the code is the same.

    Raises:
        FolderError: when a file cannot be imported, with its line, or uses what is not supported.
    """
    folder, found = Folder(), {}

    def load(directory: Path) -> None:
        names = [path.name for path in children_of(directory) if python_files_of(path)]
        for path in python_files_of(directory):
            if path.stem in names:
                raise FolderError(f"{shown(directory)}: inputs must have different names, got {path.name} and a directory {path.stem!r}: rename one")
            name = path.relative_to(root)
            folder.checks = []
            try:
                with loading(folder):
                    import_from(root, digest, ".".join(name.with_suffix("").parts))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit, too
                raise FolderError(import_fault(root, error, path)) from error
            if folder.checks:
                found[name.as_posix()] = [check for _, check, _ in folder.checks]
        for child in children_of(directory):
            load(child)

    load(root)
    for name, checks in found.items():
        if not all(check.weight == check.weight and abs(check.weight) != float("inf") for check in checks):
            raise FolderError(f"{shown(root / name)}: the weight of a criterion must be finite")
    return found
