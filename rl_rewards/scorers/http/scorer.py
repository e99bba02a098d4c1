"""A response scored by a service over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rl_rewards.configured import SecretOption, configured
from rl_rewards.failures import failure_of
from rl_rewards.redaction import secret_from_environment
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.call_clock import CallClock
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.calling.http import http_client, post_json
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.numbers import numbers_in
from rl_rewards.runtime.calling.pace import Pace, share_of_process
from rl_rewards.runtime.calling.rates import Rates
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.http.forms import FORMS, FormName, HttpForm, Query, ReplyError, label_of, version_of
from rl_rewards.scorers.timing import with_seconds
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe

CLOUD_RUN_TOKEN = "RL_REWARDS_CLOUD_RUN_TOKEN"
"""Environment variable with an identity token that services on Google's Cloud Run (https://*.run.app) are sent, where no key is named."""


@configured
class Http(Scorer):
    """Asks a service of yours for the score, with Cloud Run's contract of Vertex AI, OpenRLHF's, NeMo-Gym's, Azure's endpoint grader's, or a batch at a time.

    What goes wrong with a call is ours to answer for: outcome `timeout` or `error`, never a zero. So is a reply without a finite number, one
    with an `error` beside it, or larger than `reply_bytes`; what is wrong with the answer belongs into a reason. Calls share connections,
    which are kept open during a batch. Certificates are checked, redirects are not
    followed. Where RL_REWARDS_ALLOWED_HOSTS is set in the environment (`rewards.example.com, *.internal:8080`), other hosts are refused.

    Raises:
        ValueError: when the URL is none, holds a key, or its host is not allowed; for options that the form does not have.
    """

    url: str
    """Where the service takes its POST, with the path (`/verify` of NeMo-Gym)."""
    form: FormName = field(default="cloud_run", kw_only=True)
    """What is sent and read: cloud_run ({example, response, metadata} -> {reward}), openrlhf ({query, prompts, labels} -> {rewards}), nemo_gym
    (POST /verify), openai ({sample, item, trace_id} -> {score}), batch ({samples} -> {results}) or evaluation (a rubric behind `rl-rewards serve`)."""
    label: str | None = field(default=None, kw_only=True)
    """The column that openrlhf is sent as labels, or a template such as "{{references.answer}}"."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of a response without an answer, where a parser found none; the service is not asked."""
    api_key_env: str | None = field(default=None, kw_only=True)
    """Name of the environment variable with the key that is sent as a bearer token."""
    headers_env: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Further headers of a request: name -> environment variable with its value."""
    headers: dict[str, SecretOption] = field(default_factory=dict, kw_only=True, repr=False)
    """Further headers with their values, which are shown nowhere and written to no file; keys had better come from `headers_env`."""
    requests_per_minute: PositiveFloat | None = field(default=None, kw_only=True)
    """Most requests a minute, retries included, of all the processes of a node together."""
    columns: list[str] = field(default_factory=list, kw_only=True)
    """Columns that the service reads: one that a dataset lacks is reported before training."""
    needs_groups: bool = field(default=False, kw_only=True)
    """For evaluation: whether the service compares the completions to a prompt, so that no batch of a trainer may divide them."""
    version: str | None = field(default=None, kw_only=True)
    """For evaluation: the version that must answer, as `rl-rewards serve` says it (digest and package). A reply of another is a failure: one run has
    one rubric."""
    pass_threshold: float | None = field(default=None, kw_only=True)
    """Component `passed` is 1 from this score on; the score is not changed by it."""
    batch_size: PositiveInt = field(default=32, kw_only=True)
    """Most samples of a request, for openrlhf and batch."""
    concurrency: PositiveInt = field(default=64, kw_only=True)
    """Most requests at once, of all the processes of a node together."""
    timeout: PositiveFloat = field(default=60.0, kw_only=True)
    """Seconds for a request with its retries, from when it begins; waiting for its turn does not count."""
    retries: NonNegativeInt = field(default=4, kw_only=True)
    """Attempts after the first. Tried again are 5xx, 429 and failed or broken connections; a service must bear to be asked twice."""
    backoff: NonNegativeFloat = field(default=0.5, kw_only=True)
    """Seconds before the first retry, doubled each time up to 30, and shortened at random by up to half."""
    repeatable: bool = field(default=True, kw_only=True)
    """Whether the service may be asked twice about one sample. If not, tried again is only what it cannot have scored: 429, 503, no connection."""
    reply_bytes: PositiveInt = field(default=1 << 20, kw_only=True)
    """Largest reply that is read, decompressed, in bytes."""
    job_id: int = field(default=0, kw_only=True)
    """What cloud_run is sent as metadata.tuning_job_id."""

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.label is not None:
            if self.form != "openrlhf":
                raise ValueError(f"label is an option of form openrlhf, got form {self.form!r}")
            column_template(self.label)
        if self.needs_groups and not FORMS[self.form].whole_groups:
            raise ValueError(f"needs_groups is an option of form evaluation, got form {self.form!r}")
        if self.version is not None and self.form != "evaluation":
            raise ValueError(f"version is an option of form evaluation, got form {self.form!r}")

    @property
    def traits(self) -> Traits:
        columns = frozenset(self.columns) | (frozenset() if self.label is None else column_template(self.label).columns)
        needs_groups = FORMS[self.form].whole_groups
        return Traits(
            columns=columns, needs_groups=needs_groups, reads_thinking=self.form != "openai", calls_server=True
        )  # the others are sent all that the model wrote

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Start the requests on the background event loop."""
        return event_loop.submit(self._score(samples, answers))

    async def _score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        queries = [self._query(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        sent = [query for query in queries if isinstance(query, Query)]
        form = FORMS[self.form]
        size = 1 if form.single else self.batch_size
        pace = Pace(share_of_process(self.concurrency), _rates(self.url, self.requests_per_minute))
        requests = _parts(sent, size, form.whole_groups)
        async with self._client() as client:
            parts = await asyncio.gather(*(self._ask(client, form, request, pace) for request in requests))
        replies = {id(query): result for request, part in zip(requests, parts) for query, result in zip(request, part, strict=True)}
        return [replies[id(query)] if isinstance(query, Query) else query for query in queries]

    def _query(self, sample: Sample, answer: Any) -> Query | EvaluateResult:
        """What the service is asked about one sample, or its result where there is nothing to ask."""
        if answer is None:
            return EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)
        try:
            return Query(sample, answer if isinstance(answer, str) else str(answer), answer, label_of(sample, self.label), self.job_id)
        except MissingReferenceError as missing:
            return failure_of(missing)

    async def _ask(self, client: httpx.AsyncClient, form: HttpForm, queries: Sequence[Query], pace: Pace) -> list[EvaluateResult]:
        with CallClock() as clock:
            results = await self._replied(client, form, queries, pace)
        # The time of a request of several samples is none of theirs.
        return results if len(queries) > 1 else [with_seconds(result, clock.seconds) for result in results]

    async def _replied(self, client: httpx.AsyncClient, form: HttpForm, queries: Sequence[Query], pace: Pace) -> list[EvaluateResult]:
        try:
            reply = await post_json(client, self._path, form.body(queries), self._limits, _breaker(self.url), pace, repeatable=self.repeatable)
            self._check_version(reply)
            return [self._passed(result) for result in form.read(reply, len(queries))]
        except CallError as failed:
            if failed.of_the_input and len(queries) > 1 and not form.whole_groups:  # one of them may be what the service refuses
                parts = await asyncio.gather(*(self._ask(client, form, [query], pace) for query in queries))
                return [result for part in parts for result in part]
            return [EvaluateResult.failure(failed.outcome, str(failed), failed) for _ in queries]
        except Exception as error:  # what a strange reply runs into costs its own samples
            why = str(error) if isinstance(error, (ReplyError, MissingReferenceError)) else describe(error)
            return [EvaluateResult.failure(Outcome.ERROR, why) for _ in queries]

    def _check_version(self, reply: Any) -> None:
        """Refuse the scores of a rubric that is another than the one that the run began with.

        Raises:
            ReplyError: with both versions.
        """
        if self.version is not None and (found := version_of(reply) if isinstance(reply, Mapping) else None) != self.version:
            raise ReplyError(
                f"the evaluation must be the one that the run began with, {self.version}, got {found or 'a reply without a version'}; deploy "
                "changes under another id, or go on from a checkpoint with --allow_changed_rubric true"
            )

    def _passed(self, result: EvaluateResult) -> EvaluateResult:
        if self.pass_threshold is not None and result.score is not None:
            result.metrics["passed"] = float(result.score >= self.pass_threshold)
        return result

    def _client(self) -> httpx.AsyncClient:
        key = None
        if self.api_key_env is not None:
            key = secret_from_environment(self.api_key_env, "api_key_env")
        elif _is_cloud_run(self.url) and CLOUD_RUN_TOKEN in os.environ:
            key = secret_from_environment(CLOUD_RUN_TOKEN, "api_key_env")
        client = http_client(self._origin, key)
        for name, variable in self.headers_env.items():
            client.headers[name] = secret_from_environment(variable, f"headers_env.{name}").reveal()
        for name, value in self.headers.items():
            client.headers[name] = value.get_secret_value()
        return client

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _path(self) -> str:
        return self.url[len(self._origin) :] or "/"

    @property
    def _limits(self) -> CallLimits:
        return CallLimits(self.timeout, self.retries, self.backoff, self.reply_bytes)


def _parts(queries: Sequence[Query], size: int, whole_groups: bool) -> Sequence[Sequence[Query]]:
    """The queries of each request: up to `size`, or so many that every group is in one, and no other of the same prompt with it."""
    if not whole_groups:
        return [queries[at : at + size] for at in range(0, len(queries), size)]
    groups: dict[Any, list[Query]] = {}
    for place, query in enumerate(queries):  # a trainer may hand over p1 p2 p1 p2
        groups.setdefault(("alone", place) if query.sample.group is None else query.sample.group, []).append(query)
    parts: list[list[Query]] = []
    prompts: set[str] = set()
    for members in groups.values():
        prompt = _prompt_key(members[0].sample)
        if not parts or len(parts[-1]) >= size or prompt in prompts:
            parts.append([])
            prompts.clear()
        parts[-1] += members
        prompts.add(prompt)
    return parts


def _prompt_key(sample: Sample) -> str:
    """What is equal for rows that the service takes for one group: its `prompt_id`, of a row without one its prompt."""
    number = sample.references.get("prompt_id")
    return json.dumps([number] if number is not None else {"prompt": sample.prompt}, default=str, sort_keys=True)


def _is_cloud_run(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(".run.app")


@lru_cache(maxsize=256)
def _rates(url: str, requests_per_minute: float | None) -> Rates | None:
    """One for each service, whichever reward asks it."""
    if requests_per_minute is None:
        return None
    processes = os.environ.get("LOCAL_WORLD_SIZE", "1")
    share = requests_per_minute / max(1, int(processes) if processes.isdigit() else 1)
    return Rates(numbers_in(None, url), url, requests=share)


@lru_cache(maxsize=256)
def _breaker(url: str) -> CircuitBreaker:
    """One for each service, whichever reward asks it."""
    return CircuitBreaker()
