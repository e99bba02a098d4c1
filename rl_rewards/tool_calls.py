"""Values in a completion's tool calls, addressed as `tool_calls[0].arguments.city`: for parsers, `when` and judges."""

from __future__ import annotations

from typing import Any

from rl_rewards.addresses import NoSuchValueError, address
from rl_rewards.types import Sample
from rl_rewards.types.tool_calls import tool_calls_of

__all__ = ["TOOL_CALLS", "names_tool_call", "value_in_calls"]

TOOL_CALLS = "tool_calls"
"""The first step of every such address: the calls of all of the policy's messages, each {name, arguments, id}."""


def names_tool_call(text: str) -> bool:
    """Whether a text addresses tool calls; `tool_calls` alone is all of them."""
    return text == TOOL_CALLS or text.startswith((f"{TOOL_CALLS}[", f"{TOOL_CALLS}."))


def value_in_calls(sample: Sample, place: str, default: Any = None) -> Any:
    """The value at an address in a sample's tool calls; `default` where there is none."""
    try:
        return address(place).of({TOOL_CALLS: tool_calls_of(sample)}, read_text=True)
    except NoSuchValueError:
        return default
