"""The values that travel from TRL's call to the log line and back.

They are made once per completion per reward, so they are plain slotted classes and check nothing on the way in; what a scorer
returned is checked in one place, by the Reward. Field names, defaults and dict-style reads of Message, MetricResult, StepOutput and
EvaluateResult are those of Reward Kit 0.4.1.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.redaction import redact, redact_known, without_secrets
from rl_rewards.thinking import (
    CLOSE,
    OPEN,
    REASONING_KEYS,
    answer_span,
    is_reasoning_part,
    opening_mark,
    reasoning_in,
    reasoning_of,
    without_residue,
)


class Outcome(StrEnum):
    """How a score came about.

    The policy's fault is scored, ours never is: a result that carries a score was earned by the response (a program of the policy's that
    ran out of time is `timeout` with the wrong-answer score); a result without one is a failure of ours, unless it is `skipped`.
    """

    SCORED = "scored"
    UNPARSED = "unparsed"
    SKIPPED = "skipped"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


class _DictReads:
    """Reward Kit's dict-style reads: `r["score"]`, `"score" in r`, `r.get("score")`, `dict(r)`, limited to the fields."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        if key in self._fields:
            return getattr(self, key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key) if key in self._fields else default

    def keys(self) -> tuple[str, ...]:
        return self._fields

    def values(self) -> list[Any]:
        return [getattr(self, name) for name in self._fields]

    def items(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self._fields]

    def model_dump(self) -> dict[str, Any]:
        """This value and all it holds as plain dicts and lists."""
        return {name: _plain(value) for name, value in self.items()}

    def model_dump_json(self, indent: int | None = None) -> str:
        """This value as JSON text; numbers that JSON lacks (NaN, infinities) become null."""
        return json.dumps(_finite(self.model_dump()), indent=indent, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, _DictReads):
        return value.model_dump()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def describe(error: BaseException) -> str:
    """An exception as its type and its message, without secrets; the type alone where it has none, or where `str` of it fails."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # a user's own class
        return f"{name} (its message cannot be read)"
    return redact(f"{name}: {message}") if message else name


def _redacted(text: Any) -> Any:
    return redact(text) if isinstance(text, str) else text


def text_of(content: Any) -> str:
    """The text in a message's content: a string as it is, the text parts of a multimodal list joined, nothing for None."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, Sequence):
        parts = [part for part in content if isinstance(part, (str, Mapping)) and not is_reasoning_part(part)]
        return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)
    return str(content)


class Message:
    """One turn of a conversation, of any role.

    `content` is a string, a list of content parts (text, image, ...) or None; `text` is its text whatever its form. Keys that are not
    fields here (`reasoning_content`, `weight`, ...) are kept in `extra` and never lost.

    Raises:
        ValueError: from `model_validate`, when the role is missing or is not a string.
    """

    __slots__ = ("role", "content", "name", "tool_call_id", "tool_calls", "function_call", "extra")

    def __init__(
        self,
        role: str,
        content: str | list[Any] | None = "",
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: list[Any] | None = None,
        function_call: Any = None,
        **extra: Any,
    ) -> None:
        self.role = role
        self.content = content
        self.name = name
        self.tool_call_id = tool_call_id
        self.tool_calls = tool_calls
        self.function_call = function_call
        self.extra = extra

    @classmethod
    def model_validate(cls, value: Message | Mapping[str, Any]) -> Message:
        """A Message from a Message or from a dict with a `role`."""
        if isinstance(value, Message):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"A message must be a dict or a Message, got {type(value).__name__}: {value!r:.80}")
        role = value.get("role")
        if not isinstance(role, str):
            raise ValueError(f"Role is required: a message needs a string under 'role', got {role!r} in {dict(value)!r:.120}")
        return cls(**value)

    @property
    def text(self) -> str:
        return text_of(self.content)

    def model_dump(self) -> dict[str, Any]:
        known = {name: getattr(self, name) for name in self.__slots__ if name != "extra"}
        return {**known, **self.extra}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Message(role={self.role!r}, content={self.content!r})"


@dataclass(slots=True)
class MetricResult(_DictReads):
    """A component: a named number inside an EvaluateResult. `score` is unbounded."""

    score: float
    reason: str = ""
    is_score_valid: bool = True


MetricResult._fields = ("is_score_valid", "score", "reason")


@dataclass(slots=True)
class StepOutput(_DictReads):
    """The reward of one step of a multi-step response."""

    step_index: int | str
    base_reward: float
    metrics: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


StepOutput._fields = ("step_index", "base_reward", "metrics", "reason")


class RemoteTracebackError(RuntimeError):
    """An exception of another process; its text is the traceback there."""


class EvaluateResult(_DictReads):
    """What a scorer says of one sample.

    Args:
        score: the score, of any size; None when there is none (the sample was skipped, or the scorer failed).
        reason: one line for people.
        metrics: components by name: MetricResults, or plain numbers.
        is_score_valid: False when the scorer itself says that its score must not be used; the Reward then treats it as `error`.
        step_outputs: rewards of single steps.
        error: what went wrong, for a result without a score.
        outcome: how the score came about; by default `error` when `error` is set and there is no score, else `scored`.
    """

    _fields = ("score", "is_score_valid", "reason", "metrics", "step_outputs", "error", "outcome")
    # What a failure came from, for whoever logs or raises it; it is no field, and travels to other processes as text.
    __slots__ = (*_fields, "cause")

    def __init__(
        self,
        score: float | None,
        reason: str | None = None,
        metrics: dict[str, Any] | None = None,
        is_score_valid: bool = True,
        step_outputs: list[StepOutput] | None = None,
        error: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        if error is not None:  # it may quote an exception or a server
            reason, error = _redacted(reason), _redacted(error)
        elif reason.__class__ is str:
            reason = redact_known(reason)
        self.score = score
        self.reason = reason
        self.metrics = {} if metrics is None else metrics
        self.is_score_valid = is_score_valid
        self.step_outputs = step_outputs
        self.error = error
        self.outcome = outcome if outcome is not None else (_ERROR if score is None else _SCORED)
        self.cause: BaseException | None = None

    @classmethod
    def failure(cls, outcome: Outcome, error: str, cause: BaseException | None = None) -> EvaluateResult:
        """A failure of ours: no score, never a zero. `cause` is the exception that it came from."""
        result = cls(None, error, None, False, None, error, outcome)
        result.cause = None if cause is None else without_secrets(cause)
        return result

    @classmethod
    def skip(cls, reason: str) -> EvaluateResult:
        """The reward does not apply to this sample."""
        return cls(None, reason, outcome=Outcome.SKIPPED)

    @property
    def failed(self) -> bool:
        """Whether the reward itself failed, through no fault of the response."""
        return self.score is None and self.outcome is not _SKIPPED

    def __reduce__(self) -> tuple[Any, ...]:
        cause = None if self.cause is None else "".join(traceback.format_exception(self.cause)).rstrip()
        return EvaluateResult, (self.score, self.reason, self.metrics, self.is_score_valid, self.step_outputs, self.error, self.outcome), cause

    def __setstate__(self, cause: str | None) -> None:
        self.cause = None if cause is None else RemoteTracebackError(cause)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EvaluateResult) and self.values() == other.values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [f"score={self.score!r}", f"outcome={self.outcome.value!r}"]
        parts += [f"{name}={getattr(self, name)!r}" for name in ("reason", "metrics", "step_outputs", "error") if getattr(self, name)]
        return f"EvaluateResult({', '.join(parts)})"


_SCORED, _SKIPPED, _ERROR = Outcome.SCORED, Outcome.SKIPPED, Outcome.ERROR


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
        """Whether the prompt ends with the opening mark of the reasoning, as far as can be told, so that the response has none."""
        return bool(self._opening_mark)

    @property
    def _opening_mark(self) -> str:
        prompt = self.prompt
        if isinstance(prompt, str):
            return opening_mark(prompt)
        if prompt and _role_of(prompt[-1]) == "assistant":  # a prefill
            return opening_mark(text_of(_field(prompt[-1], "content")))
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
    return turn.get(name) if turn.__class__ is dict or not isinstance(turn, Message) else getattr(turn, name)


def _role_of(turn: Any) -> Any:
    return _field(turn, "role")


def _reasoning_apart(completion: Sequence[Any] | None) -> str | None:
    """The reasoning that the last assistant message holds beside its text."""
    for turn in reversed(completion or ()):
        if _role_of(turn) == "assistant":
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
