"""Reward Kit's RewardFunction: one call for a function here and for one behind HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from rl_rewards.compat.reward_kit.integrations.trl import Adapted
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.functions import as_result
from rl_rewards.loading import load_object
from rl_rewards.redaction import secret_from_environment
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.types import EvaluateResult, Message, MetricResult, Outcome

__all__ = ["RewardFunction", "reward_function"]

_FIREWORKS = "https://api.fireworks.ai"
_NAN = float("nan")  # of a component without a score, which is not valid
_LIMITS = CallLimits(timeout=60.0, retries=4, backoff=0.5, reply_bytes=1 << 20)


class RewardFunction:
    """A reward function by any way to it: `RewardFunction(func=f)(messages=[...]) -> EvaluateResult`.

    Args:
        func: the function itself.
        func_path: where it is: "module:name", "module.name" or "file.py:name".
        mode: local, remote (`endpoint`, or `name` at Fireworks) or fireworks_hosted (`model_id`).
        endpoint: the URL that is posted to. One that ends in /evaluate gets further arguments in `kwargs`, as Reward Kit's server and
            `rl-rewards serve` read them; any other gets them beside `messages`, as Reward Kit's client sends them.
        kwargs: arguments that are the same for every call.

    Raises:
        ValueError: for a mode without what it needs.
        LoadError: for a path that leads to nothing.
    """

    def __init__(
        self,
        func: Callable[..., Any] | None = None,
        func_path: str | None = None,
        mode: Literal["local", "remote", "fireworks_hosted"] = "local",
        endpoint: str | None = None,
        name: str | None = None,
        model_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        needs = {"local": ("func or func_path", func or func_path), "remote": ("endpoint or name", endpoint or name)}
        needs |= {"fireworks_hosted": ("model_id", model_id)}
        if mode not in needs:
            raise ValueError(f"mode must be one of {', '.join(needs)}, got {mode!r}")
        if not needs[mode][1]:
            raise ValueError(f"mode {mode!r} needs {needs[mode][0]}")
        self.func, self.func_path, self.mode, self.endpoint, self.name, self.model_id, self.kwargs = (
            *(func, func_path, mode, endpoint, name, model_id),
            kwargs,
        )
        if mode == "local" and func is None and func_path is not None:
            self.func = load_object(func_path if ":" in func_path else ":".join(func_path.rsplit(".", 1)))
        elif mode != "local":
            path = f"/v1/models/{model_id}/reward" if mode == "fireworks_hosted" else f"/v1/reward/{name}"
            self.endpoint = endpoint or _FIREWORKS + path
            check_url(self.endpoint, "endpoint")

    def __call__(self, messages: Sequence[Any], ground_truth: Any = None, **kwargs: Any) -> EvaluateResult:
        """Score a conversation.

        Args:
            ground_truth: what the function compares with. Without it a local function gets the messages before the last, as in Reward Kit.

        Raises:
            CallError: when the endpoint gives no reply, or refuses the call; with its status and what it said.
            ValueError: when the reply or the value of the function is no result.
        """
        arguments = {**self.kwargs, **kwargs}
        if self.func is not None and self.mode == "local":
            truth = list(messages[:-1]) if ground_truth is None else ground_truth
            return _result(self.func(messages=list(messages), ground_truth=truth, **arguments))
        reply = event_loop.submit(self._post(messages, ground_truth, arguments)).result()
        return _result_of_reply(reply)

    def get_trl_adapter(self) -> Any:
        """A TRL reward function: the dataset's column `solution`, else `ground_truth`, is the ground truth; a failure is None and never 0."""
        scorer = _OfSolution(self)
        return Rubric((Reward(self._plain_name, scorer),)).reward_funcs[0]

    @property
    def _plain_name(self) -> str:
        name = getattr(self.func, "__name__", None) or self.name or self.model_id or "reward"
        return "".join(letter if letter.isalnum() or letter in "_-." else "_" for letter in name)

    async def _post(self, messages: Sequence[Any], ground_truth: Any, arguments: Mapping[str, Any]) -> Any:
        from rl_rewards.runtime.calling.http import http_client, post_json  # loads httpx

        assert self.endpoint is not None
        parts = urlsplit(self.endpoint)
        turns = [{k: v for k, v in Message.model_validate(turn).model_dump().items() if v is not None} for turn in messages]
        body = {"messages": turns, "ground_truth": ground_truth}
        body |= {"kwargs": dict(arguments)} if parts.path.rstrip("/").endswith("/evaluate") else arguments
        key = secret_from_environment("FIREWORKS_API_KEY", "api_key") if "FIREWORKS_API_KEY" in os.environ else None
        async with http_client(f"{parts.scheme}://{parts.netloc}", key) as client:
            return await post_json(client, self.endpoint[len(f"{parts.scheme}://{parts.netloc}") :] or "/", body, _LIMITS)


class _OfSolution(Adapted):
    """A RewardFunction as a scorer, with the column `solution` or `ground_truth` where the dataset has it."""

    def __init__(self, function: RewardFunction) -> None:
        super().__init__(function, {}, {})

    def _one(self, sample: Any) -> EvaluateResult:
        column = next((name for name in ("solution", "ground_truth") if sample.references.get(name) is not None), None)
        self_of_row = Adapted(self.function, {} if column is None else {column: "ground_truth"}, {})
        return Adapted._one(self_of_row, sample)


def _result(value: Any) -> EvaluateResult:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping):  # Reward Kit's older (score, {component: score})
        return EvaluateResult(float(value[0]), metrics={name: MetricResult(float(score), name) for name, score in value[1].items()})
    return as_result(value, "reward")


def _result_of_reply(reply: Any) -> EvaluateResult:
    """An EvaluateResult from a server's JSON.

    Raises:
        ValueError: when it is none.
    """
    if not isinstance(reply, Mapping) or "score" not in reply:
        raise ValueError(f"the endpoint must reply with an object with 'score', got {reply!r:.200}")
    metrics = {name: _metric(name, value) for name, value in (reply.get("metrics") or {}).items()}
    score, error = reply["score"], reply.get("error")
    if score is None:
        return EvaluateResult(None, reply.get("reason"), metrics, False, None, error or "the endpoint gave no score", Outcome.ERROR)
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        raise ValueError(f"the endpoint's 'score' must be a number, got {score!r:.80}")
    return EvaluateResult(float(score), reply.get("reason"), metrics, reply.get("is_score_valid", True) is not False, error=error)


def _metric(name: str, value: Any) -> MetricResult:
    if not isinstance(value, Mapping):
        return MetricResult(float(value), name)
    valid = value.get("is_score_valid", value.get("success", True))  # the older name, which stale servers send
    score = value.get("score")
    return MetricResult(_NAN if score is None else float(score), str(value.get("reason") or name), valid is not False and score is not None)
