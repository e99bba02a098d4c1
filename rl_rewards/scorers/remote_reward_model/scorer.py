"""The `remote_reward_model` scorer."""

from __future__ import annotations

import asyncio
import math
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import httpx
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rl_rewards.configured import configured
from rl_rewards.failures import failure_of
from rl_rewards.redaction import Secret, secret_from_environment
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.calling.http import http_client, post_json
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.pace import Pace
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.remote_reward_model.apis import APIS, Answer, Api, ApiName, Form, Query, ReplyError
from rl_rewards.scorers.reward_model.cleaning import Cleaner
from rl_rewards.scorers.reward_model.heads import AmbiguousHeadsError, Heads
from rl_rewards.scorers.reward_model.shaped import ShapedScorer
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample, describe

if TYPE_CHECKING:
    from rl_rewards.scorers.reward_model.rendering import Renderer

_RENDERED_HERE = ("chat_template", "append", "read_at")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@configured
class RemoteRewardModel(ShapedScorer):
    """Scores conversations with a reward model that a server runs: vLLM, SGLang, Text Embeddings Inference or OpenRLHF.

    With a `tokenizer` (the reward model's own) conversations are rendered here and sent as token ids, so no server can add a second BOS;
    TEI and OpenRLHF take them as text. Without one vLLM is sent messages and renders them itself. `format: text` and `pair` need no
    template. Requests run side by side on a background event loop, while other rewards are scored. A server that fails or is too slow is no
    fault of the policy: outcome `error` or `timeout`, without a score. With a parser, and for empty responses, the answer is treated as by
    `reward_model`.

    Components: every head by its name, an OpenRLHF server's extra logs, and `raw` when the score is shaped. A request of several samples
    that the server refuses (400, 413, 422) is repeated one by one, so that one sample that is too long costs one.

    Raises:
        ValueError: when options contradict each other, or the server's API does not take such a format.
    """

    url: str
    """The server, such as http://localhost:8000, without user, password or key; the API's own path is put behind it where it isn't there."""
    api: ApiName
    """What the server speaks: vLLM's /classify or /pooling, SGLang's /classify, TEI's /predict, OpenRLHF's /get_reward."""
    model: str | None = field(default=None, kw_only=True)
    """The name that vLLM serves the model under; by default the server's only one."""
    tokenizer: str | None = field(default=None, kw_only=True)
    """Hub id or directory of the reward model's tokenizer, to render conversations here."""
    format: Literal["chat", "text", "pair"] = field(default="chat", kw_only=True)
    """chat: a chat template. text: prompt and response as they are. pair: two segments, as encoders take them (TEI)."""
    chat_template: str | None = field(default=None, kw_only=True)
    """Jinja template instead of the tokenizer's own."""
    system: str | None = field(default=None, kw_only=True)
    """System message for conversations that have none."""
    append: str | None = field(default=None, kw_only=True)
    """Text put behind each conversation, such as a reward token."""
    strip_thinking: bool = field(default=False, kw_only=True)
    """Take <think>...</think> and reasoning fields out of the assistant's messages."""
    read_at: Literal["template_end", "end_of_turn"] | None = field(default=None, kw_only=True)
    """Where a template that goes on after the end of the turn ends, as for `reward_model`."""
    label: str | None = field(default=None, kw_only=True)
    """The column that is sent to an OpenRLHF server as the row's label."""
    heads: dict[str, float] | list[str] | None = field(default=None, kw_only=True)
    """Names of several heads, with the weights that make the score."""
    sign: Literal[1, -1] = field(default=1, kw_only=True)
    """-1 for a cost model, where less is better."""
    api_key_env: str | None = field(default=None, kw_only=True)
    """Name of the environment variable with the server's key, sent as a bearer token. White space and quotes around the key are removed."""
    batch_size: PositiveInt = field(default=16, kw_only=True)
    """Samples a request; messages go one by one."""
    concurrency: PositiveInt = field(default=32, kw_only=True)
    """Requests at once, of one batch."""
    timeout: PositiveFloat = field(default=180.0, kw_only=True)
    """Seconds for a request with all of its attempts and waits, from its first attempt on."""
    retries: NonNegativeInt = field(default=4, kw_only=True)
    """Attempts after one that met a 5xx, a 429, or no connection."""
    backoff: NonNegativeFloat = field(default=0.5, kw_only=True)
    """Seconds before the first of them, doubled each time, up to 30."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url(self.url)
        if self.api_key_env is not None and not _VARIABLE.fullmatch(self.api_key_env):
            raise ValueError("api_key_env must be the name of an environment variable, such as REWARD_API_KEY; its value is not shown here")
        if self.tokenizer is not None and self.format != "chat":
            raise ValueError(f"a tokenizer renders conversations; format {self.format!r} has none to render")
        if self.tokenizer is None and (given := [name for name in _RENDERED_HERE if getattr(self, name) is not None]):
            raise ValueError(f"{given} need a `tokenizer`, with which conversations are rendered here and not by the server")
        if self.read_at is not None and self._form != "ids":
            raise ValueError(f"read_at cuts token ids; {self.api} is sent {self._form}")
        if self._form not in self._api.forms:
            ways = {"messages": "a chat format with a `tokenizer`", "pair": "format 'text' or 'chat'"}
            raise ValueError(f"{self.api} takes no {self._form}: give {ways[self._form]}" + ("" if self._form == "pair" else ", or format 'text'"))
        if self.model is not None and not self._api.named:
            raise ValueError(f"a request to {self.api} names no model, got {self.model!r}")
        if self.label is not None:
            if self.api != "openrlhf":
                raise ValueError(f"only OpenRLHF's servers are sent a label; api is {self.api!r}")
            column_template(self.label)

    @property
    def traits(self) -> Traits:
        label = frozenset() if self.label is None else column_template(self.label).columns
        return replace(super().traits, columns=super().traits.columns | label, calls_server=True)

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future:
        """Start scoring: rendering and shaping in a thread, requests on the background event loop."""
        future: Future = Future()

        def run() -> None:
            try:
                future.set_result(self.score(samples, answers))
            except BaseException as error:  # this thread's own: the waiting caller must get it
                future.set_exception(error)

        # Not the loop's own executor: names are looked up there, which threads that wait for the loop would block.
        threading.Thread(target=run, name="rl_rewards-remote", daemon=True).start()
        return future

    def raw(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        key = None if self.api_key_env is None else secret_from_environment(self.api_key_env, "api_key_env")
        queries = [self._query(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        sent = [query for query in queries if isinstance(query, Query)]
        replies = iter(event_loop.submit(self._ask_all(sent, key)).result())
        results = []
        for query, answer in zip(queries, answers, strict=True):
            result = query if isinstance(query, EvaluateResult) else self._result(next(replies))
            if answer is None and result.score is not None:
                result.outcome, result.reason = Outcome.UNPARSED, "no answer in the response: scored as empty"
            results.append(result)
        return results

    async def _ask_all(self, queries: Sequence[Query], key: Secret | None) -> list[Answer | EvaluateResult]:
        """The answer to each query, or why there is none."""
        size = 1 if self._form == "messages" else self.batch_size
        pace = Pace(self.concurrency)
        async with http_client(self.url.rstrip("/").removesuffix(self._api.path), key) as client:
            parts = await asyncio.gather(*(self._ask(client, queries[start : start + size], pace) for start in range(0, len(queries), size)))
        return [answer for part in parts for answer in part]

    async def _ask(self, client: httpx.AsyncClient, queries: Sequence[Query], pace: Pace) -> list[Answer | EvaluateResult]:
        try:
            reply = await post_json(client, self._api.path, self._api.body(queries, self.model), self._limits, _breaker(self.url), pace)
            return list(self._api.read(reply, len(queries)))
        except CallError as failed:
            if failed.of_the_input and len(queries) > 1:
                parts = await asyncio.gather(*(self._ask(client, [query], pace) for query in queries))
                return [answer for part in parts for answer in part]
            return [EvaluateResult.failure(failed.outcome, str(failed)) for _ in queries]
        except Exception as error:  # what a strange reply runs into costs its own samples
            return [EvaluateResult.failure(Outcome.ERROR, str(error) if isinstance(error, ReplyError) else describe(error)) for _ in queries]

    def _query(self, sample: Sample, answer: Any) -> Query | EvaluateResult:
        """What the server is asked about one sample, or why it can't be."""
        if answer is not None and not isinstance(answer, str):
            return EvaluateResult.failure(Outcome.ERROR, f"a reward model scores text; the parser gave {type(answer).__name__}: {answer!r:.80}")
        conversation = sample.conversation
        if not conversation or answer != sample.whole:
            conversation = [*conversation[:-1], {"role": "assistant", "content": answer or ""}]
        try:
            label = None if self.label is None else column_template(self.label).value(sample)
            if self.tokenizer is None:
                return self._plain(conversation, label)
            return self._rendered(conversation, label)
        except MissingReferenceError as missing:
            return failure_of(missing)
        except ValueError as error:
            return EvaluateResult.failure(Outcome.ERROR, str(error))

    def _rendered(self, conversation: list[Any], label: Any) -> Query:
        from rl_rewards.models.versions import files_of  # loads torch, as the renderer does

        renderer = _renderer(
            self.tokenizer, files_of(self.tokenizer), self.chat_template, self.system, self.append, self.strip_thinking, self.read_at
        )
        if self._form == "ids":
            return Query("ids", list(renderer.render(conversation).ids))
        *prompt, response = renderer.messages(conversation)
        text = self._templated(renderer, [*prompt, response]) + (self.append or "")
        if self.api == "tei":
            return Query("text", _without_bos(text, renderer.tokenizer))
        return Query("text", text, self._templated(renderer, prompt, add_generation_prompt=True) if prompt else "", label)

    def _templated(self, renderer: Renderer, messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            return renderer.tokenizer.apply_chat_template(messages, tokenize=False, chat_template=self.chat_template, **options)
        except Exception as error:  # a template raises whatever its author chose
            roles = [message["role"] for message in messages]
            raise ValueError(f"the chat template refuses a conversation of {roles}: {error}") from error

    def _plain(self, conversation: list[Any], label: Any) -> Query:
        clean = Cleaner((), self.strip_thinking)
        *prompt, response = (clean(Message.model_validate(turn)) for turn in conversation)
        if self.system is not None and not any(message["role"] == "system" for message in prompt):
            prompt.insert(0, {"role": "system", "content": self.system})
        if self._form == "messages":
            return Query("messages", [*prompt, response])
        if len(prompt) > 1:
            roles = [message["role"] for message in prompt]
            raise ValueError(f"format {self.format!r} takes one prompt and one response, not {roles} and a response; use format 'chat'")
        question, answer = prompt[0]["content"] if prompt else "", response["content"]
        return Query("pair", (question, answer)) if self._form == "pair" else Query("text", question + answer, question, label)

    def _result(self, answer: Answer | EvaluateResult) -> EvaluateResult:
        if isinstance(answer, EvaluateResult):
            return answer
        if wrong := {name: value for name, value in (answer.numbers | answer.components).items() if not _is_number(value)}:
            return EvaluateResult.failure(Outcome.ERROR, f"the server returned {wrong!s:.200}, and only finite numbers count")
        try:
            heads = Heads(list(answer.numbers), self.heads, sign=self.sign)
            score, components = heads.score([float(number) for number in answer.numbers.values()])
        except (AmbiguousHeadsError, ValueError) as error:
            return EvaluateResult.failure(Outcome.ERROR, str(error))
        components |= {name: float(value) for name, value in answer.components.items()}
        return EvaluateResult(score, metrics={name: MetricResult(value) for name, value in components.items()})

    @property
    def _limits(self) -> CallLimits:
        return CallLimits(self.timeout, self.retries, self.backoff)

    @property
    def _api(self) -> Api:
        return APIS[self.api]

    @property
    def _form(self) -> Form:
        """The form in which samples are sent."""
        if self.format != "chat":
            return self.format
        if self.tokenizer is None:
            return "messages"
        return "ids" if "ids" in self._api.forms else "text"


@lru_cache(maxsize=16)
def _renderer(
    tokenizer: str, _version: object, chat_template: str | None, system: str | None, append: str | None, strip_thinking: bool, read_at: Any
) -> Renderer:
    """The renderer of a tokenizer, kept as long as its files are the same."""
    from transformers import AutoTokenizer

    from rl_rewards.scorers.reward_model.rendering import Renderer

    return Renderer(
        AutoTokenizer.from_pretrained(tokenizer),
        chat_template=chat_template, system=system, append=append, strip_thinking=strip_thinking, read_at=read_at,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _breaker(url: str) -> CircuitBreaker:
    """One for each server, whichever reward calls it."""
    return CircuitBreaker()


def _without_bos(text: str, tokenizer: Any) -> str:
    """The text without the BOS that the server's tokenizer is going to put before it."""
    bos = tokenizer.bos_token_id
    doubled = bos is not None and list(tokenizer(text)["input_ids"][:2]) == [bos, bos]
    return text.removeprefix(tokenizer.bos_token) if doubled else text


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False
