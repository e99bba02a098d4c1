"""A rubric or metric folders with every file that they need, as they lie relative to each other."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rl_rewards.deploying.evaluation_id import DeployError
from rl_rewards.deploying.imports import distributions_of, with_local_imports
from rl_rewards.folders import folder_files, folder_requirements, load_folders, named_folders

__all__ = ["Bundle", "bundle_of_folders", "bundle_of_target"]

_LARGEST = 512 << 20  # bytes that are copied; a checkpoint that is larger is named by its hub id instead
_OUR_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Bundle:
    """What is deployed.

    Attributes:
        files: path in the bundle -> the file's path here, or its content.
        target: the rubric, as a command line names it with `directory` as its working directory; None where there are folders.
        directory: the working directory, in the bundle.
        folders: `name=path` of metric folders, paths in the bundle.
        weights: metric folder -> its weight.
        requirements: packages that the code needs, a requirement each.
        kinds: modules of the rubric's parsers and scorers.
        columns: the dataset's columns that it reads.
        rewards: names of its rewards.
    """

    files: Mapping[str, Path | bytes]
    target: str | None = None
    directory: str = "."
    folders: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    requirements: Sequence[str] = ()
    kinds: Sequence[str] = ()
    columns: Sequence[str] = ()
    rewards: Sequence[str] = ()

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """(path, content) of every file, by path."""
        for name in sorted(self.files):
            source = self.files[name]
            yield name, source if isinstance(source, bytes) else source.read_bytes()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the files, the target and the weights."""
        whole = hashlib.sha256(json.dumps([self.target, self.directory, list(self.folders), dict(self.weights)]).encode())
        for name, content in self.contents():
            whole.update(f"\0{name}\0{hashlib.sha256(content).hexdigest()}".encode())
        return whole.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(source) if isinstance(source, bytes) else source.stat().st_size for source in self.files.values())


def bundle_of_folders(values: Sequence[str], weights: Mapping[str, float] | None = None) -> Bundle:
    """Metric folders, `name=path` each, with all of their files.

    Raises:
        FolderError: for a folder that cannot be loaded here and now.
        DeployError: when they are too large.
    """
    rubric = load_folders(values, weights)  # what does not load here would not load there
    folders = named_folders(values)
    files = {f"metrics/{name}/{file.as_posix()}": path / file for name, path in folders for file in folder_files(path)}
    declared = [line for reward in rubric for line in _declared(getattr(reward.score, "_scorer", None))]
    required = [*(line for folder in folders for line in folder_requirements(folder.path)), *declared]
    return _checked(
        Bundle(
            files,
            folders=[f"{name}=metrics/{name}" for name, _ in folders],
            weights=dict(weights or {}),
            requirements=[*dict.fromkeys(required), *_missing_from(required, distributions_of(files.values()))],
            kinds=sorted({cls.__module__ for reward in rubric for cls in type(reward.score).__mro__}),
            columns=sorted(rubric.columns),
            rewards=[reward.name for reward in rubric],
        )
    )


def _declared(function: Any) -> list[str]:
    """The requirements that Reward Kit's decorator was given: a list, or the text of a requirements.txt."""
    given = getattr(function, "_reward_function_requirements", None) or ()
    lines = given.splitlines() if isinstance(given, str) else given
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _missing_from(required: Iterable[str], distributions: Iterable[str]) -> list[str]:
    """Packages that code imports and no requirement names."""
    named = {_plain(line) for line in required}
    return sorted(name for name in {_plain(name) for name in distributions} if name not in named)


def _plain(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return requirement


def bundle_of_target(target: str) -> Bundle:
    """A rubric file, or a Python object at `module:name` or `file.py:name`, with every file that it needs.

    It is loaded in a process of its own, and what that reads is what it needs: the file itself, modules and what they import (inside of
    functions, too), files that are opened at the import, metric folders, and whatever its options name by a relative path.

    Raises:
        DeployError: when it cannot be loaded, a file is named by an absolute path, or they are too large.
    """
    here = Path.cwd().resolve()
    file = _file_of(target)
    found = _traced(target)
    beside = here if file is None else file.parent
    folders = [Path(folder).resolve() for folder in found["folders"]]
    read = {path for name in found["files"] if _is_local(path := Path(name).resolve())}
    needed = with_local_imports(read | ({file} if file else set()), [beside, here])
    needed |= {folder / name for folder in folders for name in folder_files(folder)} | _named_in(file, beside)
    needed = {path for path in needed if _is_local(path)}
    root = _root(needed, beside, here)
    kept = {path.relative_to(root).as_posix(): path for path in needed}
    name = target if file is None else os.path.relpath(file, here if root != beside else beside) + target[len(_path_of(target)) :]
    required = [line for folder in folders for line in folder_requirements(folder)]
    return _checked(
        Bundle(
            kept,
            target=name,
            directory=Path(os.path.relpath(beside if root == beside else here, root)).as_posix(),
            requirements=[*dict.fromkeys(required), *_missing_from(required, distributions_of(needed))],
            kinds=found["kinds"],
            columns=found["columns"],
            rewards=found["rewards"],
        )
    )


def _path_of(target: str) -> str:
    """The file in a target, as it is written; empty for a module."""
    if ":" not in target or os.path.exists(target):
        return target
    path = target.rpartition(":")[0]
    return path if path.endswith(".py") else ""


def _file_of(target: str) -> Path | None:
    path = _path_of(target)
    if not path:
        return None
    if not Path(path).is_file():
        raise DeployError(
            f"{path}: a rubric must be a file, or MODULE:NAME, found {'a directory' if Path(path).is_dir() else 'nothing of that name'}"
        )
    return Path(path).resolve()


def _traced(target: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "trace.json")
        command = [sys.executable, "-m", "rl_rewards.deploying.tracing", target, str(out)]
        finished = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = json.loads(out.read_text()) if out.is_file() else {"error": f"{target}: cannot be loaded: {finished.stderr.strip()[-500:]}"}
    if "error" in found:
        raise DeployError(found["error"])
    return found


def _is_local(path: Path) -> bool:
    """Whether a file is the user's own: no part of Python, of an installed package, or of this one, and no byte code."""
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    installed |= {_OUR_PACKAGE, Path(sys.prefix).resolve(), Path("/proc"), Path("/dev"), Path("/sys"), Path("/etc"), Path("/usr")}
    outside = any(path.is_relative_to(place) for place in installed) or "site-packages" in path.parts or "__pycache__" in path.parts
    return not outside and path.suffix not in (".pyc", ".so") and not any(part.startswith(".") for part in path.relative_to(path.anchor).parts[-2:])


def _named_in(file: Path | None, beside: Path) -> set[Path]:
    """Files and directories that a rubric file's values name by a path relative to it: prompts, checkpoints.

    Raises:
        DeployError: for an absolute path, which is nowhere else.
    """
    if file is None or file.suffix not in (".yaml", ".yml", ".json"):
        return set()
    import yaml

    try:
        written = list(_texts(yaml.safe_load(file.read_bytes())))
    except yaml.YAMLError:
        return set()
    found: set[Path] = set()
    for text in written:
        name = text.rpartition(":")[0] if ".py:" in text else text
        if len(name) > 1024 or "\n" in name or not ("/" in name or Path(name).suffix):
            continue
        try:
            place = beside / Path(name).expanduser()
            if Path(name).expanduser().is_absolute() and place.exists():
                raise DeployError(f"{file.name}: a path must be relative to the rubric file where it is to be deployed, got {name!r}")
            found |= {place.resolve()} if place.is_file() else {place.resolve() / each for each in folder_files(place)} if place.is_dir() else set()
        except OSError:
            continue
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _root(files: set[Path], beside: Path, here: Path) -> Path:
    """What paths in the bundle are relative to: the rubric's directory, else the working directory, else what is above all."""
    if all(path.is_relative_to(beside) for path in files):
        return beside
    if all(path.is_relative_to(here) for path in files):
        return here
    return Path(os.path.commonpath([*map(str, files), str(here)]))


def _checked(bundle: Bundle) -> Bundle:
    if bundle.size > _LARGEST:
        sizes = {name: len(source) if isinstance(source, bytes) else source.stat().st_size for name, source in bundle.files.items()}
        largest = max(sizes, key=lambda name: sizes[name])
        raise DeployError(
            f"the files must be at most {_LARGEST >> 20} MiB together, got {bundle.size >> 20} MiB, of which {largest} has {sizes[largest] >> 20}"
        )
    return bundle
