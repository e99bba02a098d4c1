"""What is taken out of messages before a reward model reads them: chat markup, and on request reasoning.

A response may hold special tokens: those that the policy's tokenizer left in, or ones that the policy wrote out because it learned that a
second turn of the reward model's own template pays. In the reward model's tokenizer they would become real ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

from rl_rewards.thinking import REASONING_KEYS, answer_span
from rl_rewards.types import Message

# Turn and end markers of common policies' templates. Plain `<s>` is left to the reward model's own specials: in HTML it is a tag.
_MARKUP = r"<\|[^<>|\s]{1,40}\|>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>"


class Cleaner:
    """Message -> plain dict with clean text.

    Args:
        special_tokens: the reward model's own; removed wherever they stand.
        strip_thinking: whether `<think>...</think>` and reasoning fields are taken out of the assistant's messages.
    """

    def __init__(self, special_tokens: Iterable[str], strip_thinking: bool) -> None:
        own = sorted((token for token in special_tokens if token.strip()), key=len, reverse=True)
        self._markup = re2.compile("|".join([*map(re2.escape, own), _MARKUP]))
        self._strip_thinking = strip_thinking

    def __call__(self, message: Message) -> dict[str, Any]:
        plain = {name: value for name, value in message.model_dump().items() if value is not None}
        plain["content"] = self.text(message.text)
        if message.role == "assistant" and self._strip_thinking:
            plain["content"] = without_thinking(plain["content"])
            for key in REASONING_KEYS:
                plain.pop(key, None)
        return plain

    def text(self, text: str) -> str:
        """`text` without special tokens, nor any that appear once others are gone."""
        text = text.encode("utf-8", "replace").decode()
        while True:
            cleaned = self._markup.sub("", text)
            if cleaned == text:
                return cleaned
            text = cleaned


def without_thinking(text: str) -> str:
    """`text` without its reasoning: what it says behind the last that is closed, up to one that a cut response leaves open."""
    start, end = answer_span(text)
    return text if start == 0 and end is None else text[start:end].lstrip()
