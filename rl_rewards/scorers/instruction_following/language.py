"""The language of a text, by langdetect with a fixed seed."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

__all__ = ["is_in_language", "languages", "require_langdetect"]

_READ = 20_000  # characters; langdetect itself reads 10,000 after it left out addresses


def is_in_language(text: str, language: str) -> bool:
    """Whether a text is most probably in a language, by its ISO 639-1 code; `zh` is either script of Chinese.

    A text without a letter is in none.
    """
    from langdetect import LangDetectException

    detector = _factory().create()
    detector.append(text[:_READ])
    try:
        found = detector.detect()
    except LangDetectException:  # nothing to decide by
        return False
    return found == language or found.startswith(f"{language}-")


def require_langdetect() -> None:
    """Say what to install.

    Raises:
        ImportError: when langdetect is missing.
    """
    if find_spec("langdetect") is None:
        raise ImportError("instruction_following needs langdetect for the language of a response: pip install 'rl_rewards[ifeval]'")


def languages() -> tuple[str, ...]:
    """The codes of all languages that can be detected."""
    return tuple(sorted(_factory().get_lang_list()))


@cache
def _factory() -> Any:
    from langdetect import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.seed = 0  # it samples, and one text must always get one score
    return factory
