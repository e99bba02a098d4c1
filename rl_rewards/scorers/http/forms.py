"""The JSON that each form of service takes and gives.

cloud_run   Vertex AI's ReinforcementTuningCloudRunRewardScorer (REST reference, v1beta1): one sample a request
openrlhf    OpenRLHF's remote_rm_url: {query, prompts, labels} -> {rewards, scores?, extra_logs?}
nemo_gym    NeMo-Gym's POST /verify: {responses_create_params, response, **row} -> {reward, **components}
openai      Azure's endpoint grader: {sample: {output_text, ...}, item, trace_id} -> {score}
batch       {samples: [{prompt, completion, references}]} -> {results: [{score, reason?, metrics?}]}
evaluation  `rl-rewards serve`, POST /v1/evaluations/ID: {samples: [row]} -> {results: [{score, scores, outcomes, reasons, components}]}
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import uuid4

from rl_rewards.references import column_template, text_of
from rl_rewards.scorers.graders.fields import GraderFields
from rl_rewards.scorers.http.replies import (
    ReplyError,
    is_number,
    number_of,
    numbers_of,
    object_of,
    result_of,
    result_of_item,
    result_of_row,
    scored_object,
)
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample
from rl_rewards.types.contents import example_of

__all__ = ["FORMS", "FormName", "HttpForm", "Query", "ReplyError", "label_of", "version_of"]

FormName = Literal["cloud_run", "openrlhf", "nemo_gym", "openai", "batch", "evaluation"]


@dataclass(frozen=True, slots=True)
class Query:
    """A sample and the answer that was parsed from it, always text; with the label and the job that the request names.

    `parsed` is the answer as the parser gave it.
    """

    sample: Sample
    answer: str
    parsed: Any
    label: str | None = None
    job_id: int = 0


class HttpForm(ABC):
    """How a service is asked.

    Attributes:
        single: whether a request holds one sample.
        whole_groups: whether a request holds all or none of the completions to a prompt.
    """

    single: ClassVar[bool] = True
    whole_groups: ClassVar[bool] = False

    @abstractmethod
    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        """The request's JSON."""

    @abstractmethod
    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        """The results of `count` queries.

        Raises:
            ReplyError: when the reply is of another form; it costs all of the queries.
        """


class CloudRun(HttpForm):
    """{example, response, metadata {step, tuning_job_id}} -> {reward, user_requested_aux_info?}."""

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        [query] = queries
        metadata = {"step": query.sample.step or 0, "tuning_job_id": query.job_id}
        references = {name: _text(value) for name, value in query.sample.references.items() if value is not None and name != "tools"}
        if (tools := query.sample.references.get("tools")) is not None:
            references["tools"] = tools
        return {
            "example": example_of(query.sample, references),
            "response": {"role": "model", "parts": [{"text": query.answer}]},
            "metadata": metadata,
        }

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        said = scored_object(reply, "reward")
        info = said.get("user_requested_aux_info")
        return [EvaluateResult(number_of(said["reward"], "reward"), None if info is None else str(info))]


class OpenRlhf(HttpForm):
    """{query, prompts, labels}, lists of text -> {rewards: [number], scores?: [number], extra_logs?: {name: [number]}}.

    The query is prompt and answer in one text, as OpenRLHF sends it.
    """

    single = False

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        prompts = [_prompt_text(query.sample) for query in queries]
        return {
            "query": [prompt + query.answer for prompt, query in zip(prompts, queries, strict=True)],
            "prompts": prompts,
            "labels": [query.label for query in queries],
        }

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        said = scored_object(reply, "rewards")
        rewards = numbers_of(said["rewards"], "rewards", count)
        logs = said.get("extra_logs") or {}
        if not isinstance(logs, Mapping):
            raise ReplyError(f"'extra_logs' must be an object, got {logs!r:.80}")
        columns = {str(name): values if isinstance(values, list) else [values] * count for name, values in logs.items()}
        if said.get("scores") is not None:
            columns["score"] = numbers_of(said["scores"], "scores", count)
        for name, values in columns.items():
            if len(values) != count:
                raise ReplyError(f"'extra_logs.{name}' must have {count} numbers, got {len(values)}")
        return [result_of(reward, "rewards", None, {name: values[i] for name, values in columns.items()}) for i, reward in enumerate(rewards)]


class NemoGym(HttpForm):
    """POST /verify of a resources server: the row, responses_create_params and response (OpenAI Responses) -> {reward, **further fields}.

    Where a server sends them, `mask_sample: true` or a `failure_kind` makes the row a failure and no score; other numbers are components.
    """

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        [query] = queries
        turns = [Message.model_validate(turn) for turn in query.sample.prompt_turns]
        content = [{"type": "output_text", "text": query.answer, "annotations": []}]
        message = {"id": f"msg_{query.sample.index}", "type": "message", "role": "assistant", "status": "completed", "content": content}
        response = {
            "id": f"resp_{query.sample.index}", "object": "response", "created_at": 0, "model": "policy", "output": [message],
            "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
        }  # fmt: skip
        asked = {"input": [{"role": turn.role, "content": turn.text} for turn in turns]}
        return {**query.sample.references, "responses_create_params": asked, "response": response}

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        said = object_of(reply, "reward")
        kind, masked = said.get("failure_kind"), said.get("mask_sample")
        components = {name: value for name, value in said.items() if name not in ("reward", "mask_sample") and is_number(value)}
        if kind or masked is True:
            outcome = Outcome.TIMEOUT if kind and "timeout" in str(kind).lower() else Outcome.ERROR
            words = [f"failure_kind {kind!r}" if kind else "mask_sample", str(said.get("failure_reason") or "no failure_reason")]
            failure = EvaluateResult.failure(outcome, f"the service scored nothing: {': '.join(words)}")
            failure.metrics = {name: MetricResult(float(value)) for name, value in components.items()}
            return [failure]
        return [result_of(said["reward"], "reward", said.get("failure_reason"), components)]


class OpenAi(HttpForm):
    """{sample, item, trace_id} -> {score}, of Azure's endpoint grader: the namespaces of OpenAI's graders, and a name for the request."""

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        [query] = queries
        fields = GraderFields(query.sample, query.parsed)
        item = dict(query.sample.references)
        if query.sample.prompt is not None and "messages" not in item:
            item["messages"] = fields.messages
        return {"sample": fields.sample, "item": item, "trace_id": f"trace_{uuid4().hex}"}

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        return [EvaluateResult(number_of(scored_object(reply, "score")["score"], "score"))]


class Batch(HttpForm):
    """{samples: [{prompt, completion, answer, references}]} -> {results: [{score, reason?, metrics?: {name: number}, error?}]}, in order."""

    single = False

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        return {
            "samples": [
                {
                    "prompt": each.sample.prompt,
                    "completion": each.sample.completion,
                    "answer": each.answer,
                    "references": dict(each.sample.references),
                }
                for each in queries
            ]
        }

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        results = scored_object(reply, "results")["results"]
        if not isinstance(results, list) or len(results) != count:
            found = f"{len(results)}" if isinstance(results, list) else repr(results)[:80]
            raise ReplyError(f"'results' must be a list of {count} results, got {found}")
        return [result_of_item(result) for result in results]


class Evaluation(HttpForm):
    """POST /v1/evaluations/ID of `rl-rewards serve`: {samples: [row]} -> {results: [...], weights}.

    The score is the weighted total; every reward of the rubric there is a component, and so are theirs (`correct`, `correct/steps`). A row that
    is not scorable there is none here, with the reason of the reward that failed.
    """

    single = False
    whole_groups = True

    def body(self, queries: Sequence[Query]) -> dict[str, Any]:
        return {"samples": [_row(query.sample) for query in queries]}

    def read(self, reply: Any, count: int) -> list[EvaluateResult]:
        said = scored_object(reply, "results")
        results, weights = said["results"], said.get("weights")
        if not isinstance(results, list) or len(results) != count:
            found = f"{len(results)}" if isinstance(results, list) else repr(results)[:80]
            raise ReplyError(f"'results' must be a list of {count} results, got {found}")
        return [result_of_row(result, weights if isinstance(weights, Mapping) else {}) for result in results]


FORMS: dict[str, HttpForm] = {
    "cloud_run": CloudRun(),
    "openrlhf": OpenRlhf(),
    "nemo_gym": NemoGym(),
    "openai": OpenAi(),
    "batch": Batch(),
    "evaluation": Evaluation(),
}


def version_of(said: Mapping[str, Any]) -> str | None:
    """Which version of an evaluation a description or a reply comes from: the rubric's digest and the package; None where it is not said."""
    digest, package = said.get("digest"), said.get("package")
    return f"{digest} rl_rewards {package}" if isinstance(digest, str) and isinstance(package, str) else None


# Columns by which a row would be read as another kind of row.
_NAMES_OF_ROWS = frozenset({"messages", "conversation", "prompt", "completion", "completion_ids"})


def _row(sample: Sample) -> dict[str, Any]:
    """A sample as a row, as `rl-rewards score` takes it."""
    row = {name: value for name, value in sample.references.items() if name not in _NAMES_OF_ROWS}
    row |= {"prompt": [] if sample.prompt is None else sample.prompt, "completion": _shown(sample)}
    own = isinstance(sample.completion, str) or all(Message.model_validate(turn).role == "assistant" for turn in sample.completion)
    if own and sample.completion_ids is not None:  # with a tool's results among them only this side can tell whose they are
        row["completion_ids"] = [int(token) for token in sample.policy_ids or ()]
    return row


def _shown(sample: Sample) -> Any:
    """The completion, with the mark of thinking that the trainer's chat template opened it with, which the service cannot know of."""
    opened = sample.tokenizer is not None and sample.thinking_opened and not sample.reasoning_apart
    if isinstance(sample.completion, str):
        return sample.whole if opened else sample.completion
    turns = [turn.model_dump() if isinstance(turn, Message) else dict(turn) for turn in sample.completion]
    if opened and len(turns) == 1:
        turns[0]["content"] = sample.whole
    return turns


def _text(value: Any) -> str:
    """A reference as text, which ReinforcementTuningExample has alone."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (list, tuple, dict, bool)) else text_of(value)


def _prompt_text(sample: Sample) -> str:
    if isinstance(sample.prompt, str):
        return sample.prompt
    return "\n".join(Message.model_validate(turn).text for turn in sample.prompt_turns)


def label_of(sample: Sample, label: str | None) -> str | None:
    """The text of a row's label.

    Raises:
        MissingReferenceError: when the row has none.
    """
    return None if label is None else _text(column_template(label).value(sample))
