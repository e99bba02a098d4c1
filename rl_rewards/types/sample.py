"""Samples: completions with all that a reward may look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.thinking import (
    CLOSE,
    OPEN,
    REASONING_KEYS,
    answer_span,
    opening_mark,
    reasoning_in,
    reasoning_of,
    without_residue,
)
from rl_rewards.types.messages import Message, text_of


class Sample:
    """One completion with all that a reward may look at.

    Attributes:
        prompt: as the trainer gave it: text, or messages as dicts.
        completion: as the trainer gave it: text, or messages as dicts (several with tools).
        response: the text to score: the completion, or the text of its last assistant message.
        references: the dataset's columns for this row, by name.
        completion_ids: token ids of the completion (int, length T), tools' results included, or None where the caller has none.
        group: which group of completions to one prompt this sample belongs to, counted from 0 within the batch; None when unknown.
        step: the training step, counted from 0 as transformers does; None outside training.
        index: position in the batch.
        policy_mask: 1 for each of the completion's tokens that the policy wrote, 0 for others' (int, length T); None where the caller does
            not tell.
        tokenizer: the policy's, shared by the samples of a batch; None where the caller has none.
        caller: what the trainer passes beside the rows, the same object for all samples of a batch: `trainer_state`, `log_metric`,
            `log_extra`, `environments` (N objects). None outside training and in worker processes.
    """

    __slots__ = (
        "prompt",
        "completion",
        "response",
        "references",
        "completion_ids",
        "group",
        "step",
        "index",
        "policy_mask",
        "tokenizer",
        "caller",
        "_parts",
        "_policy_ids",
    )

    def __init__(
        self,
        prompt: str | list[Any] | None,
        completion: str | list[Any],
        response: str,
        references: Mapping[str, Any] | None = None,
        completion_ids: Sequence[int] | None = None,
        group: int | None = None,
        step: int | None = None,
        index: int = 0,
        policy_mask: Sequence[int] | None = None,
        tokenizer: PolicyTokenizer | None = None,
        caller: Mapping[str, Any] | None = None,
    ) -> None:
        self.caller = caller or None
        self.prompt = prompt
        self.completion = completion
        self.response = response
        self.references = {} if references is None else references
        self.completion_ids = completion_ids
        self.group = group
        self.step = step
        self.index = index
        self.policy_mask = policy_mask
        self.tokenizer = tokenizer
        self._parts: _Parts | None = None
        self._policy_ids: list[int] | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], index: int = 0, tokenize: Callable[[str], Sequence[int]] | None = None) -> Sample:
        """The sample in a row of a dataset: messages, or prompt + completion, or instruction + response; other columns are references.

        Args:
            index: its position in its batch.
            tokenize: text -> token ids, for rows without a column `completion_ids`.

        Raises:
            RowError: when no column of it holds a response, or a message is none (a ValueError).
        """
        from rl_rewards.types.rows import sample_of  # which makes Samples

        return sample_of(row, index, tokenize)

    @property
    def answer_part(self) -> str | None:
        """What the response says once it has thought; all of it where it did not think; None where the thinking is not closed.

        Special tokens at the end are left out.
        """
        return (self._parts or self._split())[1]

    @property
    def reasoning(self) -> str | None:
        """What the response thought: the text of its thinking without the marks; None where there is none."""
        whole, _, apart = self._parts or self._split()
        return reasoning_of(whole) if apart is None else apart

    @property
    def whole(self) -> str:
        """Reasoning and answer in one text, as the model wrote them, with the mark that the prompt opened the reasoning with.

        Reasoning that came in a field of its own is put into `<think>...</think>`. Special tokens at the end are left out.
        """
        return (self._parts or self._split())[0]

    @property
    def reasoning_apart(self) -> bool:
        """Whether the reasoning came in a field of its own, split from the text by the caller."""
        return (self._parts or self._split())[2] is not None

    @property
    def thinking_opened(self) -> bool:
        """Whether the prompt ends with the opening mark of the reasoning, as far as can be known, so that the response has none."""
        return bool(self._opening_mark)

    @property
    def _opening_mark(self) -> str:
        prompt = self.prompt
        if isinstance(prompt, str):
            return opening_mark(prompt)
        if isinstance(prompt, (list, tuple)) and prompt:
            last = prompt[-1]
            if (last.get("role") if last.__class__ is dict else _role_of(last)) == "assistant":  # a prefill
                return opening_mark(text_of(_field(last, "content")))
        return self.tokenizer.opening_mark if self.tokenizer is not None and prompt is not None else ""

    @property
    def _special_tokens(self) -> tuple[str, ...]:
        return () if self.tokenizer is None else self.tokenizer.special_tokens

    def _split(self) -> _Parts:
        text = without_residue(self.response, self._special_tokens)
        apart = None if self.completion.__class__ is str else _reasoning_apart(self.completion)
        opened = "" if apart is not None else self._opening_mark
        start, end = answer_span(text, bool(opened))
        answer = None if end is not None else text[start:] if start else text
        if apart is None:
            parts = opened + text, answer, None
        elif text:
            parts = f"{OPEN}{apart}{CLOSE}{text}", answer, apart
        else:  # cut off in its thinking, or nothing said after it
            parts = OPEN + apart, None, apart
        self._parts = parts
        return parts

    @property
    def policy_text(self) -> str:
        """What the policy wrote in this completion: reasoning, answers and calls of tools, of all its messages; never a tool's result."""
        turns = self.completion
        if not isinstance(turns, (list, tuple)) or (len(turns) == 1 and not _field(turns[0], "tool_calls")):
            return self.whole
        return "\n".join(text for turn in turns if _role_of(turn) == "assistant" and (text := _written(turn, self._special_tokens)))

    @property
    def policy_ids(self) -> Sequence[int] | None:
        """Token ids that the policy wrote (int): the completion's own without tools' results and other parties' messages.

        Where the caller does not mark them and others have a message in the completion, others' tokens are found with the policy's tokenizer
        and chat template; where they are not found, the policy's messages are encoded anew. None where there are no ids to count.
        """
        ids = self.completion_ids
        if self._policy_ids is None and ids is not None:
            if self.policy_mask is not None:
                ids = [token for token, own in zip(ids, self.policy_mask, strict=True) if own]
            elif self.completion.__class__ is not str and any(_role_of(turn) != "assistant" for turn in self.completion):
                ids = None if self.tokenizer is None else self._told_apart(self.tokenizer, ids)
            self._policy_ids = ids  # type: ignore[assignment]
        return self._policy_ids

    def _told_apart(self, tokenizer: PolicyTokenizer, ids: Sequence[int]) -> Sequence[int]:
        turns = [turn.model_dump() if isinstance(turn, Message) else turn for turn in list[Any](self.completion)]
        found = tokenizer.without_others(turns, ids)
        if found is not None:
            return found
        own = (turn for turn in turns if turn.get("role") == "assistant")
        return [token for turn in own for token in tokenizer.encode_turn(turn, _written(turn, tokenizer.special_tokens))]

    @property
    def conversation(self) -> list[Any]:
        """Prompt and completion as one list of messages, each as it came; plain text becomes a user and an assistant message."""
        return self.prompt_turns + _turns(self.completion, "assistant")

    @property
    def prompt_turns(self) -> list[Any]:
        """The prompt's messages, each as it came; plain text becomes a user message."""
        return _turns(self.prompt, "user")

    @property
    def messages(self) -> list[Message]:
        """The conversation as Messages."""
        return [Message.model_validate(turn) for turn in self.conversation]

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        if self.tokenizer is not None:
            self.policy_ids  # noqa: B018 - another process gets the ids and not the tokenizer
        # The trainer's own objects stay in its process.
        return None, {name: getattr(self, name) for name in self.__slots__ if name != "caller"} | {"caller": None}

    def __repr__(self) -> str:
        return f"Sample(index={self.index}, response={self.response!r:.80}, references={dict(self.references)!r:.80})"


def _turns(turns: str | list[Any] | None, role: str) -> list[Any]:
    if turns is None:
        return []
    return [{"role": role, "content": turns}] if isinstance(turns, str) else list(turns)


# A response: all of it, its answer, and its reasoning where that came apart from the text.
_Parts = tuple[str, str | None, str | None]


def _field(turn: Any, name: str) -> Any:
    """A field of a message; None of what is no message, such as a caller's odd prompt."""
    if turn.__class__ is dict or isinstance(turn, Mapping):
        return turn.get(name)
    return getattr(turn, name) if isinstance(turn, Message) else None


def _role_of(turn: Any) -> Any:
    return _field(turn, "role")


def _reasoning_apart(completion: Sequence[Any] | None) -> str | None:
    """The reasoning that the last assistant message holds beside its text."""
    for turn in reversed(completion or ()):
        if (turn.get("role") if turn.__class__ is dict else _role_of(turn)) == "assistant":
            message = turn.model_dump() if turn.__class__ is Message else turn
            return None if message.get("content").__class__ is str and _NO_REASONING(message) else reasoning_in(message)
    return None


_NO_REASONING = frozenset(REASONING_KEYS).isdisjoint


def _written(turn: Any, special_tokens: tuple[str, ...]) -> str:
    """A policy's message as text: reasoning, content, and the calls of tools as JSON."""
    message = turn.model_dump() if isinstance(turn, Message) else turn
    reasoning, text = reasoning_in(message), without_residue(text_of(message.get("content")), special_tokens)
    calls = [json.dumps(_called(call), ensure_ascii=False, default=str) for call in message.get("tool_calls") or ()]
    return "\n".join(part for part in (f"{OPEN}{reasoning}{CLOSE}{text}" if reasoning else text, *calls) if part)


def _called(call: Any) -> Any:
    """What the policy wrote of a tool call: name and arguments, without the id that the server gave it."""
    return call.get("function", call) if isinstance(call, Mapping) else call


def response_of(completion: str | Sequence[Any]) -> str:
    """The text to score: the completion itself, or the text of its last assistant message.

    A tool run ends with an assistant message; one that was cut short may end with a tool message, and then the last thing that the
    policy said counts. Messages of the policy without text (a bare tool call) are the empty response.
    """
    if isinstance(completion, str):
        return completion
    if completion is None:
        return ""
    for turn in reversed(completion):
        if _role_of(turn) == "assistant":
            return text_of(_field(turn, "content"))
    return ""
