"""`lambda_handler`: a grading function written for AWS Lambda, as Amazon Bedrock and SageMaker call it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Literal

from rl_rewards.configured import configured
from rl_rewards.loading import absolute_path, base_directory, load_object, relative_to
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome, Sample


@configured
class LambdaHandler(Scorer):
    """Calls `handler(event, context)` once a batch, with the list that Amazon Bedrock sends, and reads the list that it returns.

    Of each sample the event has {id, messages, metadata: {reference_answer, ...}}: the conversation with the answer as its last message, and the
    row's columns. The handler returns [{id, aggregate_reward_score, metrics_list?: [{name, value, type}]}], itself or as
    {statusCode: 200, body: JSON text}; entries of metrics_list are components. A result that is missing, or has no finite number, is an `error` of its row.
    """

    path: str
    """Where it is: "package.module:name" or "path/to/file.py:name", relative to the rubric file or the working directory."""
    event: Literal["bedrock", "nova", "batch"] = field(default="bedrock", kw_only=True)
    """What it is called with: a list with reference_answer in metadata (bedrock), beside messages (nova), or {batch: [...]} of the former."""
    reference: str = field(default="reference_answer", kw_only=True)
    """The column that is sent as reference_answer; where there is none of that name, all columns are."""
    wrong: float = field(default=0.0, kw_only=True)
    """Score of a response without an answer, where a parser found none; the handler is not asked about it."""

    _handler: ClassVar[Any]
    _base: ClassVar[Path | None]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_base", base_directory())
        object.__setattr__(self, "path", absolute_path(self.path))
        handler = load_object(self.path)
        if not callable(handler) or isinstance(handler, type):
            raise ValueError(f"{self.path!r} must be a function of (event, context), got a {type(handler).__name__}")
        object.__setattr__(self, "_handler", handler)

    @property
    def traits(self) -> Traits:
        return Traits(reads_thinking=True)  # it is handed all that the model wrote

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        asked = [i for i, answer in enumerate(answers) if answer is not None]
        unparsed = EvaluateResult(self.wrong, "no answer in the response", outcome=Outcome.UNPARSED)
        if not asked:
            return [unparsed for _ in samples]
        events = [self._event(samples[i], answers[i], str(i)) for i in asked]
        reply = self._handler({"batch": events} if self.event == "batch" else events, None)
        results = _by_id(reply)
        found = {i: _result(results.get(str(i))) for i in asked}
        return [found.get(i, unparsed) for i in range(len(samples))]

    def _event(self, sample: Sample, answer: Any, identifier: str) -> dict[str, Any]:
        turns = [Message.model_validate(turn) for turn in sample.prompt_turns]
        messages = [{"role": turn.role, "content": turn.text} for turn in turns] + [{"role": "assistant", "content": str(answer)}]
        columns = dict(sample.references)
        reference = columns.pop(self.reference) if self.reference in columns else dict(columns)
        if self.event == "nova":
            return {"id": identifier, "messages": messages, "reference_answer": reference, "metadata": columns}
        return {"id": identifier, "messages": messages, "metadata": {**columns, "reference_answer": reference}}

    def __reduce__(self) -> Any:
        return (_handler_in, (self._base, self.path, self.event, self.reference, self.wrong))


def _handler_in(base: Path | None, path: str, event: Any, reference: str, wrong: float) -> LambdaHandler:
    """A LambdaHandler from another process, found where the rubric that named it lies."""
    with contextlib.nullcontext() if base is None else relative_to(base):
        return LambdaHandler(path, event=event, reference=reference, wrong=wrong)


def _by_id(reply: Any) -> dict[str, Any]:
    """A handler's results by id.

    Raises:
        ValueError: when it returned something else, or two of one id: outcome `error` for the whole batch.
    """
    if isinstance(reply, Mapping) and "statusCode" in reply:
        if reply["statusCode"] != 200:
            raise ValueError(f"the handler returned statusCode {reply['statusCode']!r}: {reply.get('body')!r:.200}")
        reply = reply.get("body")
        reply = json.loads(reply) if isinstance(reply, str) else reply
    if not isinstance(reply, list) or not all(isinstance(each, Mapping) and "id" in each for each in reply):
        raise ValueError(f"the handler must return a list of objects with an id, got {reply!r:.200}")
    results = {str(each["id"]): each for each in reply}
    if len(results) < len(reply):
        raise ValueError("the handler must return one result for each id, got several of one")
    return results


def _result(said: Mapping[str, Any] | None) -> EvaluateResult:
    if said is None:
        return EvaluateResult.failure(Outcome.ERROR, "the handler returned no result for this sample")
    score: Any = said.get("aggregate_reward_score")
    metrics = said.get("metrics_list") or []
    if said.get("error"):
        return EvaluateResult.failure(Outcome.ERROR, f"the handler failed on this sample: {said['error']!s:.200}")
    if not _is_number(score):
        return EvaluateResult.failure(Outcome.ERROR, f"aggregate_reward_score must be a finite number, got {type(score).__name__}: {score!r:.80}")
    wrong = next((each for each in metrics if not (isinstance(each, Mapping) and _is_number(each.get("value")) and each.get("name"))), None)
    if wrong is not None:
        return EvaluateResult.failure(Outcome.ERROR, f"an entry of metrics_list must have a name and a finite value, got {wrong!r:.80}")
    return EvaluateResult(
        float(score), metrics={str(each["name"]): MetricResult(float(each["value"]), str(each.get("type") or "")) for each in metrics}
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
