"""The policy's tokenizer, as far as samples need it: which tokens end a turn, what the chat template opens, what a message costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rl_rewards.thinking import opens_thinking

__all__ = ["PolicyTokenizer"]

_QUESTION = {"role": "user", "content": "?"}


class PolicyTokenizer:
    """A tokenizer (or a processor that has one) of transformers, with its chat template's options.

    Args:
        tokenizer: as the trainer has it; anything with `encode` and, for what depends on it, `apply_chat_template`.
        template_options: what the trainer passes to the chat template, such as `enable_thinking`.
    """

    def __init__(self, tokenizer: Any, template_options: Mapping[str, Any] | None = None) -> None:
        self._templated = tokenizer
        self._tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        self._options = dict(template_options or {})

    def __getstate__(self) -> dict[str, Any]:
        # What parsers and format scorers ask for goes to another process, the tokenizer itself is too large for it.
        return {"special_tokens": self.special_tokens, "opens_thinking": self.opens_thinking}

    @cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokenizer's special tokens as text."""
        return tuple(token for token in getattr(self._tokenizer, "all_special_tokens", ()) if not token.isalnum() and token.strip())

    @cached_property
    def opens_thinking(self) -> bool:
        """Whether the chat template ends a prompt with an opening mark of reasoning."""
        return opens_thinking(self._render([_QUESTION], add_generation_prompt=True) or "")

    def encode_turn(self, turn: Any, text: str) -> list[int]:
        """Token ids of one message of the policy, as its chat template writes it; of `text` where the template cannot.

        Args:
            turn: the message, a dict or a Message.
            text: its reasoning, content and tool calls as text.
        """
        message = turn if isinstance(turn, Mapping) else {name: value for name, value in turn.model_dump().items() if value is not None}
        before = self._render([_QUESTION], add_generation_prompt=True)
        whole = self._render([_QUESTION, dict(message)]) if before else None
        if whole and before and whole.startswith(before):
            text = whole[len(before) :].rstrip()
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _render(self, messages: list[dict[str, Any]], **options: Any) -> str | None:
        """The messages as the chat template writes them; None where there is no template, or it refuses them."""
        if not getattr(self._templated, "chat_template", None):
            return None
        try:
            return self._templated.apply_chat_template(messages, tokenize=False, **options, **self._options)
        except Exception:  # a template raises whatever its author chose
            return None
