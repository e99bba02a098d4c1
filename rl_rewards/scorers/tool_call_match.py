"""Tool calls of a completion compared with the reference's calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.json_text import load_json, same_json
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.scorers.base import AnswerScorer, Traits
from rl_rewards.types import EvaluateResult, Outcome, Sample
from rl_rewards.types.tool_calls import plain_call, tool_calls_of
from rl_rewards.types.written_calls import UntypedText

__all__ = ["ToolCallMatch"]

_MOST_CALLS = 256  # of a completion that are compared; a policy that calls more often has all of them counted as too many


@configured
class ToolCallMatch(AnswerScorer):
    """Scores whether the policy called the tools that the reference calls, with the same arguments.

    The calls are those of all of the policy's messages, or those in its text, as the chat templates in common use write them: Hermes and
    Qwen, Qwen3-Coder, GLM, Llama, Mistral, Kimi K2, DeepSeek, gpt-oss, MiniMax, Gemma 4, LFM2, OLMo 3, Phi, Granite, Cohere, Seed and others. The
    reference is a list of calls ({name, arguments} or OpenAI's form), one call, an object or a message with `tool_calls`, a list of
    messages, or the JSON text of one of these; arguments may be JSON text, too. Arguments are equal as JSON values, whatever their order; null is the same as left out,
    since a column of objects has null for what only other rows have. An empty list expects that no tool is called.

    Components: `names`, the share of the calls with the right name, and `arguments`, the share with the right arguments, of as many calls
    as there are in the completion or in the reference, whichever are more.
    """

    reference: str
    """The dataset column that holds the expected calls, or a template such as "{{references.answer.tool_calls}}"."""
    mode: Literal["exact", "by_argument"] = field(default="exact", kw_only=True)
    """exact: right when every call is. by_argument: a call with the right name scores its share of right arguments, of those that either
    has; the score is their mean."""
    ordered: bool = field(default=True, kw_only=True)
    """Whether the calls must come in the reference's order; otherwise each is compared with the one that it is most like."""

    def __post_init__(self) -> None:
        column_template(self.reference)

    @property
    def traits(self) -> Traits:
        return replace(super().traits, columns=column_template(self.reference).columns, reads_answer=False)

    def target(self, sample: Sample) -> tuple[_Call, ...]:
        return _expected(_written(sample, self.reference))

    def score_row(self, sample: Sample, answer: Any) -> EvaluateResult:
        return super().score_row(sample, tool_calls_of(sample))  # the calls are the answer; no call is one, too

    def score_answer(self, answer: Sequence[Mapping[str, Any]], target: tuple[_Call, ...], sample: Sample) -> EvaluateResult:
        if not answer and target:
            return EvaluateResult(self.wrong, f"no tool call; expected is {_names(target)}", outcome=Outcome.UNPARSED)
        found = [_Call(call["name"] or "", _arguments(call["arguments"])) for call in answer[:_MOST_CALLS]]
        size = max(len(answer), len(target))
        pairs = list(zip(target, found, strict=False)) if self.ordered else _pairs(target, found)
        named = [(gold, call) for gold, call in pairs if gold.name == call.name]
        shares = [gold.share(call) for gold, call in named]
        right = sum(share == 1.0 for share in shares)
        metrics = {"names": len(named) / size, "arguments": right / size} if size else {"names": 1.0, "arguments": 1.0}
        reason = None if right == size else f"called {_names(found)}; expected is {_names(target)}; {right} of {size} calls are right"
        score = float(right == size) if self.mode == "exact" or not size else sum(shares) / size
        return EvaluateResult(self.wrong + score * (self.correct - self.wrong), reason, metrics)


@dataclass(frozen=True)
class _Call:
    """A call to compare: arguments that are null are left out; arguments that are no object are one argument without a name."""

    name: str
    arguments: Mapping[str, Any]

    def share(self, found: _Call) -> float:
        """The share of right arguments in a call of the same name."""
        names = self.arguments.keys() | found.arguments.keys()
        if not names:
            return 1.0
        return sum(name in found.arguments and _same(found.arguments[name], value) for name, value in self.arguments.items()) / len(names)


def _arguments(arguments: Any) -> dict[str, Any]:
    return _given(arguments) if isinstance(arguments, Mapping) else {"": arguments}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in values.items() if value is not None}


def _same(found: Any, gold: Any) -> bool:
    """Whether two arguments are equal as JSON values; null fields are left out. It goes no deeper than the reference does."""
    if isinstance(found, UntypedText):
        return any(_same(reading, gold) for reading in found.readings())
    if isinstance(gold, Mapping):
        if not isinstance(found, Mapping):
            return False
        found, gold = _given(found), _given(gold)
        return found.keys() == gold.keys() and all(_same(found[name], value) for name, value in gold.items())
    if isinstance(gold, (list, tuple)):
        return isinstance(found, (list, tuple)) and len(found) == len(gold) and all(map(_same, found, gold))
    return same_json(found, gold)


def _pairs(expected: Sequence[_Call], found: Sequence[_Call]) -> list[tuple[_Call, _Call]]:
    """Calls of the same name in pairs, from the most alike down, each at most once."""
    alike = [(gold.share(call), i, j) for i, gold in enumerate(expected) for j, call in enumerate(found) if gold.name == call.name]
    pairs, used, taken = [], set(), set()
    for _, i, j in sorted(alike, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in used and j not in taken:
            used.add(i)
            taken.add(j)
            pairs.append((expected[i], found[j]))
    return pairs


def _names(calls: Sequence[_Call]) -> str:
    return ", ".join(repr(call.name or "a call that cannot be read")[:40] for call in calls[:8]) + (", ..." if len(calls) > 8 else "") or "no tool"


def _written(sample: Sample, reference: str) -> Any:
    """What the row has; an empty list is kept, for it says that no tool is to be called."""
    template = column_template(reference)
    try:
        return template.value(sample)
    except MissingReferenceError:
        value: Any = sample.references
        for key in template.whole or ():
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, (list, tuple)):
            return []
        raise


def _expected(reference: Any) -> tuple[_Call, ...]:
    """The calls of a reference.

    Raises:
        MissingReferenceError: when it has none that can be read.
    """
    if isinstance(reference, str):
        return _of_text(reference)
    calls = _listed(reference)
    if calls is None:
        raise MissingReferenceError(f"the reference must be tool calls, {{name, arguments}} or messages with tool_calls, got {reference!r:.80}")
    read = []
    for call in map(plain_call, calls):
        if not call["name"] or not isinstance(call["arguments"], Mapping):
            raise MissingReferenceError(f"an expected call must have a name, and an object as its arguments, got {call!r:.80}")
        read.append(_Call(call["name"], _arguments(call["arguments"])))
    return tuple(read)


@lru_cache(maxsize=4096)
def _of_text(text: str) -> tuple[_Call, ...]:
    """The calls of a reference's JSON text, read once for all the completions of its group."""
    try:
        value = load_json(text)
    except ValueError as error:
        raise MissingReferenceError(f"the reference must be tool calls as JSON, got {text!r:.80} ({error})") from None
    if isinstance(value, str):
        raise MissingReferenceError(f"the reference must be tool calls, got the text {value!r:.80}")
    return _expected(value)


def _listed(reference: Any) -> Sequence[Any] | None:
    """The calls in a reference as they are written; None where it is of no known form."""
    if isinstance(reference, Mapping):
        if "tool_calls" in reference:
            calls = reference["tool_calls"]
            return [] if calls is None else calls if isinstance(calls, (list, tuple)) else None
        return [reference] if "name" in reference or "function" in reference else None
    if not isinstance(reference, (list, tuple)):
        return None
    if any(isinstance(item, Mapping) and "role" in item for item in reference):
        turns = [item for item in reference if isinstance(item, Mapping) and item.get("role") == "assistant"]
        return [call for turn in turns for call in turn.get("tool_calls") or ()]
    return reference
