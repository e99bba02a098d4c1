"""`function`: a Python function named in a rubric file as a scorer."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Literal

from rl_rewards.configured import configured
from rl_rewards.functions import FunctionScorer, reward_function
from rl_rewards.loading import absolute_path, base_directory, load_object, relative_to
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, Sample


@configured
class Function(Scorer):
    """A Python function as a scorer: one made by @reward_function, or a plain one."""

    path: str
    """Where it is: "package.module:name" or "path/to/file.py:name", relative to the rubric file or the working directory."""
    args: dict[str, Any] = field(default_factory=dict)
    """Arguments that are the same for every sample, by name."""
    mode: Literal["pointwise", "batch"] | None = None
    """How a plain function is called: once a sample (the default), or once a batch as TRL calls a reward function."""

    # No options: set for each object below.
    _scorer: ClassVar[FunctionScorer]
    _base: ClassVar[Path | None]
    _digest: ClassVar[str | None]  # of the file that has the function, as it was loaded

    def __post_init__(self) -> None:
        object.__setattr__(self, "_base", base_directory())
        object.__setattr__(self, "path", absolute_path(self.path))
        loaded = load_object(self.path)
        if isinstance(loaded, type) and issubclass(loaded, Scorer):
            raise ValueError(f"{self.path!r} is a scorer class, not a function: write `score: {{{self.path!r}: {{...}}}}` with its options")
        if not callable(loaded):
            raise ValueError(f"{self.path!r} is a {type(loaded).__name__}, not a function")
        if isinstance(loaded, FunctionScorer) and self.mode not in (None, loaded.mode):
            raise ValueError(f"{self.path!r} is decorated as {loaded.mode}, so its mode cannot be {self.mode!r}")
        if not isinstance(loaded, FunctionScorer):
            loaded = reward_function(loaded, mode=self.mode or "pointwise")
        if self.args:
            loaded = loaded.bind(self.args)
        # Loaded once, here, so that a wrong path fails when the rubric is read and not at the first step.
        object.__setattr__(self, "_scorer", loaded)
        object.__setattr__(self, "_digest", _digest_of_file(loaded))

    @property
    def traits(self) -> Traits:
        return self._scorer.traits

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {} if self._digest is None else {"file_sha256": self._digest}

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]] | None:
        return self._scorer.submit(samples, answers)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self._scorer.score(samples, answers)

    def __reduce__(self) -> Any:
        return (_function_in, (self._base, self.path, self.args, self.mode))


def _digest_of_file(function: Any) -> str | None:
    """SHA-256 of the file that a function is written in; None where there is none."""
    try:
        return hashlib.sha256(Path(inspect.getfile(inspect.unwrap(function))).read_bytes()).hexdigest()
    except (OSError, TypeError, ValueError):
        return None


def _function_in(base: Path | None, *options: Any) -> Function:
    """A Function from another process, found where the rubric that named it lies."""
    with contextlib.nullcontext() if base is None else relative_to(base):
        return Function(*options)
