"""A JSON object in the response."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.json_text import load_json
from rl_rewards.parsers.base import TextParser
from rl_rewards.parsers.denial import denied
from rl_rewards.parsers.fields import FieldMask, masks_of

_FENCE = "```"


@configured
class Json(TextParser):
    """Takes the JSON object of the response as a dict: from the first `{` to the last `}`, of all the text or of its last fenced block.

    JSON as RFC 8259 has it, so no NaN, no comments, no single quotes; of a repeated key the last value counts. An object of which the mask
    leaves nothing is no answer, nor is one that the words around it deny ("the answer is not {...}").

    Raises:
        ValueError: when a field's name is empty or given twice, or an option is given under both of its names.
    """

    keep: tuple[str, ...] = ()
    """Fields to keep, by exact name, with all that is in them; a dot leads into an object (`meta.unit`). Empty: all."""
    drop: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields to leave out, written like `keep` and applied after it."""
    in_mask: tuple[str, ...] = field(default=(), kw_only=True)
    """Another name of `keep`: that of Synalinks."""
    out_mask: tuple[str, ...] = field(default=(), kw_only=True)
    """Another name of `drop`."""
    suffixes: bool = field(default=False, kw_only=True)
    """Whether a name means fields with a number behind it, too (`answer_1`), as concatenated records have them."""
    whole: bool | Literal["fenced"] = field(default=False, kw_only=True)
    """Whether the reply must be the JSON and nothing else but white space: true, or fenced where it may be one fenced block, too."""

    def __post_init__(self) -> None:
        self._mask  # noqa: B018 - a wrong mask fails here

    @cached_property
    def _mask(self) -> FieldMask:
        keep, drop = masks_of(self.keep, self.drop, self.in_mask, self.out_mask)
        return FieldMask(keep, drop, self.suffixes)

    def extract(self, text: str) -> dict[str, Any] | None:
        found = self._alone(text) if self.whole else _said(text)
        return None if found is None else self._mask.apply(found)

    def _alone(self, text: str) -> dict[str, Any] | None:
        """The object that all of the text is."""
        text = text.strip()
        if self.whole == "fenced" and text.startswith(_FENCE) and text.endswith(_FENCE):
            text = text[len(_FENCE) : -len(_FENCE)].lstrip()
            text = text.removeprefix("json").strip()
        return _object(text) if text.startswith("{") and text.endswith("}") else None


def _said(text: str) -> dict[str, Any] | None:
    """The object in a text, or in its last fenced block, unless the words around it deny it."""
    start, end = text.find("{"), text.rfind("}") + 1
    found = _object(text[start:end])
    if found is None:
        # Fences take turns in opening and closing: the odd parts are blocks, and the last part is none, closed or not.
        parts = text.split(_FENCE)
        if len(parts) < 3:
            return None
        last = len(parts) - 2 - (len(parts) + 1) % 2
        start = sum(map(len, parts[:last])) + last * len(_FENCE)
        end = start + len(parts[last])
        found = _object(parts[last][parts[last].find("{") : parts[last].rfind("}") + 1])
    return None if found is None or denied(text, start, end) else found


def _object(text: str) -> dict[str, Any] | None:
    """The object that `text` is, if it is one."""
    if not text.startswith("{"):
        return None
    try:
        found = load_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
