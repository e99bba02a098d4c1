"""A model behind a server with OpenAI's API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from rl_rewards.generation.model import Completion, GenerationError, Request, Sampling
from rl_rewards.redaction import secret_from_environment
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.event_loop import submit

__all__ = ["EndpointModel"]

_DEFAULT_KEY = "OPENAI_API_KEY"


class EndpointModel:
    """Completes prompts with `/chat/completions`, each completion a call of its own, with retries.

    Args:
        name: the model as the server knows it.
        base_url: the server, such as http://localhost:8000/v1.
        api_key_env: the environment variable with its key; by default OPENAI_API_KEY where it is set, as openai's own client has it.
        concurrency: calls at a time.
        timeout: seconds of a call with its retries.
        retries: attempts after the first.
        plain: refused, for a chat server has the template.

    Raises:
        GenerationError: when the address is none, or the variable is not set.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        api_key_env: str | None = None,
        concurrency: int = 16,
        timeout: float = 600.0,
        retries: int = 4,
        plain: bool = False,
    ) -> None:
        if plain:
            raise GenerationError("plain text (--plain-text) is for local models: a server with a chat API renders its prompts itself")
        self.name = name
        variable = api_key_env or (_DEFAULT_KEY if os.environ.get(_DEFAULT_KEY) else None)
        self._options: dict[str, Any] = dict(
            base_url=base_url.rstrip("/"),
            api_key_env=variable,
            concurrency=concurrency,
            timeout=timeout,
            retries=retries,
            cache=False,  # a second run asks anew; what was finished before a kill is in the journal
        )
        try:
            ChatModel(name, **self._options)
            if variable is not None:
                secret_from_environment(variable, "api_key_env")
        except ValueError as error:
            lines = getattr(error, "errors", None)
            told = (
                "; ".join(f"{'.'.join(map(str, line['loc']))} {line['msg'].removeprefix('Value error, ')}".strip() for line in lines())
                if lines
                else str(error)
            )
            raise GenerationError(told) from None

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name and its server."""
        return {"model": self.name, "base_url": self._options["base_url"]}

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """Completions as the server finishes them."""
        chat = self._chat(sampling)
        finished: SimpleQueue[tuple[int, Completion] | None] = SimpleQueue()

        async def ask(place: int, request: Request) -> None:
            finished.put((place, await _completion(chat, request)))

        async def ask_all() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for place, request in enumerate(requests):
                        group.create_task(ask(place, request))
            finally:
                finished.put(None)

        asked = submit(ask_all())
        try:
            while (pair := finished.get()) is not None:
                yield pair
            asked.result()
        finally:
            asked.cancel()

    def _chat(self, sampling: Sampling) -> ChatModel:
        extra: dict[str, Any] = {} if sampling.top_k is None else {"top_k": sampling.top_k}
        extra |= {"stop": list(sampling.stop)} if sampling.stop else {}
        extra |= {"chat_template_kwargs": dict(sampling.template_options)} if sampling.template_options else {}
        top_p = None if sampling.top_p == 1 else sampling.top_p
        return ChatModel(
            self.name,
            temperature=sampling.temperature,
            top_p=top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
            extra_body=extra,
            **self._options,
        )


async def _completion(chat: ChatModel, request: Request) -> Completion:
    prompt = request.prompt
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    try:
        reply = await chat.complete(messages, sample=request.seed)
    except CallError as error:
        return Completion("", error=str(error))
    return Completion(reply.text or reply.refusal or "", reply.reasoning, None, reply.finish_reason)
