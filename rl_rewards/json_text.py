"""JSON as RFC 8259 has it, read from text of any writer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from rl_rewards.unicode_text import composed

__all__ = ["finite_number", "load_json", "refuse_constant", "same_json"]


def load_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: when the text is not JSON, nests deeper than can be read (about a thousand levels), or has a number too large.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite_number)
    except RecursionError:
        raise ValueError("the JSON nests too deep to be read") from None


def same_json(found: Any, gold: Any) -> bool:
    """Whether two JSON values are equal: 1 and 1.0 are, 1 and true are not, nor text but for Unicode's two ways to write é. It goes no deeper than `gold` does."""
    if isinstance(gold, Mapping):
        return isinstance(found, dict) and found.keys() == gold.keys() and all(same_json(found[name], value) for name, value in gold.items())
    if isinstance(gold, (list, tuple)):
        return isinstance(found, list) and len(found) == len(gold) and all(map(same_json, found, gold))
    if isinstance(gold, bool) or isinstance(found, bool):
        return found is gold
    if isinstance(found, str) and isinstance(gold, str):
        return found == gold or composed(found) == composed(gold)
    return found == gold


def refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def finite_number(number: str) -> float:
    """A float; without this 1e999 would be read as infinity, on which arithmetic and other people's JSON readers fail."""
    value = float(number)
    if value in (math.inf, -math.inf):
        raise ValueError(f"{number:.20} is too large")
    return value
