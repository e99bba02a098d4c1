"""Reward Kit's built-in rewards, under the names of its modules.

Not here, since a reward of that name would be a heuristic that nothing checks, or needs a service: `language_consistency`, `lean_prover`,
`bfcl_reward`, `cpp_code`, `deepcoder_reward`, `apps_coding_reward`, the E2B sandbox and the deprecated aliases of `exact_tool_match_reward`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = (
    *("accuracy", "accuracy_length", "code_execution", "format", "function_calling", "json_schema", "length"),
    *("list_comparison_math_reward", "math", "multiple_choice_math_reward", "reasoning_steps", "repetition", "tag_count"),
)
_FUNCTIONS = {
    "cosine_scaled_accuracy_length_reward": "accuracy_length:cosine_scaled_accuracy_length_reward",
    "exact_tool_match_reward": "function_calling:exact_tool_match_reward",
    "fractional_code_reward": "code_execution:fractional_code_reward",
    "list_comparison_math_reward_function": "list_comparison_math_reward:list_comparison_math_reward",
    "multiple_choice_math_reward_function": "multiple_choice_math_reward:multiple_choice_math_reward",
}

__all__ = [*_MODULES, *_FUNCTIONS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        module, _, function = _FUNCTIONS[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), function)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there are {', '.join(__all__)}")
