"""What a model that completes prompts is: requests in, completions out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import field_validator

from rl_rewards.configured import configured
from rl_rewards.user_errors import UserError

__all__ = ["Completion", "CompletionModel", "GenerationError", "PromptTooLongError", "Request", "Sampling", "Turns", "complete_all"]

Turns = str | list[dict[str, Any]]
"""A prompt: text, or messages."""


class GenerationError(UserError, RuntimeError):
    """A model cannot be loaded, or did not complete what it was asked."""


class PromptTooLongError(GenerationError):
    """A prompt and its completion do not fit the model."""


@configured
class Sampling:
    """How completions are drawn.

    Raises:
        pydantic.ValidationError: when a value is out of its range.
    """

    max_tokens: int = 512
    """The most tokens of a completion, its thinking included."""
    temperature: float = 1.0
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    """Share of the probability that tokens are drawn from, above 0 and up to 1."""
    top_k: int | None = None
    """How many of the likeliest tokens are drawn from; unset, all. Not every server knows it."""
    stop: tuple[str, ...] = ()
    """Texts at which a completion ends; the text itself is left out."""
    seed: int | None = None
    """With a seed, a local model draws the same completions again; a server may."""
    template_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the chat template, such as `enable_thinking`."""

    @field_validator("max_tokens", "top_k")
    @classmethod
    def _at_least_one(cls, value: int | None) -> int | None:
        if value is not None and value < 1:
            raise ValueError(f"must be at least 1, got {value}")
        return value

    @field_validator("temperature")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(f"must be 0 or more, got {value}")
        return value

    @field_validator("top_p")
    @classmethod
    def _a_share(cls, value: float) -> float:
        if not 0 < value <= 1:
            raise ValueError(f"must be above 0 and up to 1, got {value}")
        return value

    @field_validator("stop")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("a stop text must not be empty")
        return value


@dataclass(frozen=True, slots=True)
class Request:
    """One completion that is wanted.

    Attributes:
        prompt: text, or messages.
        seed: added to the sampling's, so that equal prompts get different completions.
    """

    prompt: Turns
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote.

    Attributes:
        text: without special tokens.
        reasoning: its thinking, where the server gives it apart from the text.
        token_ids: the tokens it wrote (int), the one that ends the turn included; None where the server tells none.
        finish_reason: `stop` at its own end, `length` at the limit of tokens, or what else a server says.
        error: why there is none; the text is empty then.
    """

    text: str
    reasoning: str | None = None
    token_ids: list[int] | None = None
    finish_reason: str | None = None
    error: str | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The completion as an assistant's message."""
        return {"role": "assistant", "content": self.text, **({"reasoning_content": self.reasoning} if self.reasoning else {})}


@runtime_checkable
class CompletionModel(Protocol):
    """A model that completes prompts.

    Attributes:
        name: how it is called in reports.
        identity: JSON that tells it from any other model, for what goes on after an interruption.
    """

    name: str

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """Each request's place in `requests` with its completion, in the order in which they are finished.

        A request that failed, after whatever retries there are, has a completion with an error.

        Raises:
            GenerationError: when no request can succeed.
            PromptTooLongError: when a prompt does not fit a local model.
        """
        ...


def complete_all(model: CompletionModel, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
    """The completion of each request, in the order of the requests.

    Raises:
        GenerationError: when one of them failed.
    """
    found: list[Completion | None] = [None] * len(requests)
    for place, completion in model.complete(requests, sampling):
        if completion.error is not None:
            raise GenerationError(f"{model.name} failed on a prompt: {completion.error}")
        found[place] = completion
    return [completion for completion in found if completion is not None]
