"""`@reward_function`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, overload

from rl_rewards.functions.scorer import FunctionScorer

__all__ = ["reward_function"]


@overload
def reward_function(
    function: Callable[..., Any],
    *,
    mode: Literal["pointwise", "batch"] = ...,
    concurrency: int = ...,
    isolate: bool = ...,
    timeout: float | None = ...,
    memory_mb: int | None = ...,
    pure: bool = ...,
) -> FunctionScorer: ...


@overload
def reward_function(
    function: None = None,
    *,
    mode: Literal["pointwise", "batch"] = ...,
    concurrency: int = ...,
    isolate: bool = ...,
    timeout: float | None = ...,
    memory_mb: int | None = ...,
    pure: bool = ...,
) -> Callable[[Callable[..., Any]], FunctionScorer]: ...


def reward_function(
    function: Callable[..., Any] | None = None,
    *,
    mode: Literal["pointwise", "batch"] = "pointwise",
    concurrency: int = 64,
    isolate: bool = False,
    timeout: float | None = None,
    memory_mb: int | None = None,
    pure: bool = False,
) -> FunctionScorer | Callable[[Callable[..., Any]], FunctionScorer]:
    """Make a reward function of a Python function, sync or async.

    It receives by parameter name what it asks for: `messages` (prompt and completion; Messages where annotated so, else dicts),
    `original_messages` (the prompt), `prompt`, `completion`, `response` (text), `parsed` (the parser's answer),
    `reasoning` (what the response thought, in the text or split off by the trainer; None without), `sample`,
    `completion_ids` (int, length T), `step`, `group`, any dataset column, and what TRL passes: `trainer_state`, `log_metric`, `log_extra`,
    `environments`. `**kwargs` receives all columns. In batch mode each is a list of N, but for what TRL passes once a batch, and TRL's names
    `prompts` and `completions` work too, so a plain TRL reward function can be wrapped as it is.

    Args:
        mode: "pointwise": one call per sample; "batch": one call per batch, returning one result per sample.
        concurrency: how many calls of an async pointwise function are in flight at once.
        isolate: score in worker processes that are killed when they hang, crash or use too much memory.
        timeout: seconds that one call may take; for isolated and async functions.
        memory_mb: what a worker may allocate, in MiB; for isolated functions.
        pure: the score follows from prompt, response, references and answer alone, so equal samples of a batch are scored once.

    Returns:
        A FunctionScorer. The function may return an EvaluateResult, a dict of its fields, a number, a bool, or None (not applicable).
        What it raises is outcome `error`, never a zero; `rl_rewards.references.MissingReferenceError` says that the row is why.

    Raises:
        ValueError: when an option is wrong, such as a timeout for a function that runs in the trainer's own process.

    Example:
        GRPOTrainer(model, reward_funcs=[short], ...), or `score: {function: my_rewards.py:short}` in a rubric file.

        >>> @reward_function
        ... def short(response: str, **columns) -> float:
        ...     return float(len(response) < 100)
        >>> short(response="Yes.").score
        1.0
        >>> short(prompts=["Well?", "Well?"], completions=["Yes.", 200 * "No. "])
        [1.0, 0.0]
    """
    options: Any = {"mode": mode, "concurrency": concurrency, "isolate": isolate, "timeout": timeout, "memory_mb": memory_mb, "pure": pure}
    return functools.partial(FunctionScorer, **options) if function is None else FunctionScorer(function, **options)
