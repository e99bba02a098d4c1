"""The rule as Reward Kit's users write it; runs in its environment, under its generic_server."""

from reward_kit import EvaluateResult, reward_function
from rule import correct as rule


@reward_function
def correct(messages, ground_truth=None, **kwargs) -> EvaluateResult:
    last = messages[-1]
    score, reason = rule(last["content"] if isinstance(last, dict) else last.content, ground_truth)
    return EvaluateResult(score=score, reason=reason)
