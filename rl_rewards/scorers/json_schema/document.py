"""A JSON schema and the validators of its parts."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jsonschema_rs

__all__ = ["SchemaDocument"]

_URI = "schema:///"  # where the document is, for what refers to it by no `$id` of its own


class SchemaDocument:
    """A schema that has been checked, with its references resolved.

    Args:
        schema: an object or a boolean; the draft is what `$schema` names, or 2020-12.

    Raises:
        ValueError: when the schema is wrong, refers to another document, or has a pattern that needs backtracking.
    """

    def __init__(self, schema: Any) -> None:
        if not isinstance(schema, (dict, bool)):
            raise ValueError(f"A schema must be an object, true or false, got {schema!r:.80}")
        self.schema = schema
        try:
            self._root = _validator(schema)
        except jsonschema_rs.ValidationError as error:
            raise ValueError(_fault(error)) from None
        self._parts: dict[str, Any] = {"": self._root}

    def is_valid(self, value: Any, pointer: str = "") -> bool:
        """Whether a JSON value is valid under the subschema at a JSON pointer ("" is all of the schema), in linear time.

        Raises:
            ValueError: when the pointer leads nowhere.
            UnicodeEncodeError: when a text in `value` has lone surrogates.
        """
        if pointer not in self._parts:
            self._parts[pointer] = _validator(self.drafted({"$ref": f"{_URI}root#{pointer}"}), self._registry)
        return self._parts[pointer].is_valid(value)

    def part(self, pointer: str) -> Any:
        """The subschema at a JSON pointer.

        Raises:
            LookupError: when the pointer leads nowhere.
        """
        found: Any = self.schema
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        return found

    def drafted(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema of the same draft as the document."""
        draft = self.schema.get("$schema") if isinstance(self.schema, dict) else None
        return schema if draft is None else {"$schema": draft, **schema}

    def first_fault(self, value: Any, schema: dict[str, Any]) -> str | None:
        """What is wrong with a value under a schema that holds no other schemas but booleans; None when nothing is."""
        try:
            _validator(self.drafted(schema)).validate(value)
        except jsonschema_rs.ValidationError as error:
            return f"{_path(error.instance_path)}: {error.message}"
        return None

    @cached_property
    def _registry(self) -> Any:
        return jsonschema_rs.Registry([(f"{_URI}root", self.schema)], retriever=_refuse)


def _validator(schema: Any, registry: Any = None) -> Any:
    # Rust's `regex` engine, which takes linear time, as RE2 does; the default one backtracks.
    return jsonschema_rs.validator_for(
        schema, pattern_options=jsonschema_rs.RegexOptions(), validate_formats=False, retriever=_refuse, base_uri=_URI, registry=registry
    )


def _refuse(uri: str) -> Any:
    raise LookupError(f"{uri} is another document")


def _fault(error: jsonschema_rs.ValidationError) -> str:
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return (
            "References must lead to places in the schema itself, such as '#/$defs/name', or an `$id` or `$anchor` in it, and nothing is "
            f"fetched, got: {error.message:.300}"
        )
    where = f"The schema is wrong at {_path(error.instance_path)}: {error.message:.200}"
    if "attern" in str(error.instance_path):
        where += "; patterns are matched in linear time, without lookahead, lookbehind and backreferences"
    return where


def _path(steps: list[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
