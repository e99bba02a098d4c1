"""One chat endpoint's client, its pace and its breaker, in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rl_rewards.redaction import Secret, logger_for
from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.chat_reply import ChatReply, read_chat_reply
from rl_rewards.runtime.calling.errors import CallError, RetryableError
from rl_rewards.runtime.calling.http import BoundedClient, retry_after
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.pace import Pace
from rl_rewards.runtime.calling.rates import Rates
from rl_rewards.runtime.calling.replies import excerpt, read_json
from rl_rewards.runtime.calling.retries import with_retries
from rl_rewards.types import Outcome, describe

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["ChatClient", "chat_client"]

for _name in ("openai", "openai._base_client"):
    logger_for(_name)  # with OPENAI_LOG=debug it logs requests and replies

_OF_THE_INPUT = (400, 413, 422)  # refusals that another input might not meet
_TRIED_AGAIN = (408, 409, 425, 429)
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, ChatClient]] = WeakKeyDictionary()


class ChatClient:
    """Sends requests of `/chat/completions` with the official client; waiting, retries and limits are ours.

    Args:
        base_url: such as http://localhost:8000/v1.
        key: sent as a bearer token; without one no key is sent, whatever the environment holds.
    """

    def __init__(self, base_url: str, key: Secret | None, limits: CallLimits, concurrency: int, rates: Rates | None) -> None:
        from openai import AsyncOpenAI, Omit

        self._limits = limits
        self._base_url = base_url
        self._pace = Pace(concurrency, rates)
        # What the client would take from the environment, whichever endpoint it calls.
        absent = ["OpenAI-Organization", "OpenAI-Project", *(["Authorization"] if key is None else [])]
        self._headers: dict[str, Any] = {name: Omit() for name in absent}
        http: Any = BoundedClient(base_url, limits.reply_bytes)
        self._openai: AsyncOpenAI = AsyncOpenAI(
            base_url=base_url,
            api_key="none" if key is None else key.reveal(),
            max_retries=0,
            timeout=None,
            http_client=http,
        )

    async def send(self, body: dict[str, Any], tokens: float) -> ChatReply:
        """The reply to a request; `tokens` is about how many the two have.

        Raises:
            CallError: when there is none.
        """

        structured = "response_format" in body

        async def attempt() -> ChatReply:
            import openai

            try:
                text = await self._openai.post("/chat/completions", cast_to=str, body=body, options={"headers": self._headers})
                return read_chat_reply(_json(text), structured)
            except openai.APIStatusError as error:
                raise self._refusal(error) from None
            except openai.APIConnectionError as error:
                if isinstance(error.__cause__, (CallError, RetryableError)):
                    raise error.__cause__ from None
                raise RetryableError(describe(error.__cause__ or error)) from None
            except openai.OpenAIError as error:
                raise CallError(Outcome.ERROR, f"{self._base_url} cannot be called: {describe(error)}") from None

        return await with_retries(attempt, self._limits, self._base_url, _breaker(self._base_url), self._pace, tokens)

    def _refusal(self, error: Any) -> CallError | RetryableError:
        status = error.status_code
        failure = f"HTTP {status}: {excerpt(error.response.text)}"
        if status >= 500 or status in _TRIED_AGAIN:
            if "insufficient_quota" in failure:
                return CallError(Outcome.ERROR, f"{self._base_url} refused the request with {failure}")
            return RetryableError(failure, retry_after(error.response.headers.get("retry-after", "")), busy=status == 429)
        return CallError(Outcome.ERROR, f"{self._base_url} refused the request with {failure}", of_the_input=status in _OF_THE_INPUT)


def chat_client(name: str, make: Callable[[], ChatClient]) -> ChatClient:
    """The running loop's client of that name, made where there is none: connections stay open between batches."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if name not in clients:
        clients[name] = make()
    return clients[name]


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except CallError as error:  # a proxy's page: the endpoint itself speaks JSON
        raise RetryableError(str(error)) from None


@lru_cache(maxsize=256)
def _breaker(url: str) -> CircuitBreaker:
    """One for each server, whichever reward calls it."""
    return CircuitBreaker()
