"""OpenAI's string_check grader."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from rl_rewards.configured import configured
from rl_rewards.scorers.graders.comparing import ComparingGrader
from rl_rewards.scorers.texts import quoted
from rl_rewards.types import EvaluateResult

__all__ = ["StringCheck"]

_RELATIONS = {"eq": "is not", "ne": "is", "like": "does not contain", "ilike": "does not contain, capitals or not,"}


@configured
class StringCheck(ComparingGrader):
    """Scores a comparison of text with the reference as OpenAI's string_check grader does: letter by letter, white space included.

    eq: they are equal. ne: they are not. like: `input` contains the reference. ilike: it does, whether in capitals or small letters. There
    are no wildcards. Of a reference that is a list any one counts; for ne, none may be equal.
    """

    operation: Literal["eq", "ne", "like", "ilike"] = field(default="eq", kw_only=True)
    """How they are compared."""

    def compare(self, found: str, references: tuple[str, ...]) -> EvaluateResult:
        if self.operation == "ne":
            right = found not in references
        elif self.operation == "eq":
            right = found in references
        elif self.operation == "like":
            right = any(reference in found for reference in references)
        else:
            folded = found.casefold()
            right = any(reference.casefold() in folded for reference in references)
        if right:
            return EvaluateResult(self.correct)
        return EvaluateResult(self.wrong, f"{quoted(found)} {_RELATIONS[self.operation]} {quoted(references)}")
