"""Reward Kit's `@reward_function`, with the arguments that it has beside ours."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from rl_rewards.functions import FunctionScorer
from rl_rewards.functions import reward_function as _reward_function

__all__ = ["reward_function"]


def reward_function(
    _func: Callable[..., Any] | None = None,
    *,
    mode: Literal["pointwise", "batch"] = "pointwise",
    id: str | None = None,
    requirements: str | Sequence[str] | None = None,
    resources: Mapping[str, Sequence[Any]] | None = None,
    **options: Any,
) -> Any:
    """Make a reward function of a Python function, as `rl_rewards.reward_function` does.

    Args:
        mode: "pointwise" or "batch".
        id: the name under which it is deployed, for whoever reads `_reward_function_id`.
        requirements: packages that it needs where it is deployed: a list, or the text of a requirements.txt.
        resources: type -> resources with `setup()` and `get_client()`: each is set up here and now, and the function gets
            `resources={type: [client, ...]}`.
        options: those of `rl_rewards.reward_function`, such as `isolate`.

    Raises:
        ValueError: for a wrong option, or resources that the function has no place for.
    """
    if _func is None:
        return functools.partial(reward_function, mode=mode, id=id, requirements=requirements, resources=resources, **options)
    scorer: FunctionScorer = _reward_function(_func, mode=mode, **options)
    if resources:
        for each in (one for several in resources.values() for one in several):
            each.setup()
        scorer = scorer.bind({"resources": {kind: [one.get_client() for one in several] for kind, several in resources.items()}})
    values = {"_reward_function_id": id, "_reward_function_requirements": requirements, "_reward_function_mode": mode}
    for name, value in (values | {"_reward_function_resources": resources}).items():
        setattr(scorer, name, value)
    return scorer
