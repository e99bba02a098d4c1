"""What graders that compare two texts have in common."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from dataclasses import field, replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.scorers.graders.fields import PROMPT_NAMES, GraderFields, NoSampleValueError
from rl_rewards.scorers.graders.template import GraderTemplate, as_item, grader_template, has_placeholder
from rl_rewards.scorers.reference import Reference, columns_of, value_of
from rl_rewards.scorers.texts import reference_texts
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["OUTPUT_TEXT", "ComparingGrader", "column_of"]

OUTPUT_TEXT = "{{ sample.output_text }}"


_LONE_COLUMN = re.compile(r"\s*\{\{\s*(?:item|references)\.([^\W\d][\w-]*)\s*\}\}\s*")


def column_of(reference: Any) -> Any:
    """The column of a reference that is nothing but one column's placeholder; of any other text, placeholders in the graders' spelling."""
    lone = _LONE_COLUMN.fullmatch(reference) if isinstance(reference, str) else None
    return as_item(reference) if lone is None or lone[1] in PROMPT_NAMES else lone[1]


@configured
class ComparingGrader(AnswerScorer):
    """A scorer that compares `input` with a reference, either of which may have parts of the row and of the completion in it.

    A completion that lacks what a template asks for (JSON, a tool call) is `unparsed` and scores `wrong`; a row that does is an error.
    """

    reference: Annotated[str | Reference | None, BeforeValidator(column_of)] = None
    """The dataset column that holds the reference, a template such as "{{ item.answer }}", or {column: ..., parse: ...}."""
    text: str | None = field(default=None, kw_only=True)
    """In place of `reference`: the text itself."""
    input: Annotated[str, BeforeValidator(as_item)] = field(default=OUTPUT_TEXT, kw_only=True)
    """What is compared with it; in "{{ sample.output_text }}", what the parser found."""

    def __post_init__(self) -> None:
        if (self.reference is None) == (self.text is None):
            given = "both" if self.text is not None else "neither"
            raise ValueError(f"exactly one of 'reference' (a column or a template) and 'text' (the text itself) must be set, got {given}")
        if self.text is not None:
            if has_placeholder(self.text):
                raise ValueError(f"text is compared as it is and must have no placeholder, got {self.text!r:.80}; write it as `reference`")
            if not self.text.strip():
                raise ValueError(f"text must not be blank, got {self.text!r:.80}")
        elif self._template is None:
            value_of(self.reference)  # type: ignore[arg-type]
        _ = self._input

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @cached_property
    def _input(self) -> GraderTemplate:
        return grader_template(self.input)

    @cached_property
    def _template(self) -> GraderTemplate | None:
        """The reference as a grader's template; None where it is a column, or the text itself."""
        return grader_template(self.reference) if isinstance(self.reference, str) and has_placeholder(self.reference) else None

    @property
    def traits(self) -> Traits:
        if self._template is not None:
            columns = self._template.columns
        else:
            columns = frozenset() if self.reference is None else columns_of(self.reference)
        return replace(super().traits, columns=columns | self._input.columns)

    def target(self, sample: Sample) -> tuple[str, ...] | None:
        """The texts of the reference; None where it depends on the completion."""
        if self._input.reads_item:
            self._input.check(GraderFields(sample, None))
        if self.text is not None:
            return (self.text,)
        if self._template is None:
            value = value_of(self.reference)(sample)  # type: ignore[arg-type]
            return (value,) if value.__class__ is str else _texts(value)
        fields = GraderFields(sample, None)
        if self._template.reads_sample:
            self._template.check(fields)
            return None
        text = self._template.fill(fields)
        if not text.strip():
            raise MissingReferenceError(f"the reference {self.reference!r:.80} of this row is blank")
        return (text,)

    def score_answer(self, answer: Any, target: tuple[str, ...] | None, sample: Sample) -> Any:
        if target is not None and self.input == OUTPUT_TEXT and answer.__class__ is str:  # the most common form
            return self.compare(answer, target)
        fields = GraderFields(sample, answer)
        try:
            found = self._input.fill(fields)
            if target is None:
                assert self._template is not None
                target = (self._template.fill(fields),)
                if not target[0].strip():
                    return EvaluateResult(self.wrong, "what the completion is compared with is blank in it", outcome=Outcome.UNPARSED)
        except NoSampleValueError as missing:
            return EvaluateResult(self.wrong, str(missing), outcome=Outcome.UNPARSED)
        return self.compare(found, target)

    @abstractmethod
    def compare(self, found: str, references: tuple[str, ...]) -> Any:
        """The result for `input`'s text and the texts of the reference, the best of which counts.

        Raises:
            MissingReferenceError: when none of them can be compared with.
        """


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a column's value, any of which is right; objects and truth values are written as JSON, as templates write them."""
    if isinstance(value, (bool, dict)):
        return (json.dumps(value, ensure_ascii=False, default=str),)
    if isinstance(value, (list, tuple)) and any(isinstance(item, (bool, dict)) for item in value):
        return tuple(text for item in value if item is not None for text in _texts(item))
    return reference_texts(value)
