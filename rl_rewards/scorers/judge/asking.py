"""Asks a judge, and asks once more where its reply holds no verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rl_rewards.runtime.calling.chat import ChatModel, ChatReply
from rl_rewards.scorers.judge.fields import Field
from rl_rewards.scorers.judge.prompts import Question
from rl_rewards.scorers.judge.verdicts import MalformedVerdictError, read_verdict

__all__ = ["NoVerdictError", "Usage", "Verdict", "ask"]

_SHOWN = 4000  # characters of a malformed reply that the judge sees again


class NoVerdictError(Exception):
    """A judge replied and gave no verdict that can be read."""


@dataclass
class Usage:
    """What was spent on a sample's verdicts, failed ones too."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    repaired: int = 0
    cached: int = 0

    def add(self, reply: ChatReply) -> None:
        if reply.cached:
            self.cached += 1
            return
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        self.cost += reply.cost

    def components(self) -> dict[str, float]:
        return {
            "prompt_tokens": float(self.prompt_tokens),
            "completion_tokens": float(self.completion_tokens),
            "cost": self.cost,
            "repaired": float(self.repaired),
            "cached": float(self.cached),
        }


@dataclass(frozen=True)
class Verdict:
    """A judge's verdict: a value from 0 to 1 of every field, and its reply."""

    values: dict[str, float]
    reply: str = field(repr=False)


async def ask(model: ChatModel, question: Question, fields: Sequence[Field], usage: Usage, sample: int = 0, repair: bool = True) -> Verdict:
    """A judge's verdict on a question.

    Raises:
        NoVerdictError: when its reply, and the one to the request to repair it, holds none.
        CallError: when there is no reply.
    """

    def readable(reply: ChatReply) -> bool:
        try:
            _read(reply, question, fields)
        except MalformedVerdictError:
            return False
        return True

    reply = await model.complete(question.structured, schema=question.schema, fallback=question.tagged, sample=sample, keep=readable)
    usage.add(reply)
    try:
        return _read(reply, question, fields)
    except MalformedVerdictError as malformed:
        if not repair:
            raise NoVerdictError(f"{malformed}: {_shown(reply)}") from None
        problem = str(malformed)
    usage.repaired += 1
    structured, tagged = ([*messages, *_correction(reply, problem)] for messages in (question.structured, question.tagged))
    second = await model.complete(structured, schema=question.schema, fallback=tagged, sample=sample, keep=readable)
    usage.add(second)
    try:
        return _read(second, question, fields)
    except MalformedVerdictError as malformed:
        raise NoVerdictError(f"asked twice: {malformed}: {_shown(second)}") from None


def _read(reply: ChatReply, question: Question, fields: Sequence[Field]) -> Verdict:
    if reply.refusal is not None:
        raise MalformedVerdictError(f"the judge refused: {reply.refusal:.200}")
    return Verdict(read_verdict(reply.text, fields, question.mark, question.judged, reply.cut_off), reply.text)


def _correction(reply: ChatReply, problem: str) -> list[dict[str, str]]:
    said = reply.text[-_SHOWN:] or reply.refusal or "(nothing)"
    again = f"Your reply holds no verdict that can be read: {problem}. Reply again with the verdict alone, in the form that was asked for."
    return [{"role": "assistant", "content": said}, {"role": "user", "content": again}]


def _shown(reply: ChatReply) -> str:
    text = reply.refusal or reply.text
    return repr(text if len(text) <= 160 else f"{text[:60]} ... {text[-90:]}")
