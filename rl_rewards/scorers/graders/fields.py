"""What graders see of a sample: the namespaces `item` and `sample`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rl_rewards.addresses import Address, NoSuchValueError
from rl_rewards.json_text import load_json
from rl_rewards.references import MissingReferenceError
from rl_rewards.types import Message, Sample
from rl_rewards.types.rows import RowError, messages_of
from rl_rewards.types.tool_calls import tool_calls_of

__all__ = ["PROMPT_NAMES", "SAMPLE_NAMES", "GivenSample", "GraderFields", "NoSampleValueError", "prompt_of"]

SAMPLE_NAMES = ("output_text", "output_json", "output_tools", "choices", "output_audio")
"""The variables of the namespace `sample`."""
PROMPT_NAMES = ("messages", "prompt")
"""The variables of `item` that are the row's prompt, where the row has no column of that name."""


class NoSampleValueError(LookupError):
    """The completion has not what a template asks for: no JSON, no tool call, no such field. The policy's to answer for."""


class GivenSample(dict[str, Any]):
    """The namespace `sample` as somebody gives it, `{output_text, ...}`; handed to a grader in place of a parsed answer."""


class GraderFields:
    """The namespaces of one sample.

    `item` is the row: its columns, and `messages` and `prompt` for its prompt. `sample` is the completion: `output_text` is what the
    reward's parser found (by default what the response says behind its thinking), `output_json` the same read as JSON, `output_tools`
    the tool calls in OpenAI's form, `choices` one choice with its message.

    Args:
        answer: what the parser found, or a GivenSample.
    """

    def __init__(self, sample: Sample, answer: Any) -> None:
        self._sample = sample
        self._answer = answer
        self._found: dict[str, Any] = {}

    def item_value(self, address: Address) -> Any:
        """The value at an address `item.column...`.

        Raises:
            MissingReferenceError: when the row has none there, or null.
        """
        references: Mapping[str, Any] = self._sample.references
        name = address.steps[1]
        if name in PROMPT_NAMES and name not in references and self._sample.prompt is not None:
            references = {name: self.prompt if name == "prompt" else self.messages}
        try:
            value = address.of(references, read_text=True, skip=1)
        except NoSuchValueError as error:
            raise MissingReferenceError(str(error), _path(address)) from None
        if value is None or value != value:  # NaN is how some readers spell an empty cell
            raise MissingReferenceError(f"{address.text} of this row is {'null' if value is None else value}", _path(address))
        return value

    def sample_value(self, address: Address) -> Any:
        """The value at an address `sample.variable...`.

        Raises:
            NoSampleValueError: when the completion has none there.
        """
        name = str(address.steps[1])
        try:
            return address.of({name: self.variable(name)}, read_text=True, skip=1)
        except NoSuchValueError as error:
            raise NoSampleValueError(str(error)) from None

    def variable(self, name: str) -> Any:
        """One variable of `sample`.

        Raises:
            NoSampleValueError: when the completion has none.
        """
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    @property
    def sample(self) -> dict[str, Any]:
        """The namespace `sample` as plain data, without what the completion has not."""
        if isinstance(self._answer, GivenSample):
            plain = dict(self._answer)
            names = ("output_json",) if plain.get("output_json") is None else ()
        else:
            plain, names = {}, SAMPLE_NAMES
        for name in names:
            try:
                plain[name] = self.variable(name)
            except NoSampleValueError:
                continue
        return plain

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The prompt's messages as plain data."""
        return [{"role": message.role, "content": message.content} for message in map(Message.model_validate, self._sample.prompt_turns)]

    @property
    def prompt(self) -> str:
        """The prompt's text: the last user message's."""
        users = [turn for turn in map(Message.model_validate, self._sample.prompt_turns) if turn.role == "user"]
        return users[-1].text if users else ""

    def _read(self, name: str) -> Any:
        if isinstance(self._answer, GivenSample):
            if self._answer.get(name) is not None:  # a completion that only calls tools has a text of null
                return self._answer[name]
            if name == "output_json" and isinstance(self._answer.get("output_text"), str):
                return self._json(self._answer["output_text"])
            raise NoSampleValueError(f"the sample has no {name}; it has {sorted(self._answer)}")
        if name == "output_text":
            return self._answer if isinstance(self._answer, str) else json.dumps(self._answer, ensure_ascii=False, default=str)
        if name == "output_json":
            return self._json(self._answer)
        if name == "output_tools":
            return self._tools()
        if name == "choices":
            message: dict[str, Any] = {"role": "assistant", "content": self.variable("output_text")}
            return [{"index": 0, "message": message | ({"tool_calls": calls} if (calls := self._calls()) else {})}]
        raise NoSampleValueError(f"the completion has no {name}")

    def _json(self, answer: Any) -> Any:
        if not isinstance(answer, str):
            return answer
        try:
            return load_json(answer)
        except ValueError:
            raise NoSampleValueError(f"the output is no JSON: {answer!r:.80}") from None

    def _tools(self) -> list[dict[str, Any]]:
        if not (calls := self._calls()):
            raise NoSampleValueError("the completion calls no tool")
        return calls

    def _calls(self) -> list[dict[str, Any]]:
        """The completion's tool calls in OpenAI's form, arguments as JSON text."""
        written = []
        for call in tool_calls_of(self._sample):
            arguments = call["arguments"]
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            given = {"id": call["id"]} if "id" in call else {}
            written.append({**given, "type": "function", "function": {"name": call["name"], "arguments": text}})
        return written


def prompt_of(item: Mapping[str, Any]) -> list[Any] | None:
    """The prompt in a row of OpenAI's form: its `messages`, where these are messages; else it is not known."""
    messages = item.get("messages")
    try:
        return messages_of(messages, "messages") if isinstance(messages, list) else None
    except RowError:
        return None


def _path(address: Address) -> list[str]:
    """The column that an address leads to, and the keys in it."""
    return [str(step) for step in address.steps[1:]]
