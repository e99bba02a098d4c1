"""JSON that is valid under a schema.

jsonschema-rs gives the verdict: it decides a pair of subschema and value once, so that recursive `oneOf`, `anyOf` and `allOf` take linear time
in the answer's depth, where collecting their errors takes exponential time.
"""

from __future__ import annotations

import json
from dataclasses import field
from functools import cached_property, partial
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.json_text import load_json
from rl_rewards.scorers.base import AnswerScorer
from rl_rewards.scorers.json_schema.document import SchemaDocument
from rl_rewards.scorers.json_schema.reason import reason
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["JsonSchema"]

_MAX_DEPTH = 500  # levels; validation recurses on the machine's stack, and a thread of 512 KiB has room for twice as many


@configured
class JsonSchema(AnswerScorer):
    """Scores whether the answer is JSON that is valid under a schema (draft 2020-12, or the one that `$schema` names).

    The answer is what parser `json` gave, or JSON text. References lead to places in the schema itself, by pointer, `$id`, `$anchor` or `urn:`,
    or to the drafts' own meta-schemas; nothing is ever fetched. `format` is an annotation and not checked. An answer that nests deeper than
    500 levels is wrong.

    Raises:
        ValueError: when the schema is not one, refers to another document, or has a pattern that needs backtracking.
    """

    schema: dict[str, Any] | bool | str = field(hash=False)
    """The schema: an object or a boolean, or the JSON text of one."""

    def __post_init__(self) -> None:
        self._document  # noqa: B018 - a wrong schema fails here

    @cached_property
    def _document(self) -> SchemaDocument:
        try:
            schema = load_json(self.schema) if isinstance(self.schema, str) else self.schema
        except ValueError as error:
            raise ValueError(f"The schema must be JSON, got {self.schema:.80}: {error}") from None
        return SchemaDocument(schema)

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        if isinstance(answer, str):
            try:
                answer = load_json(answer)
            except ValueError as error:
                return EvaluateResult(self.wrong, f"the answer is not JSON: {error!s:.80}", outcome=Outcome.UNPARSED)
        if _is_deeper(answer, _MAX_DEPTH):
            return EvaluateResult(self.wrong, f"the answer nests deeper than {_MAX_DEPTH} levels")
        try:
            valid = self._document.is_valid(answer)
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON's "\ud800" can write and UTF-8 cannot
            answer = json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
            valid = self._document.is_valid(answer)
        return EvaluateResult(self.correct) if valid else EvaluateResult(self.wrong, reason(self._document, answer))

    def __reduce__(self) -> tuple:
        return (partial(JsonSchema, self.schema, correct=self.correct, wrong=self.wrong), ())  # validators cannot be pickled


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects nest more than `limit` levels in `value`, in linear time and without recursion."""
    level = [value]
    for _ in range(limit):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return any(isinstance(item, (dict, list)) for item in level)
