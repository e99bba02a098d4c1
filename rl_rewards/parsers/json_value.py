"""One field of a JSON object."""

from __future__ import annotations

import json
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.json_text import refuse_constant
from rl_rewards.parsers.base import TextParser


@configured
class JsonValue(TextParser):
    """Takes one field of the JSON object that the text is, as text: a string's own, a number or truth value as it is written.

    The text must be the object and nothing else but white space (RFC 8259; of a repeated key the last value counts). There is no answer in
    other text, nor where the object lacks the key, or has null, an object or a list there.

    Raises:
        ValueError: when the key is empty.
    """

    key: str
    """Name of the field, at the first level of the object; a dot is part of the name."""

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("the key must not be empty")

    def extract(self, text: str) -> str | None:
        if not text.strip().startswith("{"):
            return None
        try:
            # Numbers stay as the response writes them: 1.50 is not 1.5.
            found: Any = json.loads(text, parse_int=str, parse_float=str, parse_constant=refuse_constant).get(self.key)
        except (ValueError, RecursionError):
            return None
        if isinstance(found, bool):
            return "true" if found else "false"
        return found if isinstance(found, str) else None
