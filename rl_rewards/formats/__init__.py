"""Reward configs of other services <-> rubrics: Vertex AI's, OpenAI's and Azure's graders, Bedrock's Lambda form.

load_rubric("reward_config.json")     # finds the format by the file's content
export(rubric, "vertex")              # a rubric in a service's form
"""

from __future__ import annotations

from rl_rewards.formats.loading import load_rubric
from rl_rewards.formats.registry import ExportError, Refusal, export

__all__ = ["ExportError", "Refusal", "export", "load_rubric"]
