"""A deployed evaluation on disk: its files, and what they are.

DIRECTORY/deployment.json    id, version, names, digest, what to load
DIRECTORY/files/...          the bundle
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rl_rewards.deploying.bundle import Bundle
from rl_rewards.deploying.evaluation_id import DeployError
from rl_rewards.folders import load_folders
from rl_rewards.loading import relative_to
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.target import load_target

__all__ = ["DESCRIPTION", "Deployment", "importable_from_now_on", "load_deployment", "read_deployment", "write_deployment"]

DESCRIPTION, _FILES = "deployment.json", "files"


@dataclass(frozen=True)
class Deployment:
    """What is known of a deployed evaluation.

    Attributes:
        id: its id.
        version: counted from 1.
        display_name, description: for people.
        digest: SHA-256 of its files and of what is loaded.
        created: when, UTC, as ISO 8601 has it.
        target, directory, folders, weights: what to load, as in Bundle.
        requirements: packages that it needs.
        columns: the dataset's columns that it reads.
        rewards: names of its rewards.
    """

    id: str
    version: int
    display_name: str
    description: str
    digest: str
    created: str
    target: str | None = None
    directory: str = "."
    folders: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rewards: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its resource name, as the services write it."""
        return f"accounts/local/evaluators/{self.id}"


def deployment_of(bundle: Bundle, evaluation_id: str, version: int, display_name: str, description: str, created: str) -> Deployment:
    """The description of a bundle as a version of an evaluation."""
    return Deployment(
        evaluation_id,
        version,
        display_name,
        description,
        bundle.digest,
        created,
        bundle.target,
        bundle.directory,
        list(bundle.folders),
        dict(bundle.weights),
        list(bundle.requirements),
        list(bundle.columns),
        list(bundle.rewards),
    )


def write_deployment(bundle: Bundle, deployment: Deployment, directory: Path) -> None:
    """Write a deployment's files and its description, which comes last, into an empty directory."""
    for name, content in bundle.contents():
        place = directory / _FILES / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (directory / _FILES / bundle.directory).mkdir(parents=True, exist_ok=True)
    (directory / DESCRIPTION).write_text(json.dumps(asdict(deployment), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_deployment(directory: Path) -> Deployment:
    """The description in a deployment's directory.

    Raises:
        DeployError: when it is not one.
    """
    file = directory / DESCRIPTION
    try:
        return Deployment(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DeployError(f"{file}: must be the description of a deployment, which rl-rewards deploy writes: {error}") from None


def load_deployment(directory: Path) -> Rubric:
    """The rubric of a deployment, from its own files.

    Raises:
        what loading raises.
    """
    deployment = read_deployment(directory)
    place = (directory / _FILES / deployment.directory).resolve()
    with _working_in(place), _own_modules(directory.resolve()), relative_to(place):
        if deployment.target is None:
            return load_folders([f"{pair.partition('=')[0]}={place / pair.partition('=')[2]}" for pair in deployment.folders], deployment.weights)
        return load_target(deployment.target)


def importable_from_now_on(directories: Sequence[Path]) -> None:
    """Let functions of deployments import their modules when they are called, and not at their own import alone.

    A module's name leads to one file in a process. Where two of the deployments have modules of one name, such an import finds none of them and is
    an error of that reward; it never finds the other one's.
    """
    places = [_module_places(directory) for directory in directories]
    names = [{name for place in each for name in _modules_in(place)} for each in places]
    for i, each in enumerate(places):
        if names[i] and not any(names[i] & others for j, others in enumerate(names) if j != i):
            sys.path += [str(place) for place in each if str(place) not in sys.path]


def _module_places(directory: Path) -> list[Path]:
    """Where a deployment's modules are looked for: its working directory, and that of its rubric."""
    deployment = read_deployment(directory)
    if deployment.target is None:
        return []  # a metric folder's code finds its own modules
    place = (directory / _FILES / deployment.directory).resolve()
    return list(dict.fromkeys([place, (place / deployment.target.rpartition("/")[0]).resolve()]))


def _modules_in(place: Path) -> set[str]:
    if not place.is_dir():
        return set()
    return {path.stem for path in place.glob("*.py")} | {path.parent.name for path in place.glob("*/__init__.py")}


@contextlib.contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _own_modules(directory: Path) -> Iterator[None]:
    """Import modules anew that another deployment has under the same name: `rewards` of one is not `rewards` of another."""
    others: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and _is_deployed(Path(file)) and not Path(file).is_relative_to(directory) and not name.startswith("rl_rewards_"):
            others[name] = sys.modules.pop(name)
    try:
        yield
    finally:
        for name, module in others.items():
            sys.modules.setdefault(name, module)


def _is_deployed(file: Path) -> bool:
    return any(parent.name == _FILES and (parent.parent / DESCRIPTION).is_file() for parent in file.parents)
