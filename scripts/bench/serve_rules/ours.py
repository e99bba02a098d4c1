"""The rule as a reward of rl_rewards, and one whose score is a number in the response, so that every reply can be checked against its request."""

import os
import time

from rule import correct as rule

from rl_rewards import EvaluateResult, reward_function


@reward_function
def correct(response: str, answer: str) -> EvaluateResult:
    score, reason = rule(response, answer)
    return EvaluateResult(score, reason)


@reward_function
def number(response: str) -> float:
    return float(response.rpartition("#")[2])


@reward_function(isolate=True, timeout=20.0)
def number_elsewhere(response: str) -> EvaluateResult:
    time.sleep(0.005)
    return EvaluateResult(float(response.rpartition("#")[2]), str(os.getpid()))
