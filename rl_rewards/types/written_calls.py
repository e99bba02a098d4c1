"""Tool calls as a policy writes them into its text: `<tool_call>` blocks with JSON (Hermes, Qwen) or tags (Qwen3-Coder) in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rl_rewards.json_text import load_json

__all__ = ["UntypedText", "written_calls"]

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION, _PARAMETER = "<function=", "<parameter="
_WORDS = {"True": True, "False": False, "None": None}  # as Python writes them, and so the chat template


class UntypedText(str):
    """An argument whose type is not written: `3` between tags is the number or the text, as the tool has it."""

    __slots__ = ()

    def readings(self) -> tuple[Any, ...]:
        """What it may be: the text, and the JSON value in it."""
        try:
            return str(self), _WORDS[self] if self in _WORDS else load_json(self)
        except ValueError:
            return (str(self),)


def written_calls(text: str) -> Iterator[Any]:
    """The calls in a text's blocks, in linear time; a block that cannot be read is its text."""
    start = text.find(_OPEN)
    while start >= 0:
        end = text.find(_CLOSE, start)
        yield _call(text[start + len(_OPEN) : end if end >= 0 else len(text)])
        if end < 0:
            return
        start = text.find(_OPEN, end)


def _call(block: str) -> Any:
    try:
        return load_json(block.strip())
    except ValueError:
        return _tagged_call(block.strip()) or block


def _tagged_call(block: str) -> dict[str, Any] | None:
    """`<function=weather><parameter=city>Bern</parameter></function>` as a call; None where it is of another form."""
    name, closed, rest = block.removeprefix(_FUNCTION).partition(">")
    if not block.startswith(_FUNCTION) or not closed:
        return None
    arguments = {}
    for part in rest.removesuffix("</function>").split(_PARAMETER)[1:]:
        key, closed, value = part.partition(">")
        if not closed:
            return None
        value = value.rstrip().removesuffix("</parameter>")
        arguments[key.strip()] = UntypedText(value.removeprefix("\n").removesuffix("\n"))
    return {"name": name.strip(), "arguments": arguments}
