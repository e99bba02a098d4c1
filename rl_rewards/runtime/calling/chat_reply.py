"""What a chat endpoint said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rl_rewards.runtime.calling.errors import RetryableError
from rl_rewards.runtime.calling.replies import excerpt
from rl_rewards.thinking import reasoning_in

__all__ = ["ChatReply", "read_chat_reply"]

_MOST_TOKENS = 10**9  # a server that says more is not believed


@dataclass(frozen=True, kw_only=True)
class ChatReply:
    """What a chat endpoint said.

    Attributes:
        text: of the message; empty where there is none, as for a refusal or a reply that ran out of tokens while it thought.
        reasoning: the thinking that the server gives apart from the text.
        finish_reason: "stop", "length" (cut off), "content_filter", ... as the server says; None where it does not.
        refusal: the refusal that the server marks as such.
        structured: whether the server was given the JSON schema that the text should follow.
        model: the model as the server names it.
        prompt_tokens, completion_tokens: as the server counts them; None where it does not, or counts what cannot be.
        cost: of this call, at the model's `price`; 0 for a cached reply.
        cached: whether it was taken from the cache, and so cost nothing.
    """

    text: str
    reasoning: str | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    structured: bool = False
    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float = 0.0
    cached: bool = False

    @property
    def cut_off(self) -> bool:
        """Whether the model ran into the limit of its tokens."""
        return self.finish_reason == "length"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_cache(cls, kept: Mapping[str, Any]) -> ChatReply:
        names = {field.name for field in fields(cls)}
        return replace(cls(**{name: value for name, value in kept.items() if name in names}), cost=0.0, cached=True)


def read_chat_reply(reply: Any, structured: bool) -> ChatReply:
    """The reply in the JSON of `/chat/completions`.

    Raises:
        RetryableError: when it is not of that form.
    """
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    message = choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    if not isinstance(choices, list) or not isinstance(message, Mapping):
        raise RetryableError(f"a reply without a message: {excerpt(str(reply))!r}")
    if (error := reply.get("error") or choices[0].get("error")) or choices[0].get("finish_reason") == "error":  # of a provider behind a router
        raise RetryableError(f"a reply with an error: {excerpt(str(error or reply))!r}")
    text, refusal, reasoning = _text(message.get("content")), message.get("refusal"), reasoning_in(message)
    if text is None and reasoning is None and not isinstance(refusal, str) and choices[0].get("finish_reason") != "length":
        raise RetryableError(f"a message without text: {excerpt(str(message))!r}")
    usage = reply.get("usage")
    count = usage.get if isinstance(usage, Mapping) else {}.get
    finish, model = choices[0].get("finish_reason"), reply.get("model")
    return ChatReply(
        text=text or "",
        reasoning=reasoning or None,
        finish_reason=finish if isinstance(finish, str) else None,
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        structured=structured,
        model=model if isinstance(model, str) else None,
        prompt_tokens=_tokens(count("prompt_tokens")),
        completion_tokens=_tokens(count("completion_tokens")),
    )


def _text(content: Any) -> str | None:
    if isinstance(content, list):  # parts, as some servers reply
        parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") in (None, "text", "output_text")]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _tokens(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None
