"""What a metric folder requires, by its requirements.txt and the decorator of `evaluate`: checked against what is installed. Nothing is ever installed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from rl_rewards.scorers.metric_folder.contents import FolderError, shown

__all__ = ["FILE", "check_requirements", "folder_requirements"]

FILE = "requirements.txt"
# What this package answers for itself: its own types and decorator are behind these names in a metric folder.
_OURS = {"reward-kit", "eval-protocol", "rl-rewards"}
_COMMENT = re.compile(r"(^|\s)#.*$")


class Line(NamedTuple):
    """A requirement and where it is written."""

    file: Path
    number: int
    requirement: Requirement


def folder_requirements(directory: Path) -> list[str]:
    """The requirements of a folder's requirements.txt, and of `@reward_function(requirements=[...])` in its main.py, one string each.

    Raises:
        FolderError: for a line that is no requirement.
    """
    return list(dict.fromkeys(str(line.requirement) for line in _all(directory)))


def check_requirements(directory: Path) -> None:
    """Check that what a folder requires is installed.

    Raises:
        FolderError: naming every package that is missing or of a wrong version, and the command that installs them.
    """
    problems, wanted = [], []
    for line in _all(directory):
        requirement = line.requirement
        if canonicalize_name(requirement.name) in _OURS or (requirement.marker is not None and not requirement.marker.evaluate()):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = None
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            has = "it is not installed" if found is None else f"version {found} is installed"
            problems.append(f"{shown(line.file)}:{line.number}: {requirement} is required, and {has}")
            wanted.append(str(requirement))
    if problems:
        raise FolderError("\n".join([*problems, f"install with: pip install {shlex.join(wanted)}"]))


def _all(directory: Path) -> Iterator[Line]:
    yield from _lines(directory / FILE)
    yield from _of_decorator(directory / "main.py")


def _of_decorator(main: Path) -> Iterator[Line]:
    """The requirements that the decorator of `evaluate` names, as a list or as the text of a requirements.txt; read without running the code."""
    try:
        tree = ast.parse(main.read_bytes())
    except (OSError, SyntaxError, ValueError):  # which importing it reports
        return
    for function in tree.body:
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and function.name == "evaluate":
            keywords = [keyword for call in function.decorator_list if isinstance(call, ast.Call) for keyword in call.keywords]
            for value in (keyword.value for keyword in keywords if keyword.arg == "requirements"):
                for element in value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]:
                    text = element.value if isinstance(element, ast.Constant) and isinstance(element.value, str) else ""
                    for line in filter(None, (_COMMENT.sub("", each).strip() for each in text.splitlines())):
                        yield _line(main, element.lineno, line)


def _line(file: Path, number: int, content: str) -> Line:
    try:
        return Line(file, number, Requirement(re.split(r"\s+--", content)[0]))
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        rule = "a requirement must be a package's name with its versions, such as numpy>=2"
        raise FolderError(f"{shown(file)}:{number}: {rule}, got {content!r}: {reason}") from None


def _lines(file: Path, above: tuple[Path, ...] = ()) -> Iterator[Line]:
    """The requirements of a file and of those that it includes with -r; options for pip, such as an index, are passed over."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if above:
            raise FolderError(f"{shown(above[-1])}: includes {shown(file)!r}, which is not there") from None
        return
    except UnicodeDecodeError as error:
        raise FolderError(f"{shown(file)}: a requirements file must be UTF-8 text: {error}") from None
    for number, written in _joined(text):
        content = _COMMENT.sub("", written).strip()
        if not content:
            continue
        if include := re.match(r"(?:-r|--requirement)[\s=]*(\S+)$", content):
            inner = file.parent / include.group(1)
            if inner.resolve() in {path.resolve() for path in (*above, file)}:
                raise FolderError(f"{shown(file)}:{number}: includes itself: {content}")
            yield from _lines(inner, (*above, file))
        elif content.startswith("-"):
            continue
        else:
            yield _line(file, number, content)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, those that end in a backslash joined with the next."""
    begun, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start if begun else number
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        yield start, begun + line
        begun = ""
    if begun:
        yield start, begun
