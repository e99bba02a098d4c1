"""What a reward function asks for by the names of its parameters, and where each comes from."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from rl_rewards.types import Message, Sample

__all__ = ["OF_THE_CALL", "Arguments"]

# What a function may ask for by parameter name, beside the dataset's columns. These win over columns of the same name.
_Provider = Callable[[Sample, Any], Any]
_PROVIDED: dict[str, _Provider] = {
    "messages": lambda sample, parsed: sample.conversation,
    "prompt": lambda sample, parsed: sample.prompt,
    "completion": lambda sample, parsed: sample.completion,
    "response": lambda sample, parsed: sample.response,
    "parsed": lambda sample, parsed: parsed,
    "sample": lambda sample, parsed: sample,
    "completion_ids": lambda sample, parsed: sample.completion_ids,
    "step": lambda sample, parsed: sample.step,
    "group": lambda sample, parsed: sample.group,
    "environments": lambda sample, parsed: sample.caller["environments"][sample.index] if sample.caller and "environments" in sample.caller else None,
}
# Those that are attributes of the sample, by the same name.
_ATTRIBUTES = frozenset({"prompt", "completion", "response", "completion_ids", "step", "group"})
# What a trainer passes once for the whole batch; outside training there is none.
OF_THE_CALL = ("trainer_state", "log_metric", "log_extra")
# What `**kwargs` receives beside the columns, when a trainer calls: TRL's own names.
_TRL_NAMES = ("prompts", "completions", "completion_ids", "environments", *OF_THE_CALL)
# Names of other libraries for the same things: Reward Kit's, and TRL's plurals in batch mode; and one that data sets use, too. A dataset
# column of that name wins.
_ALIASES: dict[str, _Provider] = {
    "original_messages": lambda sample, parsed: sample.prompt_turns,
    "rollouts_messages": _PROVIDED["messages"],
    "prompts": _PROVIDED["prompt"],
    "completions": _PROVIDED["completion"],
    "reasoning": lambda sample, parsed: sample.reasoning,
}


class Arguments:
    """The parameters of one function.

    Args:
        function: the user's function.
        name: its name, for messages.

    Attributes:
        names: all parameters by name.
        required: those without a default.
        takes_all: whether it has `**kwargs`.
        message_depth: parameter -> how many lists deep its annotation holds Messages.

    Raises:
        ValueError: when a parameter cannot be passed by name.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function_name = name
        parameters = inspect.signature(function).parameters.values()
        positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        if positional:
            raise ValueError(f"reward function {name!r} gets its arguments by name; {positional} cannot be passed so")
        self.names = tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        self.required = frozenset(p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD)
        self.takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.message_depth = {name: _message_depth(hint) for name, hint in _hints(function).items() if name in self.names}
        # Looked up once, since it is gone through for every sample: a parameter, who provides it, who does where no column is named so.
        self._plan = tuple(
            (name, _PROVIDED.get(name), _ALIASES.get(name), bool(self.message_depth.get(name))) for name in self.names if name not in OF_THE_CALL
        )
        self._of_the_call = tuple(name for name in OF_THE_CALL if name in self.names)
        # Most functions ask for attributes of the sample and columns alone.
        plain = not (self.takes_all or self._of_the_call or any(self.message_depth.values())) and not (
            set(self.names) & ((_PROVIDED.keys() | _ALIASES.keys()) - _ATTRIBUTES)
        )
        self._plain = plain
        self._attributes = tuple(name for name in self.names if name in _ATTRIBUTES)
        self._columns = tuple(name for name in self.names if name not in _ATTRIBUTES)
        # A column called as the first parameter of a method cannot reach it by name.
        bound_first = [*inspect.signature(function.__func__).parameters][:1] if inspect.ismethod(function) else []
        self._unreachable = frozenset(bound_first)

    @functools.cached_property
    def columns(self) -> frozenset[str]:
        """The dataset columns that it cannot be called without."""
        return frozenset(self.required - {*_PROVIDED, *_ALIASES, *OF_THE_CALL})

    def asked_of_the_trainer(self) -> list[str]:
        """What it asks for that only a trainer's own process has."""
        return [name for name in ("environments", *OF_THE_CALL) if name in self.names]

    def of(self, sample: Sample, parsed: Any) -> dict[str, Any]:
        """What the function is called with for one sample, by name."""
        references = sample.references
        if self._plain:
            arguments = {}
            for name in self._attributes:
                arguments[name] = getattr(sample, name)
            for name in self._columns:
                if name in references:
                    arguments[name] = references[name]
            return arguments
        arguments = self._all_arguments(sample) if self.takes_all else {}
        for name in self._of_the_call:
            if (sample.caller and name in sample.caller) or name in self.required:
                arguments[name] = (sample.caller or {}).get(name)
        for name, provide, alias, is_messages in self._plan:
            if provide is not None:
                value = provide(sample, parsed)
            elif name in references:
                value = references[name]
            elif alias is not None:
                value = alias(sample, parsed)
            else:
                continue
            arguments[name] = self.to_messages(value, 1, name) if is_messages and value is not None else value
        return arguments

    def _all_arguments(self, sample: Sample) -> dict[str, Any]:
        """What `**kwargs` receives: every column, and in a trainer's call what TRL passes to its reward functions."""
        arguments = {name: value for name, value in sample.references.items() if name not in self._unreachable}
        if sample.caller:
            for name in _TRL_NAMES:
                if name in OF_THE_CALL:
                    arguments[name] = sample.caller.get(name)
                elif name != "environments" or name in sample.caller:
                    arguments.setdefault(name, (_PROVIDED.get(name) or _ALIASES[name])(sample, None))
        return arguments

    def of_batch(self, samples: Sequence[Sample], answers: Sequence[Any]) -> dict[str, Any]:
        """What the function is called with for N samples: lists of N, but for what a trainer passes once a batch."""
        rows = [self.of(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        names = {name: None for row in rows for name in row}
        return {name: rows[0].get(name) if name in OF_THE_CALL else [row.get(name) for row in rows] for name in names}

    def to_messages(self, value: Any, depth: int, name: str) -> Any:
        """A value with every message dict in it a Message.

        Raises:
            ValueError: when it is no list, naming the argument.
        """
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name!r} of reward function {self.function_name!r} must be a list of messages, got {type(value).__name__}")
        if depth > 1:
            return [self.to_messages(item, depth - 1, name) for item in value]
        return [Message.model_validate(item) for item in value]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function.func if isinstance(function, functools.partial) else function)
    except Exception:
        # An annotation that cannot be resolved (a name under TYPE_CHECKING) must not break the function: it gets what is unannotated.
        return {}


def _message_depth(hint: Any) -> int:
    """How many lists deep an annotation holds Messages: 1 for list[Message], 2 for list[list[Message]], through Optional and Union; else 0."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return max((_message_depth(arm) for arm in typing.get_args(hint)), default=0)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        inner = typing.get_args(hint)[0]
        return 1 if inner is Message else (1 + depth if (depth := _message_depth(inner)) else 0)
    return 0
