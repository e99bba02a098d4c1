"""Requests of every contract whose reply says which request it belongs to: the score is a number in the response."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from serve_load import post

__all__ = ["Call", "call", "malformed"]


@dataclass(frozen=True)
class Call:
    """A request and the check of its reply."""

    request: bytes
    path: str
    numbers: tuple[int, ...]

    def is_answered_by(self, status: int, body: bytes) -> bool:
        """Whether a reply is this request's: 200, with its own numbers as scores."""
        return status == 200 and _CONTRACTS[self.path][1](json.loads(body)) == list(map(float, self.numbers))


def call(number: int, random_source: random.Random) -> Call:
    """A request of some contract: of 1,000 numbers from 1,000 * number on, as many as it has rows."""
    path = random_source.choice(list(_CONTRACTS))
    rows = random_source.randint(1, 8) if path in ("/get_reward", "/lambda", "/v1/score") else 1
    numbers = tuple(range(1000 * number, 1000 * number + rows))
    return Call(post(path, _CONTRACTS[path][0](numbers)), path, numbers)


def malformed(number: int, random_source: random.Random) -> bytes:
    """A request that must be refused with a 4xx."""
    path = random_source.choice(list(_CONTRACTS))
    good = json.dumps(_CONTRACTS[path][0]((number,))).encode()
    bodies = [b"", good[:-1], b"\xff" + good, b"[" * 5000, b'{"samples": NaN}', b"3", b'{"a": 1, "a": 2}', good.replace(b"{", b"[", 1)]
    kind = random_source.randrange(len(bodies) + 2)
    if kind < len(bodies):
        return post(path, bodies[kind])
    return post("/v1/evaluations/..%2Fother", good) if kind == len(bodies) else post(path, good).replace(b"application/json", b"text/plain", 1)


def _text(number: int) -> str:
    return f"What was asked for is #{number}"


def _turns(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": "?"}, {"role": "assistant", "content": _text(number)}]


def _vertex(numbers: Sequence[int]) -> Any:
    prompt = {"contents": [{"role": "user", "parts": [{"text": "?"}]}], "references": {}}
    return {"example": prompt, "response": {"role": "model", "parts": [{"text": _text(numbers[0])}]}}


def _gym(numbers: Sequence[int]) -> Any:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": _text(numbers[0])}]}
    return {"responses_create_params": {"input": "?"}, "response": {"output": [message]}}


# Path -> (numbers -> body, reply -> scores).
_CONTRACTS: dict[str, tuple[Callable[[Sequence[int]], Any], Callable[[Any], list[float]]]] = {
    "/": (_vertex, lambda reply: [reply["reward"]]),
    "/evaluate": (lambda numbers: {"messages": _turns(numbers[0])}, lambda reply: [reply["score"]]),
    "/verify": (_gym, lambda reply: [reply["reward"]]),
    "/grade": (lambda numbers: {"sample": {"output_text": _text(numbers[0])}, "item": {}}, lambda reply: [reply["score"]]),
    "/get_reward": (lambda numbers: {"query": ["?" + _text(n) for n in numbers], "prompts": ["?"] * len(numbers)}, lambda reply: reply["rewards"]),
    "/lambda": (
        lambda numbers: [{"id": str(n), "messages": _turns(n)} for n in numbers],
        lambda reply: [row["aggregate_reward_score"] for row in reply],
    ),
    "/v1/score": (
        lambda numbers: {"samples": [{"prompt": "?", "completion": _text(n)} for n in numbers]},
        lambda reply: [row["score"] for row in reply["results"]],
    ),
}
