"""pass@k and pass^k: of k completions to a problem, is one right, are all right?"""

from __future__ import annotations

from math import comb

from rl_rewards.aggregates.base import configured
from rl_rewards.aggregates.problems import RightCounts

__all__ = ["PassAtK", "PassHatK", "pass_at_k"]


def pass_at_k(n: int, right: int, k: int) -> float:
    """Probability that one of k completions is right, drawn of n >= k with `right` right ones (2107.03374, eq. 1)."""
    every, wrong = comb(n, k), comb(n - right, k)
    return (every - wrong) / every  # of whole numbers, so that it is rounded once


@configured
class PassAtK(RightCounts):
    """Probability that at least one of k completions to a problem is right, unbiased, as a mean over problems (2107.03374, eq. 1).

    1 - C(n - c, k) / C(n, k) for a problem with c of n completions right. A problem with fewer than k scored completions has no value and is
    left out, which is shown.
    """

    def label(self, k: int) -> str:
        return f"pass@{k}"

    def of_counts(self, n: int, right: int, k: int) -> float:
        return pass_at_k(n, right, k)


@configured
class PassHatK(RightCounts):
    """Probability that all of k completions to a problem are right, unbiased, as a mean over problems (2406.12045, section 4).

    C(c, k) / C(n, k) for a problem with c of n completions right: how reliably it is solved.
    """

    def label(self, k: int) -> str:
        return f"pass^{k}"

    def of_counts(self, n: int, right: int, k: int) -> float:
        return comb(right, k) / comb(n, k)
