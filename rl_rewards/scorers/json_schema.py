"""JSON that is valid under a schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property, partial
from typing import Any

from jsonschema import ValidationError as InvalidError
from jsonschema import validators
from jsonschema.exceptions import SchemaError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from rl_rewards.configured import configured
from rl_rewards.parsers.json_object import load_json
from rl_rewards.patterns import compile_pattern
from rl_rewards.scorers.base import AnswerScorer
from rl_rewards.types import EvaluateResult, Outcome, Sample


@configured
class JsonSchema(AnswerScorer):
    """Scores whether the answer is JSON that is valid under a schema (draft 2020-12, or the one that `$schema` names).

    The answer is what parser `json` gave, or JSON text. Nothing is ever fetched: references lead to places in the schema itself. Patterns
    are RE2's, and `uniqueItems` takes linear time, so that no answer can stall the training.

    Raises:
        ValueError: when the schema is not one, has a reference to another document, a pattern that RE2 refuses, or `patternProperties`.
    """

    schema: dict[str, Any] | str = field(hash=False)
    """The schema: an object, or its JSON text."""

    def __post_init__(self) -> None:
        self._validator  # noqa: B018 - a wrong schema fails here

    @cached_property
    def _validator(self) -> Any:
        try:
            schema = load_json(self.schema) if isinstance(self.schema, str) else self.schema
        except ValueError as error:
            raise ValueError(f"The schema is not JSON: {error}") from None
        if not isinstance(schema, dict):
            raise ValueError(f"A schema is an object, found {self.schema:.80}")
        draft = validators.validator_for(schema, default=validators.Draft202012Validator)
        try:
            draft.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"The schema is wrong at {error.json_path}: {error.message:.200}") from None
        _refuse_hazards(schema)
        safe = validators.extend(draft, {"pattern": _pattern, "uniqueItems": _unique_items})
        return safe(schema, registry=Registry())  # a registry of its own knows no way to fetch

    def score_answer(self, answer: Any, sample: Sample) -> EvaluateResult:
        if isinstance(answer, str):
            try:
                answer = load_json(answer)
            except ValueError as error:
                return EvaluateResult(self.wrong, f"the answer is not JSON: {error!s:.80}", outcome=Outcome.UNPARSED)
        try:
            error = next(self._validator.iter_errors(answer), None)
        except (RecursionError, ArithmeticError) as error:  # the answer's depth, or the size of its numbers
            return EvaluateResult(self.wrong, f"the answer cannot be validated: {error}")
        return EvaluateResult(self.correct) if error is None else EvaluateResult(self.wrong, f"{error.json_path}: {error.message:.200}")

    def __reduce__(self) -> tuple:
        return (partial(JsonSchema, self.schema, correct=self.correct, wrong=self.wrong), ())  # validators cannot be pickled


def _refuse_hazards(schema: Any) -> None:
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource(resource.id() or "", resource).crawl().resolver(resource.id() or "")
    for key, value in _keywords(schema):
        if key in ("$ref", "$dynamicRef") and isinstance(value, str):
            if not value.startswith("#"):
                raise ValueError(f"{key} {value!r} leads to another document; allowed are places in this one, such as '#/$defs/name'")
            try:
                resolver.lookup(value)
            except Unresolvable:
                raise ValueError(f"{key} {value!r} leads nowhere in the schema") from None
        if key == "pattern" and isinstance(value, str):
            compile_pattern(value)
        if key == "patternProperties" and isinstance(value, dict) and value:
            raise ValueError("patternProperties is not supported; use propertyNames and additionalProperties")


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value of a schema, at any depth."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    if isinstance(schema, dict):
        yield from schema.items()
    for value in inner:
        yield from _keywords(value)


# Replacements for jsonschema's keyword functions: (validator, the keyword's value, instance, schema) -> errors.


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[InvalidError]:
    if isinstance(instance, str) and not compile_pattern(pattern).search(instance):
        yield InvalidError(f"{instance[:80]!r} does not match {pattern!r}")


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[InvalidError]:
    if wanted and isinstance(instance, list) and len({_key(item) for item in instance}) < len(instance):
        yield InvalidError("the list has the same item twice")


def _key(value: Any) -> Any:
    """Equal for equal JSON values, and hashable: 1 and 1.0 are the same, 1 and true are not."""
    if isinstance(value, dict):
        return frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return (bool, value) if isinstance(value, bool) else value
