"""Evaluations in a directory: each under its id, every version kept, one of them current.

DIRECTORY/ID/1/...      a version, as `stored` describes it
DIRECTORY/ID/2/...
DIRECTORY/ID/current    the number of the version that counts
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rl_rewards.deploying.bundle import Bundle
from rl_rewards.deploying.evaluation_id import DeployError, check_id
from rl_rewards.deploying.stored import (
    DESCRIPTION,
    Deployment,
    deployment_of,
    importable_from_now_on,
    load_deployment,
    read_deployment,
    write_deployment,
)
from rl_rewards.rubric import Rubric
from rl_rewards.tables.atomic import atomic_path
from rl_rewards.user_errors import user_message

__all__ = ["DIRECTORY_VARIABLE", "Registry", "default_directory", "deployments_in", "descriptions_in"]

DIRECTORY_VARIABLE = "RL_REWARDS_EVALUATIONS"
"""Environment variable with the directory of local evaluations."""
_CURRENT = "current"


def default_directory() -> Path:
    """Where local evaluations are: $RL_REWARDS_EVALUATIONS, else ~/.rl_rewards/evaluations."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".rl_rewards" / "evaluations"


class Registry:
    """The evaluations of a directory.

    Args:
        directory: made when the first one is registered.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def ids(self) -> list[str]:
        """The ids that there are, sorted."""
        if not self.directory.is_dir():
            return []
        return sorted(place.parent.name for place in self.directory.glob(f"*/{_CURRENT}"))

    def place(self, evaluation_id: str, version: int | None = None) -> Path:
        """The directory of an evaluation's version, by default of the current one.

        Raises:
            DeployError: when there is none.
        """
        if version is None:
            try:
                version = int((self.directory / evaluation_id / _CURRENT).read_text())
            except (OSError, ValueError):
                raise DeployError(f"{self.directory}: no evaluation {evaluation_id!r}; there are {self.ids}") from None
        place = self.directory / evaluation_id / str(version)
        if not (place / DESCRIPTION).is_file():
            raise DeployError(f"{place}: no such version; there are {self.versions(evaluation_id)}")
        return place

    def versions(self, evaluation_id: str) -> list[int]:
        """The versions of an evaluation, in order."""
        places = (self.directory / evaluation_id).glob(f"*/{DESCRIPTION}")
        return sorted(int(place.parent.name) for place in places if place.parent.name.isdigit())

    def get(self, evaluation_id: str) -> Deployment | None:
        """The current version of an evaluation; None where there is none."""
        return read_deployment(self.place(evaluation_id)) if evaluation_id in self.ids else None

    def register(self, bundle: Bundle, evaluation_id: str, display_name: str, description: str, force: bool = False) -> tuple[Deployment, bool]:
        """Register a bundle as the current version of an evaluation.

        It is written beside the others and becomes current in one step, so that whoever reads finds the old version or the new one, whole.

        Args:
            force: make a new version where the id is there already; else that is an error.

        Returns:
            The deployment, and whether it is new: the same files under the same names are no new version.

        Raises:
            DeployError: for an id that is none, or is there already without `force`.
        """
        check_id(evaluation_id)
        home = self.directory / evaluation_id
        home.mkdir(parents=True, exist_ok=True)
        with _lock(home):
            before = self.get(evaluation_id)
            if before is not None and not force:
                raise DeployError(
                    f"{self.directory}: the evaluation {evaluation_id!r} is there already, version {before.version} of {before.created}; "
                    "--force (force=True) makes a new version of it"
                )
            if before is not None and (before.digest, before.display_name, before.description) == (bundle.digest, display_name, description):
                return before, False
            version = max(self.versions(evaluation_id), default=0) + 1
            created = datetime.now(UTC).isoformat(timespec="seconds")
            deployment = deployment_of(bundle, evaluation_id, version, display_name, description, created)
            self._write(bundle, deployment, home)
            return deployment, True

    @staticmethod
    def _write(bundle: Bundle, deployment: Deployment, home: Path) -> None:
        for left in home.glob(".partial_*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial_", dir=home))
        try:
            write_deployment(bundle, deployment, partial)
            partial.chmod(0o755)  # other users may read what they serve
            partial.rename(home / str(deployment.version))
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        with atomic_path(home / _CURRENT) as number:
            number.write_text(f"{deployment.version}\n")


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with open(home / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def deployments_in(directory: Path) -> dict[str, tuple[Deployment, Rubric]]:
    """The evaluations of a directory that `deploy` wrote, by id, the current version of each; none where it is another directory.

    Raises:
        DeployError: for one that cannot be loaded; with its id.
    """
    found: dict[str, tuple[Deployment, Rubric]] = {}
    for place in _places(directory):
        deployment = read_deployment(place)
        try:
            found[deployment.id] = deployment, load_deployment(place)
        except Exception as error:
            if (message := user_message(error)) is None:
                raise
            raise DeployError(f"{place}: the evaluation {deployment.id!r} cannot be loaded: {message}") from error
    importable_from_now_on(_places(directory))
    return found


def descriptions_in(directory: Path) -> dict[str, dict[str, Any]]:
    """What a server says of each evaluation of a directory besides its rewards."""
    found = {}
    for place in _places(directory):
        deployment = read_deployment(place)
        names = ("version", "digest", "created", "display_name", "description")
        found[deployment.id] = {name: getattr(deployment, name) for name in names}
    return found


def _places(directory: Path) -> list[Path]:
    if (directory / DESCRIPTION).is_file():
        return [directory]
    registry = Registry(directory)
    return [registry.place(each) for each in registry.ids]
