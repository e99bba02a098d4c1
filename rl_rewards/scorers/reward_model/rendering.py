"""Conversations as a reward model reads them: by its own chat template and tokenizer, from decoded messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rl_rewards.scorers.reward_model.cleaning import Cleaner
from rl_rewards.types import Message

logger = logging.getLogger(__name__)

Format = Literal["chat", "text", "pair"]
ReadAt = Literal["template_end", "end_of_turn"]

_QUESTION, _ANSWER = "What colour is the sky?", "canary-7f3a"
_STAND_IN = "rl-rewards-response-e1b0"


class TemplateError(ValueError):
    """The reward model's chat template cannot render what is to be scored."""


@dataclass(frozen=True)
class Rendered:
    """Token ids of one conversation: prompt, the template's header of the response, the response, the template's tail.

    The header begins at `header`, the response at `start`, the tail at `stop`.
    """

    ids: tuple[int, ...]
    header: int
    start: int
    stop: int


class Renderer:
    """Renders conversations for one reward model.

    Args:
        tokenizer: the reward model's own.
        format: chat (its chat template), text (prompt and response as they are, joined) or pair (two segments, as encoders take them).
        chat_template: one to use instead of the tokenizer's.
        system: a system message for conversations that have none.
        append: text put behind everything, such as an end-of-sequence or a reward token.
        strip_thinking: whether reasoning is taken out of the assistant's messages.
        read_at: where a template that goes on after the end of the turn is read.

    Raises:
        TemplateError: when there is no chat template and the format is chat, or it doesn't render the response.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        format: Format = "chat",
        chat_template: str | None = None,
        system: str | None = None,
        append: str | None = None,
        strip_thinking: bool = False,
        read_at: ReadAt | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.format = format
        self.chat_template = chat_template
        self.system = system
        self.append = append or ""
        self.read_at = read_at
        self._special = frozenset(tokenizer.all_special_ids)
        self._clean = Cleaner(tokenizer.all_special_tokens, strip_thinking)
        self._header_text, self._tail_text = "", self.append  # around a response; a chat template's are found out
        if format == "chat":
            self._check_template()

    def messages(self, conversation: Sequence[Any]) -> list[dict[str, Any]]:
        """The conversation's messages as plain dicts with text contents, cleaned of chat markup."""
        messages = [self._clean(Message.model_validate(turn)) for turn in conversation]
        if self.system is not None and not any(message["role"] == "system" for message in messages):
            messages.insert(0, {"role": "system", "content": self.system})
        return messages

    def render(self, conversation: Sequence[Any]) -> Rendered:
        """Token ids of a conversation whose last message is the response.

        Raises:
            TemplateError: when the template refuses the conversation, or the format cannot hold it.
        """
        *prompt, response = self.messages(conversation)
        if self.format == "pair":
            return self._pair(self._plain(prompt), response["content"])
        text = self._text([*prompt, response])
        ids, offsets = self._tokens(text)
        return self._read_to(ids, *_tokens_at(offsets, *self._borders(text, prompt, response)))

    def _borders(self, text: str, prompt: list[dict[str, Any]], response: dict[str, Any]) -> tuple[int, int, int]:
        """Where in the text the header of the response, the response and the tail begin; a response that isn't found is all of the text."""
        said = response["content"].strip() if self.format == "chat" else response["content"]
        end = len(text) - len(self._tail_text)
        begin = end - len(said)
        if not text.startswith(said, begin):  # the template rewrites it, reasoning for instance
            opening = self._apply(prompt, add_generation_prompt=True) if self.format == "chat" and prompt else ""
            begin = len(opening) if text.startswith(opening) else 0
        header = begin - len(self._header_text) if text.endswith(self._header_text, 0, begin) else begin
        return header, begin, end

    def around(self, conversation: Sequence[Any]) -> tuple[list[int], str, list[int]]:
        """Token ids before the response, the response's text, and token ids after it, for step-wise tokenisation."""
        *prompt, response = self.messages(conversation)
        text = self._text([*prompt, {**response, "content": _STAND_IN}])
        before, found, after = text.rpartition(_STAND_IN)
        if not found:
            raise TemplateError("the chat template does not render the response as it is, so its steps cannot be tokenised one by one")
        return self._one_bos(self._opening(before)), response["content"], self._ids(after) if after else []

    def _text(self, messages: list[dict[str, Any]]) -> str:
        if self.format != "chat":
            return self._plain(messages[:-1]) + messages[-1]["content"] + self.append
        return self._apply(messages) + self.append

    def _apply(self, messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False, chat_template=self.chat_template, **options)
        except Exception as error:  # a template raises whatever its author chose
            roles = [message["role"] for message in messages]
            raise TemplateError(f"the chat template refuses a conversation of {roles}: {error}") from error

    def _plain(self, prompt: list[dict[str, Any]]) -> str:
        if len(prompt) > 1:
            roles = [message["role"] for message in prompt]
            raise TemplateError(f"format {self.format!r} takes one prompt and one response, not {roles} and a response; use format 'chat'")
        return prompt[0]["content"] if prompt else ""

    def _tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        special = self.format != "chat"  # a chat template writes its own special tokens
        if self.tokenizer.is_fast:
            encoded = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True, truncation=False, verbose=False)
            return list(encoded["input_ids"]), [tuple(pair) for pair in encoded["offset_mapping"]]
        ids = self.tokenizer(text, add_special_tokens=special, truncation=False, verbose=False)["input_ids"]
        ends = [len(self.tokenizer.decode(ids[: place + 1])) for place in range(len(ids))]
        return list(ids), list(zip([0, *ends[:-1]], ends, strict=True))

    def _opening(self, text: str) -> list[int]:
        """The ids of a text that goes on: with the special tokens that begin a text, where no template writes them; without an end."""
        ids, _ = self._tokens(text)
        while self.format != "chat" and len(ids) > 1 and ids[-1] in self._special:
            ids.pop()
        return ids

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"])

    def _pair(self, prompt: str, response: str) -> Rendered:
        ids = list(self.tokenizer(prompt, response, truncation=False, verbose=False)["input_ids"])
        stop = len(ids)
        while stop and ids[stop - 1] in self._special:
            stop -= 1
        start = max(0, stop - len(self._ids(response)))
        header = start
        while header and ids[header - 1] in self._special:
            header -= 1
        return Rendered(tuple(ids), header, start, stop)

    def _read_to(self, ids: list[int], header: int, start: int, stop: int) -> Rendered:
        """The ids up to the token where the score is read, with one BOS."""
        kept = self._one_bos(ids)
        dropped = len(ids) - len(kept)
        end = len(kept)
        if self.read_at == "end_of_turn":
            while end > stop - dropped and kept[end - 1] not in self._special:
                end -= 1
        return Rendered(tuple(kept[:end]), *(min(max(0, place - dropped), end) for place in (header, start, stop)))

    def _one_bos(self, ids: list[int]) -> list[int]:
        bos = self.tokenizer.bos_token_id
        while bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]
        return ids

    def probe(self) -> tuple[int, ...]:
        """Token ids of a short conversation."""
        return self.render(_canary()).ids

    def _check_template(self) -> None:
        if self.chat_template is None and not getattr(self.tokenizer, "chat_template", None):
            raise TemplateError(
                "the tokenizer has no chat template, so conversations cannot be rendered as the model was trained on them; "
                "give `chat_template`, or set `format` to 'text' or 'pair' for one prompt and one response"
            )
        text = self._text(_canary())
        if _QUESTION not in text or _ANSWER not in text:
            raise TemplateError(f"the chat template loses what was said: {_QUESTION!r} and the answer {_ANSWER!r} became {text!r}")
        opening, _, self._tail_text = text.rpartition(_ANSWER)
        self._header_text = opening.rpartition(_QUESTION)[2]
        tail = self._ids(self._tail_text) if self._tail_text else []
        special = [token for token in tail if token in self._special]
        if self.read_at is None and special and tail[-1] not in self._special:
            end, last = self.tokenizer.convert_ids_to_tokens(special[-1]), self.tokenizer.decode(tail[-1:])
            logger.warning(
                "The chat template goes on after the end of the turn: %r. The score is read at the last token, %r, as in training with "
                "TRL's RewardTrainer on this template. A model that was trained to be read at %r needs `read_at: end_of_turn`; read at the wrong "
                "one, the reward rises while the answers get worse. Set `read_at` to settle it.", self._tail_text, last, end,
            )  # fmt: skip


def _canary() -> list[dict[str, str]]:
    return [{"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER}]


def _tokens_at(offsets: Sequence[tuple[int, int]], header: int, begin: int, end: int) -> tuple[int, int, int]:
    """The first tokens of header, response and tail, given where these begin in the text; one across a border belongs to the response."""
    start = next((place for place, (_, last) in enumerate(offsets) if last > begin), len(offsets))
    stop = next((place for place, (first, last) in enumerate(offsets) if first >= end and last > first), len(offsets))
    top = next((place for place, (first, last) in enumerate(offsets) if first >= header and last > first), len(offsets))
    return min(top, start), start, max(start, stop)
