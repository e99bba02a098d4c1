"""Templates of graders: text with `{{ item.a.b[0] }}` and `{{ sample.output_text }}` in it."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from rl_rewards.addresses import Address
from rl_rewards.references import check_closed, text_of
from rl_rewards.scorers.graders.fields import PROMPT_NAMES, SAMPLE_NAMES, GraderFields

__all__ = ["GraderTemplate", "as_item", "grader_template", "has_placeholder"]

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)  # in what people write, never in what a model writes
_REFERENCES = re.compile(r"\{\{\s*references\.")
_NAMESPACES = ("item", "sample", "references")


class GraderTemplate:
    """A template, compiled once. `references` is another name of `item`, as in the rest of a rubric file.

    Values that are no text are written as JSON (`true`, `null`, `["a", 1]`), whole numbers without a point.

    Attributes:
        columns: names of the columns that it reads.
        reads_sample: whether it has a placeholder of the namespace `sample`.
        reads_item: whether it has one of the namespace `item`.

    Raises:
        ValueError: for a placeholder that is none: another namespace, no variable, an unknown variable of `sample`.
    """

    __slots__ = ("text", "columns", "reads_sample", "reads_item", "_parts", "_items")

    def __init__(self, text: str) -> None:
        parts: list[str | Address] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            if match.start() > end:
                parts.append(text[end : match.start()])
            parts.append(_address(match[1].strip(), match[0]))
            end = match.end()
        if end < len(text):
            check_closed(text, text[end:])
            parts.append(text[end:])
        self.text = text
        self._parts = tuple(parts)
        addresses = [part for part in parts if isinstance(part, Address)]
        self._items = tuple(address for address in addresses if address.steps[0] != "sample")
        self.reads_item = bool(self._items)
        self.reads_sample = len(self._items) < len(addresses)
        self.columns = frozenset(str(address.steps[1]) for address in self._items if address.steps[1] not in PROMPT_NAMES)

    def check(self, fields: GraderFields) -> None:
        """Read what it takes from the row.

        Raises:
            MissingReferenceError: when the row lacks some of it.
        """
        for address in self._items:
            _written(fields.item_value(address))

    def fill(self, fields: GraderFields) -> str:
        """The text for one sample.

        Raises:
            MissingReferenceError: when the row lacks something.
            NoSampleValueError: when the completion does.
        """
        return "".join(part if isinstance(part, str) else _written(self._value(part, fields)) for part in self._parts)

    def _value(self, address: Address, fields: GraderFields) -> Any:
        return fields.sample_value(address) if address.steps[0] == "sample" else fields.item_value(address)

    def __reduce__(self) -> tuple[type[GraderTemplate], tuple[str]]:
        return GraderTemplate, (self.text,)

    def __repr__(self) -> str:
        return f"GraderTemplate({self.text!r})"


@lru_cache(maxsize=4096)
def grader_template(text: str) -> GraderTemplate:
    """The GraderTemplate of a text, compiled once."""
    return GraderTemplate(text)


def as_item(value: Any) -> Any:
    """Text, or all text in plain data, with `{{ item.` for `{{references.`: one spelling, so that equal graders are equal."""
    if isinstance(value, str):
        return _REFERENCES.sub("{{ item.", value)
    if isinstance(value, dict):
        return {key: as_item(item) for key, item in value.items()}
    return type(value)(as_item(item) for item in value) if isinstance(value, (list, tuple)) else value


def has_placeholder(text: str) -> bool:
    """Whether a text has a placeholder of any kind."""
    return _PLACEHOLDER.search(text) is not None


def _address(inner: str, placeholder: str) -> Address:
    try:
        address = Address(inner)
    except ValueError as error:
        raise ValueError(f"a placeholder must be {{{{ item.NAME }}}} or {{{{ sample.NAME }}}}, got {placeholder!r:.80}: {error}") from None
    namespace = address.steps[0]
    if namespace not in _NAMESPACES:
        near = get_close_matches(str(namespace), _NAMESPACES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"the namespace of a placeholder must be item or sample, got {str(namespace)!r} in {placeholder!r:.80}{hint}")
    if len(address.steps) == 1 or not isinstance(address.steps[1], str):
        raise ValueError(f"a placeholder must name a variable, such as {{{{ {namespace}.answer }}}}, got {placeholder!r:.80}")
    if namespace == "sample" and address.steps[1] not in SAMPLE_NAMES:
        near = get_close_matches(address.steps[1], SAMPLE_NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"sample has {', '.join(SAMPLE_NAMES)}, got {address.steps[1]!r} in {placeholder!r:.80}{hint}")
    return address


def _written(value: Any) -> str:
    """A value as text.

    Raises:
        MissingReferenceError: for a date or time that a reader made of text.
    """
    if value is None or isinstance(value, (bool, dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return text_of(value)
