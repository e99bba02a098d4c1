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


_HEURISTIC = "its score is a heuristic that nothing checks"
NOT_HERE = {
    **dict.fromkeys(("language_consistency", "language_consistency_reward", "bfcl_reward"), _HEURISTIC),
    **dict.fromkeys(("lean_prover", "lean_prover_reward", "deepseek_prover_v2_reward", "deepseek_huggingface_prover_benchmark"), _HEURISTIC),
    **dict.fromkeys(("cpp_code", "ioi_cpp_code_reward", "binary_cpp_code_reward"), "it needs a Piston service; `python_tests` runs Python"),
    **dict.fromkeys(("deepcoder_reward", "deepcoder_code_reward", "apps_coding_reward"), "use fractional_code_reward, or the scorer `python_tests`"),
    **dict.fromkeys(("e2b_code_execution_reward", "code_execution_reward"), "no program leaves this machine; use local_code_execution_reward"),
    **dict.fromkeys(("schema_jaccard_reward", "llm_judge_reward", "composite_function_call_reward"), "use exact_tool_match_reward"),
}
"""Names of Reward Kit that are not here, and why."""


def refuse(module: str, name: str) -> None:
    """Say why a name of Reward Kit's is not here; nothing for any other.

    Raises:
        ImportError: an AttributeError's text would not be shown by `from ... import ...`.
    """
    if name in NOT_HERE:
        raise ImportError(f"{module} has no {name!r}: {NOT_HERE[name]}", name=name)


def __getattr__(name: str) -> Any:
    refuse(__name__, name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        module, _, function = _FUNCTIONS[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), function)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there are {', '.join(__all__)}")
