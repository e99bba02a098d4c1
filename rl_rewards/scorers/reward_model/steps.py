"""Process reward models: a probability that each step of a response is good, and one score from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from rl_rewards.configured import configured
from rl_rewards.scorers.reward_model.rendering import Renderer


@configured
class Steps:
    """How a process reward model reads steps.

    Qwen2.5-Math-PRM: {token: "<extra_0>"}. Math-Shepherd: {token: "ки", separator: "\\n", words: ["+", "-"]}. Token classifiers trained
    with TRL: {token: "\\n", separator: "\\n"}.

    Raises:
        ValueError: when token or separator is empty, or the words are equal.
    """

    token: str
    """Put behind every step; the step is read there."""
    separator: str = "\n\n"
    """What separates steps in a response."""
    good: int = 1
    """Class of good steps, for a model with classes; of one that gives a single logit the sigmoid is taken."""
    words: tuple[str, str] | None = None
    """For a language model: the words whose probabilities are compared, the good one first."""
    combine: Literal["prod", "min", "last", "mean"] = "prod"
    """One score from the steps' probabilities."""

    def __post_init__(self) -> None:
        if not self.token or not self.separator:
            raise ValueError(f"steps: token and separator are texts of at least one character, got {self.token!r} and {self.separator!r}")
        if self.words is not None and self.words[0] == self.words[1]:
            raise ValueError(f"steps: words are two different words, the good one first; got {list(self.words)}")

    def split(self, response: str) -> list[str]:
        """The steps of a response, none of them blank, and none with a step token of the policy's own."""
        steps = (step.replace(self.token, " ").strip() for step in response.split(self.separator))
        return [step for step in steps if step]

    def combined(self, probabilities: Sequence[float]) -> float:
        """One score in [0, 1] from at least one step."""
        match self.combine:
            case "prod":
                return math.prod(probabilities)
            case "min":
                return min(probabilities)
            case "last":
                return probabilities[-1]
            case "mean":
                return math.fsum(probabilities) / len(probabilities)


def render_steps(renderer: Renderer, conversation: Sequence[object], steps: Steps) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids of a conversation, and the position of each step's token.

    Each step is tokenised by itself: joined text may merge a step's last characters with the separator, which cost process reward models
    up to 6.6 points of F1 on ProcessBench.
    """
    tokenizer = renderer.tokenizer
    ids, response, tail = renderer.around(conversation)
    mark = tokenizer(steps.token, add_special_tokens=False)["input_ids"]
    positions = []
    for step in steps.split(response):
        ids += tokenizer(step, add_special_tokens=False)["input_ids"]
        ids += mark
        positions.append(len(ids) - 1)
    return (*ids, *tail), tuple(positions)
