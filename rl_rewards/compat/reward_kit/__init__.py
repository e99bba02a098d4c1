"""Reward Kit 0.4.1's public names: replace `reward_kit` by `rl_rewards.compat.reward_kit` in an import.

Types, the decorator, RewardFunction, the TRL adapter, the built-in rewards and the evaluation calls are thin layers over this library. Where
0.4.1 computes a wrong score, these compute the right one: rl_rewards/REWARD_KIT.md has the table, scripts/reward_kit_differences.py the proof.
"""

from __future__ import annotations

from typing import Any

from rl_rewards.compat.reward_kit.common_utils import load_jsonl
from rl_rewards.compat.reward_kit.models import EvaluateResult, Message, MetricResult
from rl_rewards.compat.reward_kit.reward_function import RewardFunction

# Last: the function takes the place of the module of that name, as it does in Reward Kit.
from rl_rewards.compat.reward_kit.typed_interface import reward_function  # isort: skip

__all__ = ["EvaluateResult", "Message", "MetricResult", "RewardFunction", "load_jsonl", "reward_function"]

_ELSEWHERE = {
    **dict.fromkeys(("make", "rollout", "FireworksPolicy", "MCPVectorEnv", "test_mcp", "PlaybackPolicyBase"), "environments of agents are TRL's"),
    "create_llm_resource": "a language model that judges is the scorer `judge`",
    **dict.fromkeys(("scorer_to_reward_fn", "reward_fn_to_scorer"), "there is no Braintrust adapter; a function is a scorer as it is"),
}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        raise AttributeError(f"rl_rewards has no {name!r} of Reward Kit: {_ELSEWHERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
