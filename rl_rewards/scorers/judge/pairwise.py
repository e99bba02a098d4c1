"""The `pairwise_judge` scorer: a response against another one, in both orders."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.references import text_of
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.judge.asking import Usage, Verdict, ask
from rl_rewards.scorers.judge.base import JudgeScorer, several
from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.scorers.judge.fencing import without_content
from rl_rewards.scorers.judge.prompts import Section, question
from rl_rewards.scorers.reference import Reference, columns_of, value_of
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["PairwiseJudge"]

_BETTER = "Which of the two responses to the prompt is better: more correct, more helpful, and closer to what was asked for?"


@dataclass(frozen=True)
class _Winner:
    """The field of a pairwise verdict: which response is better, or neither."""

    criterion: Criterion
    name: str = "winner"
    also: tuple[str, ...] = ("better", "preferred", "preference", "better_response")
    bounds: tuple[float, float] | None = None

    @property
    def values(self) -> dict[str, float]:
        return {f"{before}{label}": value for label, value in self.criterion.values.items() for before in ("", "response ", "assistant ", "answer ")}

    def value_of(self, said: Any) -> float | None:
        if isinstance(said, str):
            if (ordered := re.fullmatch(r"\W*([AB])\s*(>{1,2}|<{1,2}|=)\s*([AB])\W*", said)) is not None and ordered[1] != ordered[3]:
                said = "tie" if ordered[2] == "=" else ordered[1] if ordered[2][0] == ">" else ordered[3]
            said = re.sub(r"^\W*(?:response|assistant|answer|option)[ _]|(?: is better| is the better one| wins)\W*$", "", said, flags=re.IGNORECASE)
        return self.criterion.value_of(said)


def _winner(ties: bool) -> _Winner:
    choices = {"B": 0.0, "A": 1.0} | ({"tie": 0.5} if ties else {})
    return _Winner(Criterion("winner", "Which one is better?", choices=choices))


@configured
class PairwiseJudge(JudgeScorer):
    """Asks a language model whether a response is better than another one of the row: 1 for better, 0 for worse, 0.5 for neither.

    Judges prefer a place, so it is asked twice, with the two in either order, and the score is the mean: a judge that changes its mind with
    the order says neither. Components: `won_first` and `won_second`, the verdict with the response in first and in second place, and
    `consistent`, 1 where the two agree.

    Raises:
        ValueError: when options contradict each other.
    """

    against: str | Reference = field(kw_only=True)
    """The column with the other response, such as a baseline's."""
    criterion: str = field(default=_BETTER, kw_only=True)
    """What makes a response the better one."""
    ties: bool = field(default=True, kw_only=True)
    """Whether the judge may say that neither is better."""

    def __post_init__(self) -> None:
        super().__post_init__()
        value_of(self.against)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, columns=super().traits.columns | columns_of(self.against))

    def check_reference(self, sample: Sample) -> None:
        """Read the other response as scoring would, before anything is scored.

        Raises:
            MissingReferenceError: when the row has none.
        """
        value_of(self.against)(sample)

    async def judge(self, sample: Sample, answer: Any) -> EvaluateResult:
        other = text_of(value_of(self.against)(sample))
        if (unjudged := self.unjudged(sample, answer)) is not None:
            unjudged.score = 0.5 if without_content(other) else 0.0
            return unjudged
        *before, response = self.material(sample, answer)
        if response.text.strip() == other.strip():
            return EvaluateResult(0.5, "both responses are the same", {"consistent": 1.0})
        usage = Usage()
        first, second = await asyncio.gather(
            self._in_order([*before, Section("response_A", response.text), Section("response_B", other)], response.text + other, usage),
            self._in_order([*before, Section("response_A", other), Section("response_B", response.text)], response.text + other, usage),
            return_exceptions=True,
        )
        for outcome in (first, second):
            if isinstance(outcome, BaseException):  # one order alone would be the judge's liking for a place
                raise outcome
        assert not isinstance(first, BaseException) and not isinstance(second, BaseException)
        as_first = [verdict.values["winner"] for verdict in first]
        as_second = [1.0 - verdict.values["winner"] for verdict in second]
        one, two = fmean(as_first), fmean(as_second)
        components = {"won_first": one, "won_second": two, "consistent": float((one > 0.5) == (two > 0.5) and (one < 0.5) == (two < 0.5))}
        return self.result((one + two) / 2, components, [*first, *second], [*as_first, *as_second], usage)

    async def _in_order(self, sections: list[Section], judged: str, usage: Usage) -> list[Verdict]:
        asked = self._question(sections, judged)
        return await several([ask(self.model, asked, [_winner(self.ties)], usage, number, self.repair) for number in range(self.samples)])

    def _question(self, sections: list[Section], judged: str) -> Any:
        allowed = 'one of "A", "B"' + (', or "tie" where neither is better' if self.ties else "")
        schema = {"type": "string", "enum": ["A", "B", *(["tie"] if self.ties else [])]}
        task = f"Compare response A and response B. {self.criterion.strip()} Their order means nothing.{self.told}"
        return question(task, sections, {"winner": allowed}, {"winner": schema}, judged)

    def _prompt(self) -> Any:
        asked = self._question([Section("response_A", ""), Section("response_B", "")], "")
        return [asked.structured, asked.tagged, asked.schema, list(self.show)]
