"""Local modules that Python files import, also inside of functions, and the packages that they need besides."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

from rl_rewards.scorers.metric_folder import folder_files

__all__ = ["distributions_of", "with_local_imports"]


def with_local_imports(files: Iterable[Path], bases: Sequence[Path]) -> set[Path]:
    """Python files with the local modules that they import, and those that these import.

    Of a package every file counts, its data as well.

    Args:
        files: absolute paths; those that are no Python files are kept as they are.
        bases: directories that modules are looked for in, besides the file's own.
    """
    found: set[Path] = set()
    left = [file.resolve() for file in files]
    while left:
        file = left.pop()
        if file in found:
            continue
        found.add(file)
        if file.suffix != ".py":
            continue
        if (file.parent / "__init__.py").is_file():
            left += [file.parent / name for name in folder_files(file.parent)]
        for name in _imported(file):
            left += _local(name, [*bases, file.parent])
    return found


def distributions_of(files: Iterable[Path]) -> set[str]:
    """Names of the installed packages that Python files import."""
    files = [file for file in files if file.suffix == ".py"]
    local = {file.stem for file in files} | {file.parent.name for file in files}
    tops = {name.partition(".")[0] for file in files for name in _imported(file)}
    known = packages_distributions()
    return {name for top in tops - local - sys.stdlib_module_names for name in known.get(top, ()) if name.lower().replace("_", "-") != "rl-rewards"}


def _imported(file: Path) -> set[str]:
    """Names of modules that a file imports; of `from a import b`, a and a.b."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.ImportFrom) and node.level == 1:  # the rest of its package counts whole
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return names


def _local(name: str, bases: Sequence[Path]) -> list[Path]:
    """The file of a module in one of the directories, and the `__init__.py` of the packages around it; none where it is not there."""
    parts = name.split(".")
    for base in bases:
        place, files = base, []
        for i, part in enumerate(parts):
            place = place / part
            if (place / "__init__.py").is_file():
                files.append((place / "__init__.py").resolve())
            elif i == len(parts) - 1 and place.with_suffix(".py").is_file():
                return [*files, place.with_suffix(".py").resolve()]
            elif not place.is_dir():
                break
        if files and "site-packages" not in files[0].parts:
            return files
    return []
