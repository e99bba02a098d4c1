"""Why a JSON value is invalid under a schema: a walk down one path, of bounded length.

The full list of errors under `anyOf` and its kin grows exponentially with the depth of the value. The walk asks only for verdicts, each in
linear time, and goes down into the first child that has none; at a choice of several schemas it stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rl_rewards.scorers.json_schema.document import SchemaDocument

__all__ = ["reason"]

_MAX_STEPS = 30
# Keywords that look at nothing but the value itself.
_OWN = frozenset(
    "type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems "
    "maxProperties minProperties required dependentRequired".split()
)
_CHOICES = "anyOf oneOf not if contains propertyNames patternProperties dependentSchemas dependencies unevaluatedProperties unevaluatedItems".split()
_REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"]


def reason(document: SchemaDocument, value: Any) -> str:
    """One line on the first fault of a value that is invalid: where it is, and what rule it breaks."""
    pointer, path, schema = "", "$", document.schema
    for _ in range(_MAX_STEPS):
        try:
            schema = document.part(pointer)
            if not isinstance(schema, dict):
                return f"{path}: nothing is allowed here"
            if fault := document.first_fault(value, _shallow(schema)):
                return f"{path}{fault.removeprefix('$')}"[:300]
            pointer, value, path = next(
                (below, child, path + step) for below, child, step in _below(schema, value, pointer) if not document.is_valid(child, below)
            )
        except (LookupError, ValueError, StopIteration):  # a reference by `$id` or `$anchor`, or a choice: the walk ends here
            break
    rules = [rule for rule in [*_CHOICES, *_REFERENCES] if isinstance(schema, dict) and rule in schema]
    return f"{path}: invalid under {' and '.join(rules) or 'the schema'}"[:300]


def _shallow(schema: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a schema that look at the value itself, or at the names and number of its parts."""
    shallow = {keyword: rule for keyword, rule in schema.items() if keyword in _OWN}
    for keyword in ("properties", "patternProperties"):
        shallow[keyword] = dict.fromkeys(schema.get(keyword, {}), True)
    shallow["additionalProperties"] = schema.get("additionalProperties") is not False
    places, rest = _item_keywords(schema)
    if places in schema:
        shallow[places] = [True] * len(schema[places])
    return shallow | {rest: schema.get(rest) is not False}


def _item_keywords(schema: dict[str, Any]) -> tuple[str, str]:
    """The keyword with one schema for each place of a list, and the one for all further places; 2020-12 renamed both."""
    return ("items", "additionalItems") if isinstance(schema.get("items"), list) else ("prefixItems", "items")


def _below(schema: dict[str, Any], value: Any, pointer: str) -> Iterator[tuple[str, Any, str]]:
    """Subschemas that a valid value must all meet: (their pointer, what they are applied to, the step from the value to it)."""
    if isinstance(ref := schema.get("$ref"), str) and (ref == "#" or ref.startswith("#/")):
        yield ref[1:], value, ""
    for place in range(len(schema.get("allOf", ()))):
        yield f"{pointer}/allOf/{place}", value, ""
    if isinstance(value, dict):
        named = schema.get("properties", {})
        for name, child in value.items():
            if name in named:
                yield f"{pointer}/properties/{name.replace('~', '~0').replace('/', '~1')}", child, f".{name}"
            elif isinstance(schema.get("additionalProperties"), dict) and "patternProperties" not in schema:
                yield f"{pointer}/additionalProperties", child, f".{name}"
    if isinstance(value, list):
        places, rest = _item_keywords(schema)
        first = len(schema.get(places, ()))
        for place, child in enumerate(value):
            if place < first:
                yield f"{pointer}/{places}/{place}", child, f"[{place}]"
            elif isinstance(schema.get(rest), dict):
                yield f"{pointer}/{rest}", child, f"[{place}]"
