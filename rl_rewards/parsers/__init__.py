"""Parsers: response text -> the answer in it, or None.

parser("boxed")                           # the last \\boxed{...}
parser({"tag": "answer"})                 # the last <answer>...</answer>
parser([{"after": "</think>"}, "boxed"])  # one after the other
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rl_rewards.kinds import Kinds
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.chain import Chain

if TYPE_CHECKING:
    from rl_rewards.parsers.after import After
    from rl_rewards.parsers.boxed import Boxed
    from rl_rewards.parsers.code_block import CodeBlock
    from rl_rewards.parsers.identity import Identity
    from rl_rewards.parsers.json_object import Json
    from rl_rewards.parsers.json_value import JsonValue
    from rl_rewards.parsers.regex import Regex
    from rl_rewards.parsers.regex_extract import RegexExtract
    from rl_rewards.parsers.tag import Tag
    from rl_rewards.parsers.tool_call import ToolCall

__all__ = [
    "KINDS",
    "After",
    "Boxed",
    "Chain",
    "CodeBlock",
    "Identity",
    "Json",
    "JsonValue",
    "Parser",
    "Regex",
    "RegexExtract",
    "Tag",
    "ToolCall",
    "parser",
]

KINDS = Kinds(
    "parser",
    Parser,
    {
        "identity": "rl_rewards.parsers.identity:Identity",
        "regex": "rl_rewards.parsers.regex:Regex",
        "regex_extract": "rl_rewards.parsers.regex_extract:RegexExtract",
        "tag": "rl_rewards.parsers.tag:Tag",
        "tool_call": "rl_rewards.parsers.tool_call:ToolCall",
        "boxed": "rl_rewards.parsers.boxed:Boxed",
        "json": "rl_rewards.parsers.json_object:Json",
        "json_value": "rl_rewards.parsers.json_value:JsonValue",
        "code_block": "rl_rewards.parsers.code_block:CodeBlock",
        "after": "rl_rewards.parsers.after:After",
    },
)


def parser(spec: Any) -> Parser:
    """Make a parser from a spec of a rubric file: a kind, a mapping of one kind to its options, a list of these, or a Parser as it is.

    Raises:
        ValueError: when the spec is of another form, names an unknown kind, or has wrong options.
    """
    if isinstance(spec, Parser):
        return spec
    if isinstance(spec, (list, tuple)):
        return Chain(tuple(spec))
    return KINDS.make(spec)


def __getattr__(name: str) -> Any:
    return KINDS.class_named(name, __name__)


def __dir__() -> list[str]:
    return [*globals(), *KINDS.class_names]
