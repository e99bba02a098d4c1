"""A response rated by a language model that is asked one question of the user's, as Vertex AI's autorater does."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import cached_property
from statistics import fmean, pstdev
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, InstanceOf

from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.parsers import parser
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.identity import Identity
from rl_rewards.references import MissingReferenceError, Template, check_closed, lookup, template, text_of
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.timing import call_timed
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample, describe

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"references\.([^{}]+)")
_ABOUT_SAMPLE = ("prompt", "response", "system_instruction")
URL, MODEL, KEY = "RL_REWARDS_AUTORATER_URL", "RL_REWARDS_AUTORATER_MODEL", "RL_REWARDS_AUTORATER_KEY"
"""Environment variables that send the calls of all autoraters to another endpoint, under another model's name, with another key."""


class _UnreadableError(ValueError):
    """A reply from which no score can be read. The rater's fault, so ours."""


@configured
class Autorater(Scorer):
    """Asks a language model about the response, and reads a score from its reply: a number, or whether it is what `equals` says.

    The score is the mean over `samples` replies; its spread is the component `spread`. A reply that cannot be read is never a score: the
    row fails (`error`) where fewer than half of the replies can be, and `unread` counts the others. Prompt, response and references are put
    into the prompt once; placeholders in them stay text.

    RL_REWARDS_AUTORATER_URL, RL_REWARDS_AUTORATER_MODEL and RL_REWARDS_AUTORATER_KEY in the environment send the calls to another endpoint.

    Raises:
        ValueError: for an unknown placeholder, or a prompt without {{response}}.
    """

    prompt: str
    """What the model is asked, with {{prompt}}, {{response}} (the parsed answer), {{system_instruction}} and {{references.COLUMN}}."""
    model: ChatModel = field(kw_only=True)
    """The model: {name: ..., base_url: ...}."""
    parse: Annotated[InstanceOf[Parser], BeforeValidator(parser)] = field(default_factory=Identity, kw_only=True)
    """What finds the verdict in a reply."""
    equals: str | None = field(default=None, kw_only=True)
    """What the verdict of a right answer is, letter by letter, with {{references.COLUMN}}; unset, the verdict is a number, the score."""
    correct: float = field(default=1.0, kw_only=True)
    """Score of a verdict that is what `equals` says."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of another verdict, and of a response without an answer, about which the model is not asked."""
    samples: Annotated[int, Field(ge=1, le=32)] = field(default=1, kw_only=True)
    """How many replies are asked for."""

    def __post_init__(self) -> None:
        for match in _PLACEHOLDER.finditer(self.prompt):
            if match[1] not in _ABOUT_SAMPLE and not _REFERENCE.fullmatch(match[1]):
                known = ", ".join(f"{{{{{name}}}}}" for name in (*_ABOUT_SAMPLE, "references.COLUMN"))
                raise ValueError(f"a placeholder must be one of {known}, got {match[0]!r}")
        check_closed(self.prompt, _PLACEHOLDER.sub("", self.prompt))
        if "{{response}}" not in self.prompt:
            raise ValueError("the prompt must have {{response}} in it: otherwise the model rates nothing of the policy's")
        if self.equals is not None and not self._expected.text.strip():
            raise ValueError(f"equals must not be blank, got {self.equals!r}")

    @cached_property
    def _expected(self) -> Template:
        return template(self.equals or "")

    @property
    def traits(self) -> Traits:
        named = {match[1] for match in _PLACEHOLDER.finditer(self.prompt)}
        columns = frozenset(found[1].split(".")[0] for name in named if (found := _REFERENCE.fullmatch(name)))
        return Traits(columns=columns | self._expected.columns, calls_server=True)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start the calls on the background event loop."""
        return event_loop.submit(self._score(samples, answers))

    async def _score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        model = self._called_model()
        rated = (call_timed(self._rate(model, sample, answer)) for sample, answer in zip(samples, answers, strict=True))
        return list(await asyncio.gather(*rated))

    def _called_model(self) -> ChatModel:
        """The model, at the endpoint that the environment says, where it says one."""
        if not (url := os.environ.get(URL)):
            return self.model
        name = os.environ.get(MODEL) or self.model.name.rpartition("/")[2]
        return replace(self.model, base_url=url, name=name, api_key_env=KEY if KEY in os.environ else None)

    async def _rate(self, model: ChatModel, sample: Sample, answer: Any) -> EvaluateResult:
        if answer is None:
            return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)
        try:
            text = self.filled(sample, answer if isinstance(answer, str) else str(answer))
            expected = None if self.equals is None else text_of(self._expected.value(sample))
        except MissingReferenceError as missing:
            return failure_of(missing)
        replies = await asyncio.gather(*(self._ask(model, text, expected, number) for number in range(self.samples)))
        return _mean(replies)

    def filled(self, sample: Sample, answer: str) -> str:
        """The prompt about one sample.

        Raises:
            MissingReferenceError: when a reference that it names is absent or empty.
        """
        turns = [Message.model_validate(turn) for turn in sample.prompt_turns]
        texts = {
            "response": lambda: answer,
            "prompt": lambda: "\n".join(turn.text for turn in turns if turn.role != "system"),
            "system_instruction": lambda: "\n".join(turn.text for turn in turns if turn.role == "system"),
        }

        def text(match: re.Match[str]) -> str:
            reference = _REFERENCE.fullmatch(match[1])
            return texts[match[1]]() if reference is None else text_of(lookup(sample.references, tuple(reference[1].split("."))))

        return _PLACEHOLDER.sub(text, self.prompt)

    async def _ask(self, model: ChatModel, text: str, expected: str | None, number: int) -> tuple[float, str] | EvaluateResult:
        """A reply's score and its verdict, or why there is none."""

        def readable(reply: Any) -> bool:
            try:
                return self._read(reply, expected) is not None
            except _UnreadableError:
                return False

        try:
            reply = await model.complete([{"role": "user", "content": text}], sample=number, keep=readable)
            return self._read(reply, expected)
        except CallError as failed:
            return EvaluateResult.failure(failed.outcome, str(failed))
        except _UnreadableError as error:
            return EvaluateResult.failure(Outcome.ERROR, str(error))
        except Exception as error:  # costs its own row
            return EvaluateResult.failure(Outcome.ERROR, describe(error), error)

    def _read(self, reply: Any, expected: str | None) -> tuple[float, str]:
        """The score that a reply gives, and the verdict that was found in it."""
        if reply.refusal or reply.cut_off:
            raise _UnreadableError(f"the rater {'refused' if reply.refusal else 'was cut off'}: {reply.text!r:.200}")
        verdict = self.parse.parse(reply.text)
        if not isinstance(verdict, str):
            raise _UnreadableError(f"no verdict in the rater's reply: {reply.text!r:.200}")
        if expected is not None:
            return (self.correct if verdict == expected else self.wrong), verdict
        if _NUMBER.fullmatch(verdict.strip()) is None:
            raise _UnreadableError(f"the rater's verdict must be a number, got {verdict!r:.200}")
        return float(verdict), verdict


_NUMBER = re.compile(r"[-+]?(?:\d{1,300}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,2})?", re.ASCII)


def _mean(replies: Sequence[tuple[float, str] | EvaluateResult]) -> EvaluateResult:
    """The mean of the scores that could be read; the failure where fewer than half could."""
    read = [reply for reply in replies if isinstance(reply, tuple)]
    failures = [reply for reply in replies if isinstance(reply, EvaluateResult)]
    if len(read) * 2 < len(replies) or not read:
        return failures[0]
    scores = [score for score, _ in read]
    result = EvaluateResult(fmean(scores), f"verdict {read[0][1]!r:.80}" if len(read) == 1 else f"verdicts {[verdict for _, verdict in read]!r:.200}")
    if len(replies) > 1:
        result.metrics = {"spread": MetricResult(pstdev(scores)), "unread": MetricResult(float(len(failures)))}
    return result
