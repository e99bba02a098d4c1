"""The `judge` scorer: criteria, with or without a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from statistics import fmean
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.references import column_template, text_of
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.judge.asking import Usage, ask
from rl_rewards.scorers.judge.base import JudgeScorer, several
from rl_rewards.scorers.judge.criteria import Criterion, criteria_of_row
from rl_rewards.scorers.judge.prompts import Section, question
from rl_rewards.scorers.reference import Reference, columns_of, value_of
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["Judge"]

_CORRECT = Criterion(
    "correct",
    "Does the response come to the same final answer as the reference? The way there does not count, and neither does how the answer is written; "
    "an answer that is missing, incomplete, hedged or one of several is not the same.",
)


@configured
class Judge(JudgeScorer):
    """Asks a language model for a verdict on each criterion of a response (rubrics as rewards, 2507.17746).

    The score is the sum of the criteria's values, from 0 to 1, times their weights, divided by the sum of the positive weights. Components: each
    criterion by its name, `spread` and `verdicts` with several samples, `prompt_tokens`, `completion_tokens`, `cost`, `repaired`, `cached`, and
    `spent`, all that was spent on the model so far, where it has a price.

    With a `reference` and without criteria it asks whether the response comes to the reference's answer. A response without an answer scores 0.

    Raises:
        ValueError: when there are neither criteria nor a reference, or two criteria of one name.
    """

    criteria: tuple[Criterion, ...] = field(default=(), kw_only=True)
    """What it decides on."""
    criteria_from: str | None = field(default=None, kw_only=True)
    """The column with a row's own criteria instead: a list of texts, or of {criterion, weight, title}."""
    reference: str | Reference | None = field(default=None, kw_only=True)
    """The column with the right answer, which the judge sees."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.criteria_from is not None:
            column_template(self.criteria_from)
            if self.criteria:
                raise ValueError("a judge has `criteria` or `criteria_from`, not both")
        elif not self.criteria and self.reference is None:
            raise ValueError("a judge needs `criteria`, `criteria_from`, or a `reference` that responses are compared with")
        elif self.criteria:
            names = [criterion.name for criterion in self.criteria]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"criteria must have different names, but {', '.join(map(repr, twice))} is there more than once among {names}")
            _positive(self.criteria)
        if self.reference is not None:
            value_of(self.reference)

    @property
    def traits(self) -> Traits:
        of_row = frozenset() if self.criteria_from is None else column_template(self.criteria_from).columns
        return replace(
            super().traits, columns=super().traits.columns | of_row | (frozenset() if self.reference is None else columns_of(self.reference))
        )

    async def judge(self, sample: Sample, answer: Any) -> EvaluateResult:
        criteria = self._criteria(sample)
        reference = None if self.reference is None else value_of(self.reference)(sample)
        if (unjudged := self.unjudged(sample, answer, reference)) is not None:
            return unjudged
        *before, response = self.material(sample, answer)
        sections = [*before, *([] if reference is None else [Section("reference", text_of(reference))]), response]
        asked = question(self._task(criteria), sections, *_fields(criteria), judged=response.text)
        usage = Usage()
        verdicts = await several([ask(self.model, asked, criteria, usage, number, self.repair) for number in range(self.samples)])
        components = {criterion.name: fmean(verdict.values[criterion.name] for verdict in verdicts) for criterion in criteria}
        scores = [_score(criteria, verdict.values) for verdict in verdicts]
        return self.result(fmean(scores), components, verdicts, scores, usage)

    def check_reference(self, sample: Sample) -> None:
        """Read what the row brings as scoring would, before anything is scored.

        Raises:
            MissingReferenceError: when it cannot be used.
        """
        self._criteria(sample)
        if self.reference is not None:
            value_of(self.reference)(sample)

    def _criteria(self, sample: Sample) -> Sequence[Criterion]:
        if self.criteria_from is not None:
            criteria = criteria_of_row(column_template(self.criteria_from).value(sample))
            _positive(criteria)
            return criteria
        return self.criteria or (_CORRECT,)

    def _task(self, criteria: Sequence[Criterion]) -> str:
        listed = "\n".join(f'- "{criterion.name}": {criterion.description.strip()}' for criterion in criteria)
        compared = "" if self.reference is None else " The reference is right, whatever you think yourself."
        return f"Decide on each of these criteria by itself, for the response to the prompt.{compared}\n{listed}{self.told}"

    def _prompt(self) -> Any:
        criteria = (Criterion("of_row", "of the row"),) if self.criteria_from is not None else self.criteria or (_CORRECT,)
        asked = question(self._task(criteria), [Section("response", "")], *_fields(criteria), judged="")
        return [asked.structured, asked.tagged, asked.schema, list(self.show)]


def _positive(criteria: Sequence[Criterion]) -> None:
    if not any(criterion.weight > 0 for criterion in criteria):
        raise ValueError("at least one criterion must have a weight above 0")


def _fields(criteria: Sequence[Criterion]) -> tuple[dict[str, str], dict[str, Any]]:
    return {each.name: each.answers for each in criteria}, {each.name: each.schema for each in criteria}


def _score(criteria: Sequence[Criterion], values: Mapping[str, float]) -> float:
    """The weighted mean; weights below 0 take away, and have no part in the denominator."""
    return sum(each.weight * values[each.name] for each in criteria) / sum(each.weight for each in criteria if each.weight > 0)
