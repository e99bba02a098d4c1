"""A metric folder's requirements.txt: read and checked against what is installed. Nothing is ever installed."""

from __future__ import annotations

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
    """The requirements of a folder's requirements.txt, one string each; none where it has no such file.

    Raises:
        FolderError: for a line that is no requirement.
    """
    return [str(line.requirement) for line in _lines(directory / FILE)]


def check_requirements(directory: Path) -> None:
    """Check that what a folder requires is installed.

    Raises:
        FolderError: naming every package that is missing or of a wrong version, and the command that installs them.
    """
    problems, wanted = [], []
    for line in _lines(directory / FILE):
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
            try:
                yield Line(file, number, Requirement(re.split(r"\s+--", content)[0]))
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                raise FolderError(
                    f"{shown(file)}:{number}: a line must be a package's name with its versions, such as numpy>=2, got {content!r}: {reason}"
                ) from None


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
