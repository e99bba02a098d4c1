"""A criteria file of a harbor-rewardkit folder as a scorer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from rl_rewards.configured import configured
from rl_rewards.failures import described_with_place, failure_of, stops_the_process
from rl_rewards.folders.rewardkit.aggregation import How, Part, check_weights, combined
from rl_rewards.folders.rewardkit.discovery import load_checks
from rl_rewards.folders.rewardkit.session import Check
from rl_rewards.folders.rewardkit.workspace import files_of, workspace_of
from rl_rewards.loading import LoadError, code_allowed
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import folder_digest
from rl_rewards.scorers.metric_folder.requirements import check_requirements
from rl_rewards.scorers.timing import each_timed
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample
from rl_rewards.types.components import as_float

__all__ = ["RewardkitCriteria"]

_RETURNED = {"score", "reasoning", "confidence", "model"}


@configured
class RewardkitCriteria(Scorer):
    """Scores a workspace with the files of a sample by the checks of one criteria file; each is a component.

    What a check raises is our failure, with its place; a file that is missing is the policy's.
    """

    folder: str
    """The folder of harbor-rewardkit, in full."""
    file: str
    """The criteria file, relative to the folder."""
    named: tuple[str, ...] = field(default=(), kw_only=True)
    """The files of the workspace that all criteria of the folder name."""
    aggregation: How = field(default="weighted-mean", kw_only=True)
    """How its checks combine."""
    threshold: float = field(default=0.5, kw_only=True)
    """For threshold: what the mean must reach."""

    _checks: ClassVar[list[Check]]
    _digest: ClassVar[str]

    def __post_init__(self) -> None:
        if not code_allowed():
            raise LoadError(f"the criteria {self.file!r} of {self.folder!r} are code, which must not be run here (no code)")
        directory = Path(self.folder)
        check_requirements(directory)
        object.__setattr__(self, "_digest", folder_digest(directory))
        object.__setattr__(self, "_checks", load_checks(directory, self._digest).get(self.file, []))
        if not self._checks:
            raise FolderError(f"{directory / self.file}: the file must register criteria, and registers none")
        check_weights([check.weight for check in self._checks], self.aggregation)

    @property
    def traits(self) -> Traits:
        return Traits(per_sample=True, runs_in_workers=self.runs_programs)

    @property
    def runs_programs(self) -> bool:
        """Whether a check of it runs a program of the policy's, in processes of the sandbox: then it cannot be isolated as a whole."""
        return any(check.runs_programs for check in self._checks)

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"folder_sha256": self._digest}

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return each_timed(self._result, samples, answers)

    def _result(self, sample: Sample, answer: Any) -> EvaluateResult:
        try:
            files = files_of(sample, answer, self.named)
        except MissingReferenceError as missing:
            return failure_of(missing)
        metrics: dict[str, Any] = {}
        values = []
        with workspace_of(sample, files) as workspace:
            for check in self._checks:
                try:
                    if check.isolated:
                        with workspace_of(sample, files) as own:
                            value, reason = _run(check, own)
                    else:
                        value, reason = _run(check, workspace)
                except MemoryError:  # a worker's limit, which its owner reports
                    raise
                except BaseException as error:
                    if stops_the_process(error):
                        raise
                    return EvaluateResult.failure(Outcome.ERROR, f"criterion {check.name!r}: {described_with_place(error)}", error)
                values.append(value)
                metrics[_free(check.name, metrics)] = MetricResult(value, reason)
        score = combined([Part(value, check.weight) for value, check in zip(values, self._checks, strict=True)], self.aggregation, self.threshold)
        return EvaluateResult(score, f"{self.aggregation} of {len(values)} criteria", metrics)

    def __reduce__(self) -> Any:
        return _criteria_in, (self._digest, self.folder, self.file, self.named, self.aggregation, self.threshold)


def _criteria_in(digest: str, folder: str, file: str, named: tuple[str, ...], aggregation: How, threshold: float) -> RewardkitCriteria:
    """Criteria from another process.

    Raises:
        FolderError: when the folder's code is another by now.
    """
    made = RewardkitCriteria(folder, file, named=named, aggregation=aggregation, threshold=threshold)
    if made._digest != digest:
        raise FolderError(f"{folder}: the folder's code must be as it was when the rubric was loaded, and it has changed; load the rubric again")
    return made


def _run(check: Check, workspace: Path) -> tuple[float, str]:
    """A check's score and reason.

    Raises:
        ValueError: when it returned neither a number nor a dict with one; whatever it raises.
    """
    returned = check.function(workspace) if inspect.signature(check.function).parameters else check.function()
    reason = ""
    if isinstance(returned, Mapping):
        if "score" not in returned or set(returned) - _RETURNED:
            raise ValueError(f"a criterion's dict must have 'score' and may have reasoning, confidence and model, got {sorted(returned)}")
        reason, returned = str(returned.get("reasoning") or ""), returned["score"]
    value = as_float(returned) if isinstance(returned, (bool, int, float)) else None
    if value is None:
        raise ValueError(f"a criterion must return a bool, a number or a dict with a score, got {type(returned).__name__}: {returned!r:.80}")
    return value, reason


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A component's name, numbered where an earlier one has it."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    return found
