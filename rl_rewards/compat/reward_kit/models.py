"""Reward Kit's data types: those of this library, whose fields, defaults and dict-style reads are the same."""

from __future__ import annotations

from rl_rewards.types import EvaluateResult, Message, MetricResult, StepOutput

__all__ = ["EvaluateResult", "Message", "MetricResult", "StepOutput"]
