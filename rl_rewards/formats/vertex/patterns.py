"""Whether a pattern's group takes part in every match: then parser `regex` and Vertex AI's REGEX_EXTRACT read the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rl_rewards.patterns import compile_pattern

__all__ = ["reads_as_regex"]

# What is passed over as a whole: quoted text, escapes, classes, flags; then what opens, closes, divides and repeats.
_TOKEN = re.compile(
    r"""\\Q.*?(?:\\E|\Z)|\\x\{[^}]*\}|\\.
    |\[\^?\]?(?:\\.|\[:[^\]]*:\]|[^\]\\])*\]
    |\(\?[a-zA-Z-]*\)
    |(?P<open>\((?:\?P?<[^>]*>|\?[a-zA-Z-]*:)?)
    |(?P<close>\))(?P<optional>[?*]|\{0)?
    |(?P<either>\|)""",
    re.VERBOSE | re.DOTALL,
)


def reads_as_regex(pattern: str) -> bool:
    """Whether parser `regex` gives the same answers as Vertex AI's REGEX_EXTRACT with this pattern: False where that is not certain."""
    compiled = compile_pattern(pattern)
    return not compiled.matches_nothing() and (compiled.groups == 0 or _always_takes_part(pattern))


@dataclass
class _Level:
    """What is between two parentheses: whether they catch, whether the catching group is below, whether there are alternatives."""

    catches: bool = False
    holds: bool = False
    divided: bool = False


def _always_takes_part(pattern: str) -> bool:
    """Whether the group that catches is neither in one of several alternatives nor in what may be left out."""
    levels = [_Level()]
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            levels.append(_Level(catches=not token["open"].endswith(":")))
        elif token["either"]:
            levels[-1].divided = True
        elif token["close"] and len(levels) > 1:
            level = levels.pop()
            if not (level.catches or level.holds):
                continue
            if token["optional"] or (level.holds and level.divided):
                return False
            levels[-1].holds = True
    return levels[0].holds and not levels[0].divided
