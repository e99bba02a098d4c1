"""`metric_folder`: the `evaluate` of a folder's main.py as a scorer."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from rl_rewards.configured import configured
from rl_rewards.functions import FunctionScorer, reward_function
from rl_rewards.loading import LoadError, base_directory, code_allowed
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.metric_folder.contents import FolderError, folder_digest, shown
from rl_rewards.scorers.metric_folder.faults import import_fault, no_evaluate
from rl_rewards.scorers.metric_folder.modules import import_from
from rl_rewards.scorers.metric_folder.requirements import check_requirements
from rl_rewards.types import EvaluateResult, Sample

_MAIN = "main.py"


@configured
class MetricFolder(Scorer):
    """Calls `evaluate` of a folder's main.py once a sample: a metric folder of Reward Kit, with its helper modules and data.

    `evaluate(messages, original_messages, ..., **kwargs)` gets by name what a `@reward_function` gets, decorated or not, sync or async, and returns
    an EvaluateResult, a dict of its fields, a number, or None (not applicable); its metrics are components. The folder's modules are
    imported under names of their own, so that two folders do not meet; its requirements.txt is checked, and nothing is installed.
    """

    path: str
    """The folder, relative to the rubric file or the working directory."""
    args: dict[str, Any] = field(default_factory=dict)
    """Arguments that are the same for every sample, by name."""

    # No options: set for each object below.
    _scorer: ClassVar[FunctionScorer]
    _digest: ClassVar[str]

    def __post_init__(self) -> None:
        if not code_allowed():
            raise LoadError(f"the metric folder {self.path!r} is code, which must not be run here (no code)")
        directory = _directory(self.path)
        object.__setattr__(self, "path", str(directory))
        check_requirements(directory)
        object.__setattr__(self, "_digest", folder_digest(directory))
        # Loaded once, here, so that a wrong folder fails when the rubric is read and not at the first step.
        scorer = _evaluate(directory, self._digest)
        object.__setattr__(self, "_scorer", scorer.bind(self.args) if self.args else scorer)

    @property
    def directory(self) -> Path:
        """The folder, in full."""
        return Path(self.path)

    @property
    def traits(self) -> Traits:
        return self._scorer.traits

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"folder_sha256": self._digest}

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]] | None:
        return self._scorer.submit(samples, answers)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self._scorer.score(samples, answers)

    def __reduce__(self) -> Any:
        return (_folder_in, (self.path, self.args, self._digest))


def _folder_in(path: str, args: dict[str, Any], digest: str) -> MetricFolder:
    """A MetricFolder from another process.

    Raises:
        FolderError: when its code is another by now: one rubric must not score with two.
    """
    folder = MetricFolder(path, args)
    if folder._digest != digest:
        raise FolderError(f"{shown(path)}: the folder's code must be as it was when the rubric was loaded, and it has changed; load the rubric again")
    return folder


def _directory(path: str) -> Path:
    """The folder that a path names.

    Raises:
        FolderError: when there is none, or it has no main.py.
    """
    given = Path(path).expanduser()
    base = base_directory()
    places = [given] if given.is_absolute() else [place / given for place in (base, Path.cwd()) if place is not None]
    directory = next((place for place in places if place.is_dir()), None)
    if directory is None:
        found = "a file" if any(place.exists() for place in places) else "nothing of that name"
        raise FolderError(f"{shown(given)}: a metric folder must be a directory with a {_MAIN}, found {found}")
    if not (directory / _MAIN).is_file():
        names = sorted(name for name in os.listdir(directory) if not name.startswith((".", "__")))
        has = f"it has {', '.join(names[:12])}" if names else "it is empty"
        below = next((name for name in names if (directory / name / _MAIN).is_file()), None)
        hint = f"; did you mean {shown(given / below)}?" if below else ""
        raise FolderError(f"{shown(given)}: a metric folder must have a {_MAIN} that defines evaluate, and {has}{hint}")
    return directory.resolve()


def _evaluate(directory: Path, digest: str) -> FunctionScorer:
    """The `evaluate` of a folder's main.py as a scorer.

    Raises:
        FolderError: when it cannot be imported, or has no such function; with file and line.
    """
    file = directory / _MAIN
    try:
        module = import_from(directory, digest)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a script that ends the process at its import
        raise FolderError(import_fault(directory, error)) from error
    function = getattr(module, "evaluate", None)
    if isinstance(function, FunctionScorer):
        return function
    if not callable(function) or inspect.isclass(function):
        raise FolderError(no_evaluate(file, function))
    try:
        return reward_function(function, mode="batch" if getattr(function, "_reward_function_mode", None) == "batch" else "pointwise")
    except ValueError as error:
        raise FolderError(f"{shown(file)}:{inspect.unwrap(function).__code__.co_firstlineno}: {error}") from None
