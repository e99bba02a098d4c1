"""Whether a response to a rubric is costly to score, so that few are tried: a decision that the load of the machine does not change."""

from __future__ import annotations

import math
import re
import resource
import time
from collections.abc import Sequence
from typing import NamedTuple

from rl_rewards.auditing.code import Code, scorers_in
from rl_rewards.rubric import Rubric

__all__ = ["COSTLY_CALLS", "NETWORK", "Spent", "Spending", "is_known_costly"]

NETWORK = re.compile(
    r"^(?:requests|httpx|urllib\.request|urllib3|aiohttp|socket|openai|anthropic)\.|\.chat\.completions\.create$|\.(?:post|urlopen)$"
)
"""Names of calls that reach a server."""
COSTLY_CALLS = re.compile(
    rf"{NETWORK.pattern}|^subprocess\.|(?:^|\.)(?:from_pretrained|create_subprocess_exec|create_subprocess_shell)$|^os\.system$|^time\.sleep$"
)
"""Names of calls that reach a server, start a process, load a model or wait."""
_COSTLY = 0.02  # seconds for a response
_WAITS = 0.5  # times that the process waits for something, for a response
_LONG = 300  # times its processor time that a batch takes which waits: more than a busy machine makes of one that computes


def is_known_costly(rubric: Rubric, codes: Sequence[Code]) -> bool:
    """Whether a rubric's scorers or its code show that a response costs a program, a call of a server or a pass of a model."""
    scorers = [scorer for reward in rubric for scorer in scorers_in(reward.score)]
    if any(scorer.traits.calls_server or scorer.traits.holds_model or type(scorer).__name__ == "PythonTests" for scorer in scorers):
        return True
    return any(COSTLY_CALLS.search(name) for code in codes for name in code.called)


class Spent(NamedTuple):
    """What scoring takes: seconds by the clock, seconds of processor time, and how often the process gave up the processor to wait for something.

    Processor time is that of this process and of those that it has waited for.
    """

    wall: float
    processor: float
    waits: float = 0.0

    @classmethod
    def now(cls) -> Spent:
        """What has been spent so far."""
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(time.perf_counter(), own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, own.ru_nvcsw)

    def since(self, begun: Spent) -> Spent:
        """What has been spent since an earlier time."""
        return Spent(*(now - then for now, then in zip(self, begun, strict=True)))


class Spending:
    """The least of each that a response has taken in any batch: the first may load what is needed, and a busy machine makes some longer."""

    def __init__(self) -> None:
        self.least = Spent(math.inf, math.inf, math.inf)

    def add(self, spent: Spent, responses: int) -> None:
        """Count a batch."""
        self.least = Spent(*(min(least, found / responses) for least, found in zip(self.least, spent, strict=True)))

    @property
    def is_costly(self) -> bool:
        """Whether a response takes so much processor time, or waiting, that few are to be tried.

        The clock alone shows nothing: on a busy machine, what computes takes many times as long as it does alone.
        """
        if self.least.wall == math.inf:
            return False
        waits = self.least.waits >= _WAITS or self.least.wall >= _LONG * self.least.processor
        return self.least.processor >= _COSTLY or (waits and self.least.wall >= _COSTLY)
