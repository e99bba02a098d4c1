"""Lengths of completions, and the rewards that shape them.

All count in the policy's own tokens by default: what it thought, said and called, never a tool's result. Where the caller has no token ids
(scoring a file), `unit` can be set to what the text itself shows; otherwise the result is an error, never a guess.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.scorers.base import Scorer, Traits
from rl_rewards.scorers.word_units import word_units
from rl_rewards.types import EvaluateResult, Outcome, Sample

NO_TOKEN_IDS = (
    "no token ids of the policy's own here (none of the completion, or a tool's result is among them and neither a mask nor the policy's "
    "tokenizer tells them apart), so they cannot be counted; set `unit` to what the text shows, such as words"
)


@configured
class LengthScorer(Scorer):
    """A scorer that looks at how long a completion is."""

    unit: Literal["tokens", "words", "characters"] = field(default="tokens", kw_only=True)
    """What lengths are counted in: tokens, words or characters of what the policy wrote, tools' results left out; of scripts without spaces (Chinese,
    Japanese, Thai, ...) each letter is a word."""

    @property
    def traits(self) -> Traits:
        return Traits(needs_token_ids=self.unit == "tokens")

    def length(self, sample: Sample) -> int | None:
        """Length of the completion in `unit`; None when there are no token ids to count."""
        if self.unit == "tokens":
            ids = sample.policy_ids
            return None if ids is None else len(ids)
        return len(word_units(sample.policy_text)) if self.unit == "words" else len(sample.policy_text)


@configured
class PlainLengthScorer(LengthScorer):
    """A scorer to which nothing but the length matters."""

    @property
    def traits(self) -> Traits:
        return replace(super().traits, per_sample=True)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return [self._result(self.length(sample)) for sample in samples]

    def _result(self, length: int | None) -> EvaluateResult:
        if length is None:
            return EvaluateResult.failure(Outcome.ERROR, NO_TOKEN_IDS)
        return EvaluateResult(self.score_length(length), f"{length} {self.unit}")

    @abstractmethod
    def score_length(self, length: int) -> float:
        """The score of a completion of this length, in `unit`."""


@configured
class SoftOverlong(PlainLengthScorer):
    """Penalises completions that come near the limit: 0, then a slope down to -1 (DAPO, 2503.14476, eq. 13).

    For length n, limit L and buffer B: 0 for n <= L - B, (L - B - n) / B up to n = L, and -1 beyond.

    Raises:
        ValueError: when the limit or the buffer is not positive, or the buffer is larger than the limit.
    """

    max_tokens: int
    """Limit L in `unit`: from here on the score is -1."""
    buffer_tokens: int
    """Width B of the slope before the limit, in `unit`."""

    def __post_init__(self) -> None:
        if not 0 < self.buffer_tokens <= self.max_tokens:
            raise ValueError(f"Allowed is 0 < buffer_tokens <= max_tokens, found {self.buffer_tokens} and {self.max_tokens}")

    def score_length(self, length: int) -> float:
        over = length - (self.max_tokens - self.buffer_tokens)
        return 0.0 if over <= 0 else -1.0 if over >= self.buffer_tokens else -over / self.buffer_tokens


@configured
class LengthWindow(PlainLengthScorer):
    """Scores 1 for a length inside a window, and a slope down to 0 on both sides of it.

    For length n, window [a, b] and slack s: max(0, 1 - d / s), where d is n's distance from the window; s = 0 means 0 everywhere outside.

    Raises:
        ValueError: when the window is empty or below 0, or the slack is negative.
    """

    min_tokens: int
    """Shortest length of full score, in `unit`."""
    max_tokens: int
    """Longest length of full score, in `unit`."""
    slack_tokens: int = field(default=0, kw_only=True)
    """Width of the slope on each side, in `unit`."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_tokens <= self.max_tokens:
            raise ValueError(f"Allowed is 0 <= min_tokens <= max_tokens, found {self.min_tokens} and {self.max_tokens}")
        if self.slack_tokens < 0:
            raise ValueError(f"Allowed is slack_tokens >= 0, found {self.slack_tokens}")

    def score_length(self, length: int) -> float:
        distance = max(self.min_tokens - length, length - self.max_tokens, 0)
        return 1.0 if distance == 0 else 0.0 if distance >= self.slack_tokens else 1.0 - distance / self.slack_tokens
