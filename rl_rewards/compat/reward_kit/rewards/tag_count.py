"""Reward Kit's `tag_count_reward`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rl_rewards.compat.reward_kit.rewards.conversation import failed, judged, rubric_of
from rl_rewards.compat.reward_kit.typed_interface import reward_function
from rl_rewards.rubric import Rubric
from rl_rewards.scorers import TagCount
from rl_rewards.types import EvaluateResult, Message, MetricResult

__all__ = ["tag_count_reward"]


@lru_cache(maxsize=256)
def _of_tag(name: str) -> Rubric:
    return rubric_of(TagCount((name,)))  # type: ignore[arg-type]


@reward_function
def tag_count_reward(
    messages: list[Message], *, required_tags: list[str], score_per_tag: float = 0.25, require_balanced: bool = True, **kwargs: Any
) -> EvaluateResult:
    """Score the tags that are there: `score_per_tag` for each whose opening and closing occur once and in order, with content between.

    Args:
        require_balanced: a tag of which one half is there costs `score_per_tag`; without it half a tag earns like a whole one.
    """
    if not required_tags:
        return failed("required_tags must name a tag, got none")
    shares: dict[str, float] = {}
    for tag in required_tags:
        result = judged(_of_tag(tag), messages)
        if result.score is None:
            return result
        shares[tag] = result.score
    found = [tag for tag, share in shares.items() if share == 1.0 or (share > 0 and not require_balanced)]
    halves = [tag for tag, share in shares.items() if 0 < share < 1] if require_balanced else []
    score = max(0.0, min(1.0, len(found) * score_per_tag) - len(halves) * score_per_tag)
    reason = f"{len(found)} of {len(shares)} tags" + (f"; not closed or not once: {', '.join(halves)}" if halves else "")
    metrics = {f"tag_{tag}": MetricResult(float(tag in found), f"{share:.0%} of the tag's halves") for tag, share in shares.items()}
    return EvaluateResult(score, reason, {**metrics, "overall": MetricResult(score, reason)})
