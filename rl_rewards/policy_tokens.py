"""The policy's tokenizer, as far as samples need it: which tokens end a turn, what the chat template opens, what a message costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

from rl_rewards.thinking import opening_mark

__all__ = ["PolicyTokenizer"]

_TAIL = 24  # characters at the end of a call of a tool by which it is found again: a brace or two and what ends the turn
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
        return {"special_tokens": self.special_tokens, "opening_mark": self.opening_mark}

    @classmethod
    def of_trainer(cls, trainer: Any) -> PolicyTokenizer | None:
        """The policy's tokenizer as a trainer of TRL has it; None where it has none."""
        tokenizer = getattr(trainer, "processing_class", None)
        if tokenizer is None:
            return None
        options = dict(getattr(trainer, "chat_template_kwargs", None) or {})
        template = getattr(trainer, "chat_template", None)
        return cls(tokenizer, options if template is None else {**options, "chat_template": template})

    @cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokenizer's special tokens as text."""
        return tuple(token for token in getattr(self._tokenizer, "all_special_tokens", ()) if not token.isalnum() and token.strip())

    @cached_property
    def opening_mark(self) -> str:
        """The opening mark of reasoning with which the chat template ends a prompt; nothing where it does not."""
        return opening_mark(self._render([_QUESTION], add_generation_prompt=True) or "")

    def without_others(self, turns: Sequence[Mapping[str, Any]], ids: Sequence[int]) -> list[int] | None:
        """A completion's token ids without those of tools' results and other parties' messages.

        These are looked for as the chat template writes them between two messages of the policy, the way TRL's tool loop appends them.

        Args:
            turns: the completion's messages.
            ids: all of its token ids.

        Returns:
            The policy's ids; None where one of the others' messages is not found.
        """
        own: list[int] = []
        place = 0
        for is_own, run in groupby(turns, key=lambda turn: turn.get("role") == "assistant"):
            if is_own:
                continue
            others = self._between(list(run))
            start = _find(ids, others, place) if others else -1
            if start < 0:
                return None
            own += ids[place:start]
            place = start + len(others)
        return [*own, *ids[place:]]

    def _between(self, others: list[Mapping[str, Any]]) -> list[int]:
        """Token ids of others' messages between two of the policy's, with the opening of the next one; none where the template refuses them."""
        call = {"type": "function", "function": {"name": others[0].get("name") or "tool", "arguments": {}}}
        asked = [_QUESTION, {"role": "assistant", "content": "", "tool_calls": [call]}]
        before, whole = self._render(asked), self._render([*asked, *map(dict, others)], add_generation_prompt=True)
        if not before or not whole:
            return []
        end = getattr(self._tokenizer, "eos_token", None)
        if end and end in before:  # what follows it (a line break, mostly) is not generated, but written with the next message
            before = before[: before.rindex(end) + len(end)]
        # Some templates write an earlier turn of the policy otherwise than the last one (Qwen3 drops its thinking), but not its end.
        before = before[-_TAIL:]
        place = whole.find(before)
        return self._tokenizer.encode(whole[place + len(before) :], add_special_tokens=False) if place >= 0 else []

    def encode_turn(self, turn: Mapping[str, Any], text: str) -> list[int]:
        """Token ids of one message of the policy, as its chat template writes it; of `text` where the template cannot.

        Args:
            turn: the message.
            text: its reasoning, content and tool calls as text.
        """
        before = self._render([_QUESTION], add_generation_prompt=True)
        whole = self._render([_QUESTION, dict(turn)]) if before else None
        if whole and before and whole.startswith(before):
            text = whole[len(before) :].rstrip()
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _render(self, messages: list[dict[str, Any]], **options: Any) -> str | None:
        """The messages as the chat template writes them; None where there is no template, or it refuses them."""
        if not (self._options.get("chat_template") or getattr(self._templated, "chat_template", None)):
            return None
        try:
            return self._templated.apply_chat_template(messages, tokenize=False, **options, **self._options)
        except Exception:  # a template raises whatever its author chose
            return None


def _find(ids: Sequence[int], part: list[int], start: int) -> int:
    """Where `part` begins in `ids` from `start` on; -1 where it does not."""
    for place in range(start, len(ids) - len(part) + 1):
        if ids[place] == part[0] and list(ids[place : place + len(part)]) == part:
            return place
    return -1
