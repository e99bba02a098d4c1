"""The table of formats: how each is recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.user_errors import UserError

__all__ = ["FORMATS", "ExportError", "Format", "Refusal", "export", "format_like", "format_named"]

FORMATS: dict[str, str] = {
    "openai": "rl_rewards.formats.openai:FORMAT",
    "vertex": "rl_rewards.formats.vertex:FORMAT",
}
"""Name, as in `--to NAME` -> where its Format is."""


@dataclass(frozen=True)
class Format:
    """A service's form of rewards.

    Attributes:
        name: as in `--to NAME`.
        looks_like: whether the mapping at the top of a file is of this form, right or wrong; cheap, and never raises.
        load: the rubric of such a file; raises RubricFileError with every problem that it found, by line and by the file's own fields.
        dump: the form of a rubric as plain data; raises ExportError. Its second argument is the URL of `rl-rewards serve`, for rewards
            that have no such form, or None.
    """

    name: str
    looks_like: Callable[[Mapping[str, Any]], bool]
    load: Callable[[YamlSource], Rubric]
    dump: Callable[[Rubric, str | None], dict[str, Any]]


@dataclass(frozen=True)
class Refusal:
    """What of a rubric has no such form: the reward's name (none where it is the rubric as a whole), and what must hold instead."""

    reward: str | None
    message: str

    def __str__(self) -> str:
        return self.message if self.reward is None else f"reward {self.reward!r}: {self.message}"


class ExportError(UserError, ValueError):
    """A rubric that a service's form cannot express.

    Attributes:
        refusals: all that it cannot express.
    """

    def __init__(self, form: str, refusals: Iterable[Refusal]) -> None:
        self.form = form
        self.refusals = list(refusals)
        super().__init__("\n".join(f"not written as {form}: {refusal}" for refusal in self.refusals))

    def __reduce__(self) -> tuple[type[ExportError], tuple[str, list[Refusal]]]:
        return ExportError, (self.form, self.refusals)


def format_named(name: str) -> Format:
    """The format of a name.

    Raises:
        ValueError: when there is none of that name.
    """
    if name not in FORMATS:
        raise ValueError(f"a format must be one of {', '.join(FORMATS)}, got {name!r}{nearest(name, FORMATS)}")
    module, _, attribute = FORMATS[name].partition(":")
    return getattr(import_module(module), attribute)


def format_like(data: Any) -> Format | None:
    """The format that a file's data is of; None for the native form, and for what is none at all."""
    if not isinstance(data, Mapping) or "rewards" in data:
        return None
    return next((found for name in FORMATS if (found := format_named(name)).looks_like(data)), None)


def export(rubric: Rubric, to: str, url: str | None = None) -> dict[str, Any]:
    """A rubric in a service's form, as plain data to be written as JSON. Reading it again gives an equal rubric.

    Args:
        to: name of the format.
        url: address of `rl-rewards serve` with this rubric: rewards that the form cannot express call it.

    Raises:
        ExportError: naming all that the form cannot express, where no `url` is given.
        ValueError: when there is no such format.
    """
    return format_named(to).dump(rubric, url)
