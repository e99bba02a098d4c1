"""The values that travel from a caller to a log line and back."""

from __future__ import annotations

from rl_rewards.types.messages import Message, text_of
from rl_rewards.types.results import EvaluateResult, MetricResult, MissingReferenceError, Outcome, RemoteTracebackError, StepOutput, describe
from rl_rewards.types.sample import Sample, response_of

__all__ = [
    "EvaluateResult",
    "Message",
    "MetricResult",
    "MissingReferenceError",
    "Outcome",
    "RemoteTracebackError",
    "Sample",
    "StepOutput",
    "describe",
    "response_of",
    "text_of",
]
