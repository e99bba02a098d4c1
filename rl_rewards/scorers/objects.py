"""JSON objects as answers and references, given as text or as what they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rl_rewards.json_text import load_json

__all__ = ["answer_object", "reference_object"]


def answer_object(answer: Any) -> dict[str, Any] | None:
    """The object of an answer; None where it is none."""
    found = _read(answer) if isinstance(answer, str) else answer
    return found if isinstance(found, dict) else None


def reference_object(reference: Any) -> Mapping[str, Any] | None:
    """The object of a reference, which is not to be changed; None where it is none."""
    found = _read_once(reference) if isinstance(reference, str) else reference
    return found if isinstance(found, Mapping) else None


def _read(text: str) -> Any:
    try:
        return load_json(text)
    except ValueError:
        return None


_read_once = lru_cache(maxsize=4096)(_read)
"""A reference's object, read once for all the completions of its group."""
