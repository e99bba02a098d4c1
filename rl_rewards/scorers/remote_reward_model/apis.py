"""The JSON that each server takes and gives.

Where the fields were read: vLLM's in its source (the protocol.py files of vllm/entrypoints/pooling: base, classify, pooling) and its
documentation; SGLang's in EmbeddingReqInput of its io_struct.py, and in what verl sends; TEI's in its API's description; OpenRLHF's in its
client and its serve_rm. None of these servers was run here: the tests hold the client to servers that check every field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

ApiName = Literal["vllm_classify", "vllm_pooling", "sglang", "tei", "openrlhf"]
Form = Literal["messages", "ids", "text", "pair"]


class ReplyError(ValueError):
    """The server's reply is not of its own form."""


@dataclass(frozen=True)
class Query:
    """One sample as a server is asked about it, in one form.

    Attributes:
        value: messages, token ids, text, or (prompt, response).
        prompt: the prompt's text, where a server takes it apart.
        label: the row's reference, where a server takes it.
    """

    form: Form
    value: Any
    prompt: str = ""
    label: Any = None


@dataclass(frozen=True)
class Answer:
    """What a server says of one sample, unchecked: numbers by name, the score among them, and what else it wants logged."""

    numbers: dict[str, Any]
    components: dict[str, Any] = field(default_factory=dict)


class Api(ABC):
    """A way to ask a server.

    Attributes:
        path: under the server's URL.
        forms: what a query may be.
    """

    path: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]]
    named: ClassVar[bool] = False
    """Whether a request names the model."""

    @abstractmethod
    def body(self, queries: Sequence[Query], model: str | None) -> dict[str, Any]:
        """The request's JSON, for queries of one form."""

    @abstractmethod
    def read(self, reply: Any, count: int) -> list[Answer]:
        """The answers to `count` queries, in their order.

        Raises:
            ReplyError: when the reply is not of this API, or not about so many.
        """


class VllmClassify(Api):
    """vLLM's POST /classify.

    `use_activation: false`: by default the reward would be squashed by an activation. Token ids are taken as they are; messages are
    rendered by the server's own template, which writes its own BOS, so no special tokens are added; for plain text the server's tokenizer
    adds them.
    """

    path = "/classify"
    forms = ("messages", "ids", "text")
    named = True
    _extra: ClassVar[dict[str, Any]] = {"use_activation": False}

    def body(self, queries: Sequence[Query], model: str | None) -> dict[str, Any]:
        body = {**({} if model is None else {"model": model}), **self._extra}
        if queries[0].form == "messages":
            [query] = queries  # one conversation a request
            return {**body, "messages": query.value, "add_generation_prompt": False, "add_special_tokens": False}
        return {**body, "input": [query.value for query in queries], "add_special_tokens": queries[0].form == "text"}

    def read(self, reply: Any, count: int) -> list[Answer]:
        rows = _rows(reply, "data", count)
        if sorted(_member(row, "index") for row in rows) != list(range(count)):
            raise ReplyError(f"the reply's indices are {[row['index'] for row in rows]}, not 0 to {count - 1}")
        return [Answer(_heads(self._numbers(row))) for row in sorted(rows, key=lambda row: row["index"])]

    def _numbers(self, row: Any) -> Any:
        return _member(row, "probs")


class VllmPooling(VllmClassify):
    """vLLM's POST /pooling with `task: classify`, which is what a model with a pooler of its own is asked by."""

    path = "/pooling"
    _extra = {"task": "classify", "use_activation": False}

    def _numbers(self, row: Any) -> Any:
        numbers = _member(row, "data")
        if isinstance(numbers, list) and numbers and isinstance(numbers[0], list):
            if len(numbers) != 1:
                raise ReplyError(f"the reply has {len(numbers)} rows of numbers for one sample: the model scores every token, not the sequence")
            return numbers[0]
        return numbers


class Sglang(Api):
    """SGLang's own POST /classify, of a server started with --is-embedding."""

    path = "/classify"
    forms = ("ids", "text")

    def body(self, queries: Sequence[Query], model: str | None) -> dict[str, Any]:
        return {"input_ids" if queries[0].form == "ids" else "text": [query.value for query in queries]}

    def read(self, reply: Any, count: int) -> list[Answer]:
        return [Answer(_heads(_member(row, "embedding"))) for row in _list(reply, count)]


class Tei(Api):
    """Text Embeddings Inference's POST /predict.

    Every text is a list of its own, because a list of two texts would be a pair. `raw_scores: true` for logits; `truncate: false`, so that
    a text that is too long is an error and not the score of its beginning.
    """

    path = "/predict"
    forms = ("text", "pair")

    def body(self, queries: Sequence[Query], model: str | None) -> dict[str, Any]:
        inputs = [[query.value] if query.form == "text" else list(query.value) for query in queries]
        return {"inputs": inputs, "truncate": False, "raw_scores": True}

    def read(self, reply: Any, count: int) -> list[Answer]:
        answers = []
        for labels in _list(reply, count):
            if not isinstance(labels, list) or not labels:
                raise ReplyError(f"expected a list of labels with scores, got {labels!r:.80}")
            # They come sorted by score, so the order says nothing.
            answers.append(Answer(dict(sorted((str(_member(row, "label")), _member(row, "score")) for row in labels))))
        return answers


class OpenRlhf(Api):
    """OpenRLHF's POST of a remote reward model; serve_rm's address ends in /get_reward.

    `query` is prompt and response as one text, special tokens kept. `extra_logs` of the reply become components.
    """

    path = "/get_reward"
    forms = ("text",)

    def body(self, queries: Sequence[Query], model: str | None) -> dict[str, Any]:
        return {
            "query": [query.value for query in queries],
            "prompts": [query.prompt for query in queries],
            "labels": [query.label for query in queries],
        }

    def read(self, reply: Any, count: int) -> list[Answer]:
        rewards = _rows(reply, "rewards", count)
        logs = reply.get("extra_logs") or {}
        if not isinstance(logs, dict):
            raise ReplyError(f"extra_logs is not an object: {logs!r:.80}")
        columns = {str(name): _list(values, count, f"extra_logs.{name}") for name, values in logs.items()}
        return [Answer({"score": reward}, {name: values[row] for name, values in columns.items()}) for row, reward in enumerate(rewards)]


APIS: dict[ApiName, Api] = {
    "vllm_classify": VllmClassify(),
    "vllm_pooling": VllmPooling(),
    "sglang": Sglang(),
    "tei": Tei(),
    "openrlhf": OpenRlhf(),
}


def _heads(numbers: Any) -> dict[str, Any]:
    if not isinstance(numbers, list) or not numbers:
        raise ReplyError(f"expected a list of numbers for each sample, got {numbers!r:.80}")
    return {f"head_{place}": number for place, number in enumerate(numbers)}


def _rows(reply: Any, name: str, count: int) -> list[Any]:
    return _list(_member(reply, name), count, name)


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise ReplyError(f"expected an object with {name!r}, got {value!r:.200}")
    if value.get("error"):
        raise ReplyError(f"the server failed, with 'error' beside {name!r}: {value['error']!s:.200}")
    return value[name]


def _list(value: Any, count: int, name: str = "the reply") -> list[Any]:
    if not isinstance(value, list) or len(value) != count:
        found = f"{len(value)}" if isinstance(value, list) else f"{value!r:.200}"
        raise ReplyError(f"{name} is not a list of {count}, one for each sample sent: {found}")
    return value
