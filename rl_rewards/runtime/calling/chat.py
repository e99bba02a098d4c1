"""A model behind an OpenAI-compatible chat endpoint: vLLM, SGLang, llama.cpp, or a hosted one.

    judge = ChatModel("qwen3-8b", base_url="http://localhost:8000/v1", requests_per_minute=600)
    reply = await judge.complete([{"role": "user", "content": "Is 7 prime? Answer yes or no."}])
    reply.text, reply.prompt_tokens, reply.finish_reason

From code that is not asynchronous: `event_loop.submit(judge.complete(messages)).result()`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rl_rewards.configured import configured
from rl_rewards.redaction import Secret, secret_from_environment
from rl_rewards.runtime.calling.cache import ReplyCache, digest
from rl_rewards.runtime.calling.chat_client import ChatClient, chat_client
from rl_rewards.runtime.calling.chat_reply import ChatReply
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.numbers import numbers_in
from rl_rewards.runtime.calling.pace import processes_of_node, share_of_process
from rl_rewards.runtime.calling.rates import Rates
from rl_rewards.runtime.calling.spending import Price, Spending
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.types import Outcome
from rl_rewards.user_errors import require

__all__ = ["ChatModel", "ChatReply", "Price"]

_OPENAI = "https://api.openai.com/v1"
_BYTES_A_TOKEN = 3.0  # few, so that a prompt is rather thought longer than it is
_OURS = ("model", "messages", "stream", "n", "response_format", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed")
_flights: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Task[ChatReply]]] = WeakKeyDictionary()
_without_schemas: set[tuple[str, str]] = set()
"""Endpoints and models that refused a JSON schema and took the same request without."""


@configured
class ChatModel:
    """A model behind an OpenAI-compatible chat endpoint, with the limits under which it is called.

    Processes and runs that name one `ledger` share its rate limits and its `max_cost`. Without one a process keeps its own part of both: what
    is given here divided by the processes of its node (LOCAL_WORLD_SIZE), as of `concurrency`.

    Raises:
        ValueError: when options contradict each other, or the address holds a key.
        MissingPackageError: when the client is not installed (`rl_rewards[judge]`).
    """

    name: str
    """The model, as the endpoint names it."""
    base_url: str = field(default=_OPENAI, kw_only=True)
    """The endpoint without /chat/completions, such as http://localhost:8000/v1."""
    api_key_env: str | None = field(default=None, kw_only=True)
    """Name of the environment variable with the key; for OpenAI's own endpoint OPENAI_API_KEY by default, for others none."""
    temperature: NonNegativeFloat | None = field(default=0.0, kw_only=True)
    """Sampling temperature; null leaves it to the server, as models that reason demand."""
    top_p: float | None = field(default=None, kw_only=True)
    """Share of the probability that is sampled from."""
    max_tokens: PositiveInt = field(default=2048, kw_only=True)
    """Most tokens of a reply, its reasoning included."""
    seed: int | None = field(default=None, kw_only=True)
    """Seed of the sampling; further samples of one request count on from it."""
    extra_body: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """More fields of the request, such as {chat_template_kwargs: {enable_thinking: false}}."""
    structured_output: Literal["auto", "never"] = field(default="auto", kw_only=True)
    """Whether replies are bound to a JSON schema: auto where the endpoint takes one, else the reply is read as text."""
    concurrency: PositiveInt = field(default=32, kw_only=True)
    """Requests at once, of all batches of a node."""
    requests_per_minute: PositiveFloat | None = field(default=None, kw_only=True)
    """Most requests a minute, retries included."""
    tokens_per_minute: PositiveFloat | None = field(default=None, kw_only=True)
    """Most tokens a minute, of prompts and replies."""
    timeout: PositiveFloat = field(default=120.0, kw_only=True)
    """Seconds for a request with its retries; what it waits for its turn does not count."""
    retries: NonNegativeInt = field(default=4, kw_only=True)
    """Attempts after one that met a 5xx, no connection or no JSON. After a 429 it is tried again until the timeout."""
    backoff: NonNegativeFloat = field(default=0.5, kw_only=True)
    """Seconds before the first of them, doubled each time, up to 30, shortened at random; Retry-After is obeyed."""
    cache: bool | str = field(default=True, kw_only=True)
    """Keep replies, by endpoint, model, messages and sampling settings: true in memory, a path in that file, too, false not at all."""
    price: Price | None = field(default=None, kw_only=True)
    """What a million tokens cost: {prompt: 0.15, completion: 0.6}."""
    max_cost: PositiveFloat | None = field(default=None, kw_only=True)
    """Most that may be spent, in the currency of `price`; further calls are refused, and their rows have no score."""
    ledger: str | None = field(default=None, kw_only=True)
    """A file in which the processes of a node and later runs keep rate limits and cost together; made where it is not there."""

    def __post_init__(self) -> None:
        require(f"the chat model {self.name!r}", "openai")
        check_url(self.base_url, "base_url")
        if not self.name.strip():
            raise ValueError(f"name must be the model's name at the endpoint, got {self.name!r}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and up to 1, got {self.top_p}")
        if self.max_cost is not None and self.price is None:
            raise ValueError("max_cost needs a `price`, such as {prompt: 0.15, completion: 0.6} for a million tokens")
        if taken := sorted(set(self.extra_body) & set(_OURS)):
            raise ValueError(f"extra_body must hold no field that is set elsewhere, got {taken}")
        if self.api_key_env is not None and not self.api_key_env.replace("_", "a").isalnum():
            raise ValueError("api_key_env must be the name of an environment variable, such as JUDGE_API_KEY; its value is not shown here")

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: Mapping[str, Any] | None = None,
        fallback: Sequence[Mapping[str, Any]] | None = None,
        sample: int = 0,
        keep: Callable[[ChatReply], bool] | None = None,
    ) -> ChatReply:
        """Send messages, return the reply.

        Args:
            messages: with `role` and `content`, as the endpoint takes them.
            schema: a JSON schema that the reply should follow, enforced by the server where it can (`structured_output`).
            fallback: the messages for a server that takes no schema; by default the same.
            sample: which of several replies to the same messages this one is; each is cached by itself.
            keep: whether to cache a reply; by default every one.

        Raises:
            CallError: when there is no reply: `timeout`, or `error` with what was wrong, also when `max_cost` is reached.
            ValueError: when the variable of the key is not set.
        """
        endpoint = (self.base_url, self.name)
        if schema is None or self.structured_output == "never" or endpoint in _without_schemas:
            return await self._ask(fallback if schema is not None and fallback else messages, None, sample, keep)
        try:
            return await self._ask(messages, schema, sample, keep)
        except CallError as refusal:
            if not refusal.of_the_input:
                raise
            try:
                reply = await self._ask(fallback or messages, None, sample, keep)
            except CallError:
                raise refusal from None
            _without_schemas.add(endpoint)
            return reply

    @property
    def identity(self) -> dict[str, Any]:
        """What replies depend on: the endpoint, the model and its sampling settings; JSON's types."""
        return {"base_url": self.base_url, **self._settings}

    @property
    def spending(self) -> Spending:
        """What was spent on it so far, in this process or in its ledger."""
        most = self.max_cost
        if most is not None and self.ledger is None:
            most /= processes_of_node()
        return Spending(self._numbers, most)

    def state_dict(self) -> dict[str, float]:
        """The sums of a `max_cost` that no ledger keeps, for a checkpoint."""
        return self.spending.sums() if self.max_cost is not None and self.ledger is None else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from sums of `state_dict`; those of this process stay where they are more."""
        self.spending.resume({str(name): float(value) for name, value in state.items()})

    async def _ask(
        self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None, sample: int, keep: Callable[[ChatReply], bool] | None
    ) -> ChatReply:
        body = self._body(messages, schema, sample)
        cache, key = self._cache, ""
        if cache is not None:
            key = digest({**body, "base_url": self.base_url, "sample": sample})
            if (kept := cache.get(key)) is not None:
                return ChatReply.from_cache(kept)
            flights = _flights.setdefault(asyncio.get_running_loop(), {})
            while (other := flights.get(key)) is not None:  # the same request is under way
                await asyncio.wait([other])
                if not other.cancelled():
                    return replace(other.result(), cost=0.0, cached=True)
            task = flights[key] = asyncio.ensure_future(self._paid(body))
            task.add_done_callback(lambda _: flights.pop(key, None))
            reply = await task
            if keep is None or keep(reply):
                cache.put(key, reply.to_json())
            return reply
        return await self._paid(body)

    async def _paid(self, body: dict[str, Any]) -> ChatReply:
        """The reply to a request, paid for: before, as much as it may cost; afterwards, what it did."""
        prompt = len(json.dumps(body, default=str)) / _BYTES_A_TOKEN
        price, spending = self.price or _FREE, self.spending
        reserved = price.of(prompt, self.max_tokens)
        spending.reserve(reserved)
        cost = 0.0
        used: tuple[int, int] = (0, 0)
        try:
            reply = await self._client().send(body, prompt + self.max_tokens)
            used = reply.prompt_tokens or 0, reply.completion_tokens or 0
            counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
            cost = price.of(*used) if counted else reserved
            if counted and self._rates is not None:
                self._rates.correct(sum(used) - prompt - self.max_tokens)
            return replace(reply, cost=cost)
        except CallError as error:
            cost = reserved if error.outcome is Outcome.TIMEOUT else 0.0  # the server may have done the work
            raise
        except BaseException:
            cost = reserved
            raise
        finally:
            spending.settle(reserved, cost, *used)

    def _body(self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None, sample: int) -> dict[str, Any]:
        limit = "max_completion_tokens" if self.base_url.rstrip("/") == _OPENAI else "max_tokens"
        body: dict[str, Any] = {"model": self.name, "messages": [dict(message) for message in messages], limit: self.max_tokens}
        body |= {name: value for name in ("temperature", "top_p") if (value := getattr(self, name)) is not None}
        if self.seed is not None:
            body["seed"] = self.seed + sample
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)}}
        return body | self.extra_body

    def _client(self) -> ChatClient:
        return chat_client(self._client_name, self._new_client)

    @property
    def _client_name(self) -> str:
        limits = ("concurrency", "requests_per_minute", "tokens_per_minute", "timeout", "retries", "backoff", "ledger")
        own = {
            "base_url": self.base_url,
            "name": self.name,
            "directory": os.getcwd() if self.ledger else None,
            "key": None if (key := self._key) is None else key.reveal(),
        }
        return digest(own | {name: getattr(self, name) for name in limits})

    @property
    def _key(self) -> Secret | None:
        """The key that the environment holds now: one that was corrected there is used at once."""
        variable = self.api_key_env or ("OPENAI_API_KEY" if self.base_url.rstrip("/") == _OPENAI else None)
        return None if variable is None else secret_from_environment(variable, "api_key_env")

    def _new_client(self) -> ChatClient:
        limits = CallLimits(self.timeout, self.retries, self.backoff)
        return ChatClient(self.base_url, self._key, limits, share_of_process(self.concurrency), self._rates)

    @property
    def _settings(self) -> dict[str, Any]:
        names = ("name", "temperature", "top_p", "max_tokens", "seed", "extra_body")
        return {name: getattr(self, name) for name in names}

    @property
    def _numbers(self) -> Any:
        return numbers_in(None if self.ledger is None else Path(self.ledger).absolute(), f"{self.base_url} {self.name}")

    @property
    def _rates(self) -> Rates | None:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            return None
        size = 1 if self.ledger is not None else processes_of_node()
        requests, tokens = (None if rate is None else rate / size for rate in (self.requests_per_minute, self.tokens_per_minute))
        return Rates(self._numbers, f"{self.base_url} {self.name}", requests, tokens)

    @property
    def _cache(self) -> ReplyCache | None:
        if self.cache is False:
            return None
        return _cache_in(None if self.cache is True else Path(self.cache).absolute())


_FREE = Price(0.0, 0.0)


@lru_cache(maxsize=64)
def _cache_in(path: Path | None) -> ReplyCache:
    """One for each file, and one in memory for all that name none: digests tell models and settings apart."""
    return ReplyCache(path)
