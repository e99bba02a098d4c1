"""Fireworks' preview of an evaluator: what the service itself answers for some samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.deploying.evaluator import evaluator_body
from rl_rewards.deploying.fireworks import Fireworks, FireworksError
from rl_rewards.folders import NamedFolder
from rl_rewards.tables.strict_json import strict_json
from rl_rewards.types.components import as_float

__all__ = ["RemotePreview", "RemoteResult", "preview_on_fireworks"]


@dataclass(frozen=True)
class RemoteResult:
    """What the service says of one sample.

    Attributes:
        index: the sample's place among those that were sent, from 0.
        success: whether it was evaluated, by the service's word.
        score: as the service gives it; None where it gives none. It is never made up.
        metrics: metric -> what the service says of it.
        reason: why, where it says so.
    """

    index: int
    success: bool
    score: float | None
    metrics: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class RemotePreview:
    """The service's answer.

    Attributes:
        results: of the samples, in order; fewer than were sent where it answers for fewer.
        total_samples: how many it says that it evaluated; None where it does not say.
        total_runtime_ms: milliseconds, by its word; None where it does not say.
        sent: how many samples were sent.
    """

    results: list[RemoteResult]
    total_samples: int | None
    total_runtime_ms: int | None
    sent: int

    @property
    def complete(self) -> bool:
        """Whether every sample that was sent has a score, by the service's word."""
        return len(self.results) == self.sent and all(result.success and result.score is not None for result in self.results)


def preview_on_fireworks(service: Fireworks, folders: Sequence[NamedFolder], samples: Sequence[Mapping[str, Any]]) -> RemotePreview:
    """Ask the service to evaluate samples with metric folders, without deploying anything.

    Args:
        samples: N rows, sent as they are.

    Raises:
        FolderError: for a folder that cannot be sent.
        FireworksError: when the service refuses or does not answer, with its status and what it said, or its answer is of another form.
    """
    body = {
        "evaluator": evaluator_body(folders, "Preview Evaluator", "Preview Evaluator"),
        "sampleData": [strict_json(sample) for sample in samples],
        "maxSamples": len(samples),
    }
    path = f"{service.evaluators}:previewEvaluator"
    answer = service.call("POST", path, body)
    results = answer.get("results") if isinstance(answer, Mapping) else None
    if not isinstance(results, list) or not all(isinstance(result, Mapping) for result in results):
        raise FireworksError(f"POST {service.credentials.base_url}{path}: the answer must have a list of results, got {answer!r:.200}")
    return RemotePreview(
        [_result(i, result) for i, result in enumerate(results)],
        _number(answer.get("totalSamples")),
        _number(answer.get("totalRuntimeMs")),
        len(samples),
    )


def _result(index: int, said: Mapping[str, Any]) -> RemoteResult:
    score, metrics = said.get("score"), said.get("perMetricEvals")
    reason = next((str(said[name]) for name in ("reason", "error", "message") if said.get(name)), None)
    number = None if isinstance(score, (bool, str)) or score is None else as_float(score)
    number = number if number is not None and math.isfinite(number) else None
    return RemoteResult(index, said.get("success") is True, number, dict(metrics) if isinstance(metrics, Mapping) else {}, reason)


def _number(value: Any) -> int | None:
    """A number, which protobuf's JSON writes as text, too."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
