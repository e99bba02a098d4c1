"""A parser's answers for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rl_rewards.failures import failure_of, stops_the_process
from rl_rewards.parsers.base import Parser
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["Parse"]


class Parse:
    """A parser's answers for the samples of a batch, each response parsed at most once.

    Attributes:
        failures: position -> the failed result of a sample on which the parser raised.
    """

    def __init__(self, parser: Parser, samples: Sequence[Sample]) -> None:
        self._parser = parser
        self._samples = samples
        self._answers: list[Any] | None = None
        self.failures: dict[int, EvaluateResult] = {}

    def answers(self) -> list[Any]:
        """N answers; None where there is none, or where the parser failed."""
        if self._answers is None:
            try:
                self._answers = self._parser.read_all(self._samples)
            except BaseException as error:
                if stops_the_process(error):
                    raise
                self._answers = [self._one(i) for i in range(len(self._samples))]
        return self._answers

    def _one(self, index: int) -> Any:
        try:
            return self._parser.read(self._samples[index])
        except BaseException as error:
            failed = failure_of(error)
            failed.error = failed.reason = f"the parser failed: {failed.error}"
            self.failures[index] = failed
            return None
