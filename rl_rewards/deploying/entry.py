"""`evaluate` of a deployed rubric, for services that call a function: what Reward Kit's server would answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rl_rewards.deploying.stored import importable_from_now_on, load_deployment

__all__ = ["ENTRY_CODE", "evaluation"]

ENTRY_CODE = '''\
"""Scores a conversation with the rubric beside this file. Made by rl-rewards deploy."""

from pathlib import Path

from rl_rewards.deploying.entry import evaluation

evaluate = evaluation(Path(__file__).parent)
'''


def evaluation(directory: Path) -> Callable[..., dict[str, Any]]:
    """The `evaluate(messages, ground_truth=None, **kwargs)` of a deployment.

    It returns the fields of an EvaluateResult.

    Raises:
        RuntimeError: from the function, where a reward failed or a reference is missing: there is no score, and a service must not take one.
    """
    from rl_rewards.serving.contracts.base import Query
    from rl_rewards.serving.contracts.reward_kit import REWARD_KIT
    from rl_rewards.serving.errors import RequestError
    from rl_rewards.types import Message

    rubric = load_deployment(directory)
    importable_from_now_on([directory])

    def evaluate(messages: list[Any], ground_truth: Any = None, **kwargs: Any) -> dict[str, Any]:
        turns = [Message.model_validate(turn).model_dump() for turn in messages]
        body = REWARD_KIT.model.model_validate({"messages": turns, "ground_truth": ground_truth, "kwargs": kwargs}) if REWARD_KIT.model else None
        samples = REWARD_KIT.read(body, rubric, {})
        try:
            result = REWARD_KIT.write(Query(REWARD_KIT, samples, body), rubric.evaluate(samples))
        except RequestError as error:
            raise RuntimeError(str(error)) from None
        if result["error"] is not None:
            raise RuntimeError(result["error"])
        return result

    return evaluate
