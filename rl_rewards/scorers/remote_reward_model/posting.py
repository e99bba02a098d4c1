"""One JSON request with patience: what is tried again, what is not, and what came of it."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

import httpx

from rl_rewards.types import Outcome, describe

_LONGEST_WAIT = 30.0  # seconds
_OF_THE_INPUT = (400, 413, 422)  # refusals that another input might not meet


class RequestFailed(Exception):
    """A request that brought no reply to read.

    Attributes:
        outcome: `timeout` or `error`.
        of_the_input: whether the server refused what was sent, and not who sent it or where to.
    """

    def __init__(self, outcome: Outcome, text: str, of_the_input: bool = False) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.of_the_input = of_the_input


@dataclass(frozen=True)
class Patience:
    """How long and how often a request is tried.

    Attributes:
        timeout: seconds for one attempt, from connecting to the last byte.
        retries: attempts after the first.
        backoff: seconds before the first of them, doubled each time up to 30 s, and shortened at random by up to half.
    """

    timeout: float
    retries: int
    backoff: float

    def wait(self, attempt: int, reply: httpx.Response | None) -> float:
        """Seconds before attempt number `attempt` (from 1); longer where the server says when to come again."""
        wait = self.backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)
        asked = reply.headers.get("retry-after", "") if reply is not None else ""
        return min(_LONGEST_WAIT, max(wait, float(asked) if asked.isascii() and asked.isdigit() else 0.0))


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any], patience: Patience) -> Any:
    """The JSON that a server replies.

    Tried again: 5xx, 429, and connections that fail or break. Not tried again: other refusals, and an attempt that ran out of time, because
    the server may still be at work on it, and a second copy would make its queue longer.

    Raises:
        RequestFailed: when there is no such reply.
    """
    content = json.dumps(body, default=str).encode()
    attempt, failure, reply = 0, "", None
    while attempt <= patience.retries:
        if attempt:
            await asyncio.sleep(patience.wait(attempt, reply))
        attempt, reply = attempt + 1, None
        try:
            async with asyncio.timeout(patience.timeout):
                reply = await client.post(path, content=content, headers={"content-type": "application/json"})
        except TimeoutError:
            raise RequestFailed(Outcome.TIMEOUT, f"no reply from {client.base_url} within {patience.timeout:g} s") from None
        except httpx.TransportError as error:
            failure = describe(error)
            continue
        if reply.is_success:
            return _json(reply)
        failure = f"HTTP {reply.status_code}: {reply.text[:200]}"
        if reply.status_code < 500 and reply.status_code != 429:
            raise RequestFailed(Outcome.ERROR, f"{path} refused the request with {failure}", reply.status_code in _OF_THE_INPUT)
    raise RequestFailed(Outcome.ERROR, f"{client.base_url} failed {attempt} times, last with {failure}")


def _json(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        raise RequestFailed(Outcome.ERROR, f"the reply is not JSON: {reply.text[:200]!r}") from None
