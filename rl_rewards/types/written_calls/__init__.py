"""Tool calls as a policy writes them into its text, in the forms of the chat templates in common use."""

from __future__ import annotations

from rl_rewards.types.written_calls.finding import FORMS, written_calls
from rl_rewards.types.written_calls.reading import UntypedText

__all__ = ["FORMS", "UntypedText", "written_calls"]
