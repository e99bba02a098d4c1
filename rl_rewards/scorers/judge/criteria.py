"""What a judge decides on: criteria with ordered choices, yes or no, levels of a scale, or a number."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError

__all__ = ["RESERVED", "SCALES", "Criterion", "criteria_of_row", "label_key"]

SCALES: dict[str, tuple[float, ...]] = {
    "score": tuple(round(0.1 * step, 1) for step in range(11)),
    "fine_score": tuple(round(0.05 * step, 2) for step in range(21)),
    "rating": tuple(map(float, range(1, 6))),
    "rating10": tuple(map(float, range(1, 11))),
    "rating20": tuple(map(float, range(1, 21))),
}
"""The score scales of Synalinks' judges: name -> levels, from worst to best."""

RESERVED = ("prompt_tokens", "completion_tokens", "cost", "spent", "repaired", "cached", "verdicts", "spread", "raw", "rank", "place")
"""Names of components that every judge has."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NUMBER = re.compile(r"[-+]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})")
_NOUN = re.compile(r"(?:ness|ity|ment|[ts]ion|cy|th|ship|[ea]nce|ism|ing|tone|style)s?$")
_WORDS = {word: float(number) for number, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_YES_NO: dict[str, float] = {"no": 0.0, "false": 0.0, "n": 0.0, "yes": 1.0, "true": 1.0, "y": 1.0}


@configured
class Criterion:
    """One thing that a judge decides. Without `choices`, `scale` or `range` it is a question to be answered yes or no.

    Its component is a number from 0 to 1: no or the first choice is 0, yes or the last one 1, a number its place in the range.

    Raises:
        ValueError: when it has several forms, fewer than two choices, or a weight of 0.
    """

    name: str
    """Its component, and its name in the judge's reply: letters, digits, '_' and '-'."""
    description: str
    """What the judge is asked, in plain words."""
    weight: float = field(default=1.0, kw_only=True)
    """Its part in the score: the mean by weights. A pitfall has a negative weight: it takes away where it is met."""
    choices: tuple[str, ...] | dict[str, float] | None = field(default=None, kw_only=True)
    """Answers to choose from, ordered from worst to best; or each with its value from 0 to 1."""
    scale: Literal["score", "fine_score", "rating", "rating10", "rating20"] | None = field(default=None, kw_only=True)
    """A scale of Synalinks: score (0, 0.1, ... 1), fine_score (steps of 0.05), rating (1 to 5), rating10, rating20."""
    range: tuple[float, float] | None = field(default=None, kw_only=True)
    """Lowest and highest of any number."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a criterion's name must be letters, digits, '_' and '-', from a letter on, got {self.name!r:.80}")
        if self.name in RESERVED:
            raise ValueError(f"a criterion's name must not be that of a component of every judge, got {self.name!r}; those are {', '.join(RESERVED)}")
        if not self.description.strip():
            raise ValueError(f"criterion {self.name!r} needs a description")
        if self.weight == 0:
            raise ValueError(f"criterion {self.name!r}: weight must not be 0; leave the criterion out instead")
        forms = [name for name in ("choices", "scale", "range") if getattr(self, name) is not None]
        if len(forms) > 1:
            raise ValueError(f"criterion {self.name!r} must have one of choices, scale and range, got {' and '.join(forms)}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"criterion {self.name!r}: range must be [lowest, highest] with lowest < highest, got {list(self.range)}")
        if self.choices is not None:
            self._check_choices(self.choices)

    def _check_choices(self, choices: Sequence[str] | Mapping[str, float]) -> None:
        labels = list(choices)
        keys = [label_key(label) for label in labels]
        if len(labels) < 2:
            raise ValueError(f"criterion {self.name!r} must have at least two choices, got {labels}")
        if "" in keys or len(set(keys)) < len(keys):
            raise ValueError(f"criterion {self.name!r}: choices must differ in more than case and punctuation, got {labels}")
        if isinstance(choices, Mapping) and not all(0 <= value <= 1 for value in choices.values()):
            raise ValueError(f"criterion {self.name!r}: values of choices must be from 0 to 1, got {dict(choices)}")

    @property
    def values(self) -> Mapping[str, float]:
        """The normalised label of each choice -> its value from 0 to 1; empty for numbers."""
        if self.choices is None:
            if self.levels or self.range:
                return {}
            name = label_key(self.name)  # `Correct` and `Incorrect` answer whether it is correct
            return _YES_NO if _NOUN.search(name) else _YES_NO | {name: 1.0, f"not {name}": 0.0, f"in{name}": 0.0, f"un{name}": 0.0}
        if isinstance(self.choices, Mapping):
            return {label_key(label): value for label, value in self.choices.items()}
        return {label_key(label): rank / (len(self.choices) - 1) for rank, label in enumerate(self.choices)}

    @property
    def levels(self) -> tuple[float, ...]:
        """The numbers of its scale; empty where it has none."""
        return SCALES[self.scale] if self.scale else ()

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest number; None for labels."""
        return self.range if self.range is not None else (self.levels[0], self.levels[-1]) if self.levels else None

    def value_of_number(self, number: float) -> float | None:
        """The value from 0 to 1 of a number that the judge gave; None where it may not give it."""
        bounds = self.bounds
        if bounds is None or not math.isfinite(number) or not bounds[0] <= number <= bounds[1]:
            return None
        if self.levels and not any(abs(number - level) < 1e-6 for level in self.levels):
            return None
        return (number - bounds[0]) / (bounds[1] - bounds[0])

    def value_of(self, said: Any) -> float | None:
        """The value from 0 to 1 of what the judge said as JSON, or as a text of nothing else; None where that is no answer."""
        if isinstance(said, bool):
            return None if self.choices is not None or self.bounds else float(said)
        if isinstance(said, (int, float)):
            if self.bounds is not None:
                return self.value_of_number(float(said)) if abs(said) < 1e15 else None
            said = f"{said:g}" if abs(said) < 1e15 else ""
        if not isinstance(said, str):
            return None
        return self._of_text(said)

    def _of_text(self, said: str) -> float | None:
        text = said.strip().strip("*_`\"'[]()“” ").rstrip(".,;:! ").strip("*_`\"'“” ").replace("\u2212", "-")
        if self.bounds is None:
            if self.choices is None and text in ("0", "1"):
                return float(text)
            return self.values.get(label_key(text))
        if text.casefold() in _WORDS:
            return self.value_of_number(_WORDS[text.casefold()])
        number, _, most = (part.strip() for part in text.replace(" out of ", "/").partition("/"))
        if not _NUMBER.fullmatch(number) or (most and not (_NUMBER.fullmatch(most) and float(most) == self.bounds[1])):
            return None
        return None if "/" in text and not most else self.value_of_number(float(number))

    @property
    def answers(self) -> str:
        """What the judge may answer, for its instructions."""
        if self.choices is not None:
            return "one of " + ", ".join(f'"{label}"' for label in self.choices) + " (from worst to best)" * (not isinstance(self.choices, Mapping))
        if self.bounds is None:
            return '"yes" or "no"'
        low, high = self.bounds
        if self.levels:
            return f"a number from {low:g} (worst) to {high:g} (best) in steps of {self.levels[1] - self.levels[0]:g}"
        return f"a number from {low:g} to {high:g}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its answer."""
        if self.choices is not None:
            return {"type": "string", "enum": list(self.choices)}
        if self.levels:
            return {"type": "number", "enum": list(self.levels)}
        if self.range is not None:
            return {"type": "number", "minimum": self.range[0], "maximum": self.range[1]}
        return {"type": "string", "enum": ["no", "yes"]}


def label_key(label: str) -> str:
    """A label without case, white space and punctuation at its ends, so that `**Good.**` is `good`; blanks, '_' and '-' are the same."""
    return " ".join(label.casefold().strip(" \t\r\n*_`\"'.,;:!()[]").replace("_", " ").replace("-", " ").split())


_DESCRIPTIONS = ("description", "criterion", "requirement", "content", "question")
_WEIGHTS = ("weight", "points")
_NAMES = ("name", "title", "id")


def criteria_of_row(value: Any) -> tuple[Criterion, ...]:
    """The criteria that a row brings: a list of questions, or of mappings with a description (`criterion`, `requirement`, ...), and where they
    have one a weight (`points`) and a name (`title`).

    Raises:
        MissingReferenceError: when it is no such list.
    """
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise MissingReferenceError(f"a row's criteria must be a list, got {type(value).__name__}: {value!r:.80}")
    found: list[Criterion] = []
    for number, item in enumerate(value, 1):
        try:
            found.append(_criterion(item, number, {criterion.name for criterion in found}))
        except ValueError as error:
            raise MissingReferenceError(f"criterion {number} of a row: {error}") from None
    return tuple(found)


def _criterion(item: Any, number: int, taken: set[str]) -> Criterion:
    given: dict[str, Any] = {"description": item} if isinstance(item, str) else dict(item) if isinstance(item, Mapping) else {}
    given = {name: value for name, value in given.items() if value is not None}  # a column of objects has null for what only other rows have
    description = next((given[name] for name in _DESCRIPTIONS if isinstance(given.get(name), str)), None)
    if description is None:
        raise ValueError(f"must be text or have one of {', '.join(_DESCRIPTIONS)}, got {item!r:.80}")
    title = next((str(given[name]) for name in _NAMES if name in given), "")
    name = re.sub(r"[^A-Za-z0-9_]+", "_", title).strip("_")[:40]
    if not _NAME.fullmatch(name) or name in taken or name in RESERVED:
        name = f"criterion_{number}"
    options: dict[str, Any] = {option: given[option] for option in ("choices", "scale", "range") if option in given}
    return Criterion(name, description, weight=next((given[option] for option in _WEIGHTS if option in given), 1.0), **options)
