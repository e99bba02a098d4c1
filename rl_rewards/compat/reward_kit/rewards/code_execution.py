"""Reward Kit's rewards that run the response's program: here in the sandbox of `python_tests`."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards import refuse
from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of, with_metrics
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import PythonTests
from rl_rewards.types import EvaluateResult, Message, Outcome

__all__ = ["fractional_code_reward", "local_code_execution_reward"]

_PYTHON = ("python", "py", "python3")


@lru_cache(maxsize=256)
def _tests(timeout: float, memory_mb: int, function: str | None, fraction: bool) -> Rubric:
    scoring = "fraction" if fraction else "all"
    return rubric_of(PythonTests("tests", scoring=scoring, timeout=timeout, memory_mb=memory_mb, function=function))


@reward_function
def local_code_execution_reward(
    messages: list[Message], ground_truth: str | None = None, language: str = "python", timeout: float = 5, max_memory_mb: int = 100, **kwargs: Any
) -> EvaluateResult:
    """Score 1 where the response's last Python block prints the expected output, line by line, else 0.

    Args:
        ground_truth: the expected output; without it nothing would be checked, so there is no score.
        max_memory_mb: what the program may use.
    """
    if language.lower() not in _PYTHON:
        return _unsupported(f"language must be python, got {language!r}")
    if ground_truth is None:
        return failed("ground_truth must be the expected output, got none: a program that merely runs has shown nothing", "ground_truth")
    tests = [{"input": "", "output": str(ground_truth)}]
    result = judged(_tests(float(timeout), max_memory_mb, None, False), messages, tests=tests)
    return with_metrics(result, output_match=result.score)


@reward_function
def fractional_code_reward(
    messages: list[Message],
    ground_truth: Any = None,
    language: str = "python",
    timeout: float = 30,
    environment: str = "local",
    api_key: str | None = None,
    function_to_call: str | None = None,
    **kwargs: Any,
) -> EvaluateResult:
    """Score the share of tests that the response's last Python block passes.

    Args:
        ground_truth: tests, {"input": ..., "expected_output": ...} each; or one expected output.
        function_to_call: call this function with the inputs, which are JSON, instead of running the program with them as standard input.
        environment: `local`; no other is supported.
    """
    if language.lower() not in _PYTHON or environment.lower() != "local":
        return _unsupported(f"language must be python and environment local, got {language!r} and {environment!r}")
    given = [{"input": "", "expected_output": ground_truth}] if isinstance(ground_truth, str) else ground_truth
    if not isinstance(given, list) or not given or not all(isinstance(test, dict) and "expected_output" in test for test in given):
        return failed(f"ground_truth must be text or a list of {{input, expected_output}}, got {ground_truth!r:.120}", "ground_truth")
    tests = [_test(test, function_to_call is not None) for test in given]
    result = judged(_tests(float(timeout), 512, function_to_call, True), messages, tests=tests)
    return with_metrics(result, pass_rate=result.score)


def _test(test: dict[str, Any], call: bool) -> dict[str, Any]:
    given, wanted = test.get("input", ""), test["expected_output"]
    if not call:
        return {"input": str(given), "output": str(wanted)}
    return {"input": [_value(given)], "output": _value(wanted)}


def _value(value: Any) -> Any:
    """A test's value: what JSON text says, else the text itself."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _unsupported(why: str) -> EvaluateResult:
    return EvaluateResult.failure(Outcome.UNSUPPORTED, why)


def __getattr__(name: str) -> Any:
    refuse(__name__, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
