"""`tool_call`: a value in the completion's tool calls."""

from __future__ import annotations

import json
from typing import Any

from rl_rewards.addresses import address
from rl_rewards.configured import configured
from rl_rewards.parsers.base import Parser
from rl_rewards.tool_calls import TOOL_CALLS, names_tool_call, value_in_calls
from rl_rewards.types import Sample

__all__ = ["ToolCall"]


@configured
class ToolCall(Parser):
    """Takes a value from the tool calls of a completion: those of all of the policy's messages, or those in its text.

    In text they are read as the chat templates in common use write them, such as `<tool_call>{...}</tool_call>`; `tool_call_match` names them.

    Numbers, true and false become text, as the model wrote them in JSON; objects and lists stay what they are. No answer where the completion
    has no such call or value, or where it is null.

    Raises:
        ValueError: when the address is none, or does not begin with `tool_calls`.
    """

    address: str
    """Where it is, such as `tool_calls[0].arguments.city` or `tool_calls[0].name`; places are counted from 0."""

    def __post_init__(self) -> None:
        address(self.address)
        if not names_tool_call(self.address):
            raise ValueError(f"address must begin with {TOOL_CALLS!r}, such as tool_calls[0].arguments.city, got {self.address!r}")

    def read(self, sample: Sample) -> Any | None:
        found = value_in_calls(sample, self.address)
        return json.dumps(found) if isinstance(found, (bool, int, float)) else found

    def parse(self, text: str) -> Any | None:
        return self.read(Sample(None, text, text))
