"""What all judges have in common: their model, what they see of a sample, and results made of verdicts."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field
from typing import Any

from pydantic import PositiveInt

from rl_rewards.addresses import address
from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.references import column_template, text_of
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.cache import digest
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.judge.asking import NoVerdictError, Usage, Verdict
from rl_rewards.scorers.judge.fencing import without_content
from rl_rewards.scorers.judge.prompts import Section
from rl_rewards.scorers.timing import call_timed
from rl_rewards.tool_calls import names_tool_call, value_in_calls
from rl_rewards.types import EvaluateResult, Message, Outcome, Sample
from rl_rewards.types.tool_calls import tool_calls_of

__all__ = ["JudgeScorer", "guarded", "several", "standard_deviation"]

_ABSENT = object()


@configured
class JudgeScorer(Scorer):
    """A scorer that asks a language model.

    A judge that fails, refuses or gives no verdict that can be read is no fault of the policy: outcome `error` or `timeout`, without a score.
    """

    model: ChatModel
    """The model that judges: {name: ..., base_url: ...}, with its limits."""
    instructions: str | None = field(default=None, kw_only=True)
    """What the judge is told besides: of the task, the domain, what to be strict about."""
    show: tuple[str, ...] = field(default=(), kw_only=True)
    """More that the judge sees of the row: columns, and tool calls of the completion, such as `tool_calls[0].arguments.city` or `tool_calls`."""
    samples: PositiveInt = field(default=1, kw_only=True)
    """Verdicts that are averaged; they need a temperature above 0. Component `spread` is their standard deviation."""
    repair: bool = field(default=True, kw_only=True)
    """Ask once more where a reply holds no verdict that can be read."""
    guard: bool = field(default=True, kw_only=True)
    """Score responses without content (":", "Thought process:") 0 instead of sending them: many judges give them full marks (2507.08794)."""

    def __post_init__(self) -> None:
        if self.samples > 1 and self.model.temperature == 0:
            raise ValueError(f"samples: {self.samples} verdicts are all the same at temperature 0: give the model a temperature above 0, or null")
        for name in self.show:
            _ = address(name) if names_tool_call(name) else column_template(name)

    @property
    def traits(self) -> Traits:
        columns = frozenset().union(*(column_template(name).columns for name in self.show if not names_tool_call(name)))
        return Traits(columns=columns, per_sample=True, calls_server=True)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What scores depend on besides the samples: the model with its settings, and the digest of its prompt."""
        return {"model": self.model.identity, "prompt_sha256": digest({"prompt": self._prompt()})}

    def _prompt(self) -> Any:
        """What the judge is told, of JSON's types, for a digest."""
        raise NotImplementedError

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start asking, on the background event loop."""
        return event_loop.submit(self._judge_all(samples, answers))

    async def _judge_all(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        judged = (call_timed(guarded(self.judge(sample, answer))) for sample, answer in zip(samples, answers, strict=True))
        return list(await asyncio.gather(*judged))

    async def judge(self, sample: Sample, answer: Any) -> EvaluateResult:
        """The result of one sample. What it raises costs this sample."""
        raise NotImplementedError

    def state_dict(self) -> Mapping[str, Any]:
        return self.model.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state)

    def unjudged(self, sample: Sample, answer: Any, reference: Any = None) -> EvaluateResult | None:
        """The result of a response that is not sent to the judge; None for one that is."""
        if answer is None:
            return EvaluateResult(0.0, "no answer in the response", outcome=Outcome.UNPARSED)
        text = _written(answer)
        if (not text.strip() and not tool_calls_of(sample)) or (self.guard and without_content(text) and not tool_calls_of(sample)):
            if reference is not None and text.strip() and text.strip() == text_of(reference).strip():
                return None
            return EvaluateResult(0.0, "the response has no content to be judged", outcome=Outcome.UNPARSED)
        return None

    def material(self, sample: Sample, answer: Any) -> list[Section]:
        """The conversation, what `show` names, and the response, as the judge sees them.

        Raises:
            MissingReferenceError: when the row lacks a column that `show` names.
        """
        sections = (
            [Section("prompt", "\n\n".join(f"[{turn.role}]\n{turn.text}" for turn in map(_message, sample.prompt_turns)))] if sample.prompt else []
        )
        for name in self.show:
            sections.append(
                Section("shown", f"{name}:\n{_called(sample, name) if names_tool_call(name) else text_of(column_template(name).value(sample))}")
            )
        return [*sections, Section("response", _written(answer))]

    def result(
        self, score: float, components: dict[str, float], verdicts: Sequence[Verdict], scores: Sequence[float], usage: Usage
    ) -> EvaluateResult:
        """A result with what every judge reports: spread, tokens, cost and what was spent so far."""
        metrics: dict[str, Any] = {**components, **usage.components()}
        if self.samples > 1:
            metrics |= {"spread": standard_deviation(scores), "verdicts": float(len(verdicts))}
        if self.model.price is not None:
            metrics["spent"] = self.model.spending.sums()["cost"]
        return EvaluateResult(score, " ".join(verdicts[0].reply.split())[:1000], metrics)

    @property
    def told(self) -> str:
        return "" if self.instructions is None else f"\n\n{self.instructions.strip()}"


async def guarded(judging: Coroutine[Any, Any, EvaluateResult]) -> EvaluateResult:
    """A coroutine's result; what it raises as a failure of ours."""
    try:
        return await event_loop.contain(judging)
    except CallError as failed:
        return EvaluateResult.failure(failed.outcome, str(failed))
    except NoVerdictError as failed:
        return EvaluateResult.failure(Outcome.ERROR, str(failed))
    except Exception as error:
        return failure_of(error)


async def several(asked: Sequence[Coroutine[Any, Any, Verdict]]) -> list[Verdict]:
    """The verdicts that came of some; the first failure where none did.

    Raises:
        NoVerdictError, CallError: as `ask`.
    """
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    verdicts = [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
    if not verdicts:
        raise next(outcome for outcome in outcomes if isinstance(outcome, BaseException))
    return verdicts


def standard_deviation(values: Sequence[float]) -> float:
    """Of a sample (n - 1); 0 for a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _message(turn: Any) -> Message:
    return Message.model_validate(turn)


def _written(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str)


def _called(sample: Sample, name: str) -> str:
    found = value_in_calls(sample, name, _ABSENT)
    return "(absent)" if found is _ABSENT else _written(found)
