"""The `group_judge` scorer: all completions to a prompt in one call, each scored in the light of the others."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.judge.asking import NoVerdictError, Usage, Verdict, ask
from rl_rewards.scorers.judge.base import JudgeScorer, several
from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.scorers.judge.prompts import Question, Section, question
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["GroupJudge"]

_BETTER = "How well does the response do what the prompt asks for? One that comes closer gets a higher score, one that fails a low one."
_NO_GROUP = "which completions belong to one prompt is not known here, and a group_judge compares those"


@dataclass(frozen=True)
class _Candidate:
    """The field of a group's verdict: one response's score from 0 to 1."""

    number: int
    bounds: tuple[float, float] | None = (0.0, 1.0)

    @property
    def name(self) -> str:
        return f"response_{self.number}"

    @property
    def also(self) -> tuple[str, ...]:
        return (str(self.number), f"candidate_{self.number}")

    @property
    def values(self) -> dict[str, float]:
        return {}

    def value_of(self, said: Any) -> float | None:
        return Criterion("score", "score", range=self.bounds).value_of(said)


@configured
class GroupJudge(JudgeScorer):
    """Asks a language model for scores of all completions to a prompt at once, each relative to the others, as ART's RULER does.

    The judge sees the prompt once, so a group costs about as much as its completions are long. Equal responses are shown once and score the
    same; the order is drawn from the texts, anew for each of several samples. Components:
    `rank`, from 0 for the worst of its group to 1, and `place`, where the judge saw it, from 0 for first to 1.

    Raises:
        ValueError: when options contradict each other.
    """

    criterion: str = field(default=_BETTER, kw_only=True)
    """What makes a response score higher."""
    score_by: Literal["score", "rank"] = field(default="score", kw_only=True)
    """The judge's score from 0 to 1, or its rank within the group, of which judges are surer."""

    @property
    def traits(self) -> Traits:
        return replace(super().traits, needs_groups=True, per_sample=False)

    async def _judge_all(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        results: list[EvaluateResult | None] = [None] * len(samples)
        groups: dict[int, list[int]] = defaultdict(list)
        for place, (sample, answer) in enumerate(zip(samples, answers, strict=True)):
            if sample.group is None:
                results[place] = EvaluateResult.failure(Outcome.ERROR, _NO_GROUP)
            elif (unjudged := self.unjudged(sample, answer)) is not None:
                results[place] = unjudged
            else:
                groups[sample.group].append(place)
        judged = await asyncio.gather(
            *(self._group([samples[place] for place in places], [answers[place] for place in places]) for places in groups.values())
        )
        for places, of_group in zip(groups.values(), judged, strict=True):
            for place, result in zip(places, of_group, strict=True):
                results[place] = result
        return [result for result in results if result is not None]

    async def _group(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        try:
            return await self._scored(samples, answers)
        except CallError as failed:
            return [EvaluateResult.failure(failed.outcome, str(failed)) for _ in samples]
        except NoVerdictError as failed:
            return [EvaluateResult.failure(Outcome.ERROR, str(failed)) for _ in samples]
        except Exception as error:
            return [failure_of(error) for _ in samples]

    async def _scored(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        materials = [self.material(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        texts = ["\n\n".join(section.text for section in material if section.name in ("response", "shown")) for material in materials]
        distinct = sorted(set(texts))
        if len(distinct) == 1 and self.score_by == "rank":
            return [EvaluateResult.skip("all responses of the group that can be judged are the same: there is nothing to rank") for _ in samples]
        prompt = [section for section in materials[0] if section.name == "prompt"]
        usage = Usage()
        orders = [_shuffled(distinct, number) for number in range(self.samples)]
        verdicts = await several([self._asked(prompt, order, usage, number) for number, order in enumerate(orders)])
        by_text = [self._values(verdict.values) for verdict in verdicts]
        places = {text: fmean(order.index(text) / max(1, len(order) - 1) for order in orders) for text in distinct}
        return [self._result(text, places[text], by_text, verdicts, usage if number == 0 else Usage()) for number, text in enumerate(texts)]

    async def _asked(self, prompt: list[Section], order: Sequence[str], usage: Usage, number: int) -> Verdict:
        """A verdict, with the texts as its fields."""
        fields = [_Candidate(place) for place, _ in enumerate(order, 1)]
        verdict = await ask(self.model, self._question(prompt, order), fields, usage, number, self.repair)
        return Verdict({text: verdict.values[candidate.name] for candidate, text in zip(fields, order, strict=True)}, verdict.reply)

    def _question(self, prompt: list[Section], order: Sequence[str]) -> Question:
        names = [f"response_{place}" for place, _ in enumerate(order, 1)]
        sections = [*prompt, *(Section(name, text) for name, text in zip(names, order, strict=True))]
        task = f"Score {len(order)} responses to one prompt, each from 0 to 1 and in the light of the others. {self.criterion.strip()} Their order means nothing.{self.told}"
        answers = dict.fromkeys(names, "a number from 0 to 1, such as 0.35")
        return question(task, sections, answers, {name: {"type": "number", "minimum": 0, "maximum": 1} for name in names}, "\n".join(order))

    def _values(self, scores: Mapping[str, float]) -> dict[str, tuple[float, float]]:
        """Each text's score and rank."""
        last = max(1, len(scores) - 1)
        return {
            text: (score, (sum(o < score for o in scores.values()) + (sum(o == score for o in scores.values()) - 1) / 2) / last)
            for text, score in scores.items()
        }

    def _result(
        self, text: str, place: float, by_text: Sequence[Mapping[str, tuple[float, float]]], verdicts: Sequence[Verdict], usage: Usage
    ) -> EvaluateResult:
        scores = [values[text][self.score_by == "rank"] for values in by_text]
        return self.result(fmean(scores), {"rank": fmean(values[text][1] for values in by_text), "place": place}, verdicts, scores, usage)

    def _prompt(self) -> Any:
        asked = self._question([], ["", ""])
        return [asked.structured, asked.tagged, asked.schema, list(self.show)]


def _shuffled(texts: Sequence[str], number: int) -> list[str]:
    """The texts in an order that follows from them and the number, so that replies can be cached and no place is anybody's."""
    seed = "\0".join(texts).encode("utf-8", "surrogatepass")
    return sorted(texts, key=lambda text: hashlib.sha256(seed + str(number).encode() + text.encode("utf-8", "surrogatepass")).digest())
