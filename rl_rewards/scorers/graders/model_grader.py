"""What score_model and label_model have in common: a language model is asked with the user's own messages."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field
from typing import Any

from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.cache import digest
from rl_rewards.runtime.calling.chat import ChatModel, ChatReply
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.graders.fields import GivenSample, GraderFields, NoSampleValueError
from rl_rewards.scorers.graders.messages import GraderMessage
from rl_rewards.scorers.judge.asking import Usage
from rl_rewards.scorers.judge.criteria import Criterion
from rl_rewards.scorers.judge.fencing import mark_of, without_content
from rl_rewards.scorers.judge.verdicts import MalformedVerdictError, read_verdict
from rl_rewards.scorers.timing import call_timed
from rl_rewards.types import EvaluateResult, Outcome, Sample
from rl_rewards.types.tool_calls import tool_calls_of

__all__ = ["ModelGrader", "RefusedError"]

RESULT = "result"
"""The field of a reply that holds the verdict, as in the service's own."""


class RefusedError(Exception):
    """The model refused to grade."""


@configured
class ModelGrader(Scorer):
    """A scorer that asks a language model with messages of the user's own, in OpenAI's form with its templates.

    A model that fails, refuses or gives no verdict that can be read is no fault of the policy: outcome `error` or `timeout`, without a score.
    A completion that lacks what a template asks for is `unparsed`.
    """

    model: ChatModel
    """The model that grades: {name: ..., base_url: ...}, with its limits."""
    input: tuple[GraderMessage, ...]
    """What it is asked: a list of {role, content}, with templates such as {{ sample.output_text }} and {{ item.answer }}."""
    guard: bool = field(default=True, kw_only=True)
    """Score completions without content (":", "Thought process:") lowest instead of sending them: many judges give them full marks (2507.08794)."""

    def __post_init__(self) -> None:
        if not self.input:
            raise ValueError("input must have at least one message")

    @property
    def traits(self) -> Traits:
        columns = frozenset().union(*(template.columns for message in self.input for template in message.templates))
        return Traits(columns=columns, per_sample=True, calls_server=True)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What scores depend on besides the samples: the model with its settings, and the digest of its prompt."""
        prompt = [[message.role, message.content] for message in self.input]
        return {"model": self.model.identity, "prompt_sha256": digest({"prompt": prompt, "verdict": self.criterion.description})}

    @property
    @abstractmethod
    def criterion(self) -> Criterion:
        """What the verdict is: a number in a range, or one of some labels."""

    @property
    @abstractmethod
    def lowest(self) -> float:
        """The score of a completion that cannot be graded."""

    @abstractmethod
    def result(self, value: float, reply: ChatReply) -> EvaluateResult:
        """The result of a verdict, from 0 to 1 as the criterion has it."""

    def check_reference(self, sample: Sample) -> None:
        """Read a row's columns as scoring would.

        Raises:
            MissingReferenceError: when the row lacks one.
        """
        fields = GraderFields(sample, None)
        for message in self.input:
            for template in message.templates:
                template.check(fields)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start asking, on the background event loop."""
        return event_loop.submit(self._grade_all(samples, answers))

    async def _grade_all(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        graded = (call_timed(self._guarded(sample, answer)) for sample, answer in zip(samples, answers, strict=True))
        return list(await asyncio.gather(*graded))

    async def _guarded(self, sample: Sample, answer: Any) -> EvaluateResult:
        try:
            return await event_loop.contain(self._grade(sample, answer))
        except CallError as failed:
            return EvaluateResult.failure(failed.outcome, str(failed), failed)
        except (MalformedVerdictError, RefusedError) as failed:
            return EvaluateResult.failure(Outcome.ERROR, str(failed), failed)
        except Exception as error:
            return failure_of(error)

    async def _grade(self, sample: Sample, answer: Any) -> EvaluateResult:
        self.check_reference(sample)
        if answer is None:
            return self._unparsed("no answer in the response")
        fields = GraderFields(sample, answer)
        text = _output_text(answer)
        if self.guard and without_content(text) and not (tool_calls_of(sample) or (isinstance(answer, GivenSample) and answer.get("output_tools"))):
            return self._unparsed("the completion has no content to be graded")
        try:
            messages = [message.filled(fields) for message in self.input]
        except NoSampleValueError as missing:
            return self._unparsed(str(missing))
        return await self._asked(messages, text)

    async def _asked(self, messages: list[dict[str, Any]], judged: str) -> EvaluateResult:
        criterion = self.criterion
        mark = mark_of(json.dumps(messages, sort_keys=True))

        def read(reply: ChatReply) -> float:
            return read_verdict(reply.text, [criterion], mark, judged, reply.cut_off)[RESULT]

        def readable(reply: ChatReply) -> bool:
            try:
                read(reply)
            except MalformedVerdictError:
                return False
            return True

        structured, tagged = (_with_form(messages, form) for form in _forms(criterion.description, mark))
        reply = await self.model.complete(structured, schema=self.schema, fallback=tagged, keep=readable)
        usage = Usage()
        usage.add(reply)
        try:
            if reply.refusal is not None:
                raise RefusedError(f"the model refused: {reply.refusal:.200}")
            result = self.result(read(reply), reply)
        except (MalformedVerdictError, RefusedError) as failed:
            result = EvaluateResult.failure(Outcome.ERROR, f"{failed}: {reply.text[:160]!r}", failed)
        components = usage.components()
        components.pop("repaired")
        result.metrics = {**result.metrics, **components}
        return result

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a reply: steps of reasoning, then the verdict, as the service's own has them."""
        step = {
            "type": "object",
            "properties": {"description": {"type": "string"}, "conclusion": {"type": "string"}},
            "required": ["description", "conclusion"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {"steps": {"type": "array", "items": step}, RESULT: self.result_schema},
            "required": ["steps", RESULT],
            "additionalProperties": False,
        }

    @property
    @abstractmethod
    def result_schema(self) -> dict[str, Any]:
        """The JSON schema of the verdict."""

    def _unparsed(self, reason: str) -> EvaluateResult:
        return EvaluateResult(self.lowest, reason, outcome=Outcome.UNPARSED)

    def state_dict(self) -> Mapping[str, Any]:
        return self.model.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state)


def _output_text(answer: Any) -> str:
    if isinstance(answer, GivenSample):
        answer = answer.get("output_text") or ""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str)


def _forms(allowed: str, mark: str) -> tuple[str, str]:
    """How the reply is to be written, for an endpoint that takes the schema and for one that does not."""
    structured = f'Reply with a JSON object and nothing else: first "steps", your reasoning, then "{RESULT}": {allowed}.'
    tagged = f'Reason in a few sentences. Then end your reply with <verdict id="{mark}">{{"{RESULT}": ...}}</verdict>, where "{RESULT}" is {allowed}.'
    return structured, tagged


def _with_form(messages: list[dict[str, Any]], form: str) -> list[dict[str, Any]]:
    """The messages with a last word on the form of the reply, in the last message where that is a user's."""
    last = messages[-1]
    if last["role"] != "user":
        return [*messages, {"role": "user", "content": form}]
    content = last["content"]
    content = f"{content}\n\n{form}" if isinstance(content, str) else [*content, {"type": "text", "text": form}]
    return [*messages[:-1], {**last, "content": content}]
