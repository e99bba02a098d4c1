"""PPO's arithmetic again, in plain Python and straight from the definitions: what rl_rewards.trainers.gae is compared with.

One completion at a time, as a list of steps; no tensors, no recursion over padding, sums written out.
"""

from __future__ import annotations

import math


def kl(logp: float, ref: float, estimator: str) -> float:
    ratio = math.exp(ref - logp)
    return {"k1": -math.log(ratio), "k2": 0.5 * math.log(ratio) ** 2, "k3": ratio - 1 - math.log(ratio)}[estimator]


def rewards(score: float, kls: list[float], beta: float) -> list[float]:
    return [-beta * k + (score if t == len(kls) - 1 else 0.0) for t, k in enumerate(kls)]


def advantages(rewards: list[float], values: list[float], gamma: float, lam: float, end: float) -> list[float]:
    """A_t = sum over l of (gamma lambda)^l delta_{t+l}: 1506.02438, eq. 16, summed out."""
    after = [*values[1:], end]
    deltas = [r + gamma * v_next - v for r, v, v_next in zip(rewards, values, after, strict=True)]
    return [sum((gamma * lam) ** (u - t) * deltas[u] for u in range(t, len(deltas))) for t in range(len(deltas))]


def moments(rows: list[list[float]]) -> tuple[float, float]:
    flat = [x for row in rows for x in row]
    mean = math.fsum(flat) / len(flat)
    return mean, math.fsum((x - mean) ** 2 for x in flat) / len(flat)


def value_loss(value: float, old: float, target: float, clip: float | None) -> float:
    losses = [(value - target) ** 2]
    if clip is not None:
        losses.append((min(max(value, old - clip), old + clip) - target) ** 2)
    return 0.5 * max(losses)


def policy_loss(logp: float, old: float, advantage: float, low: float, high: float) -> float:
    """1707.06347, eq. 7, negated."""
    ratio = math.exp(logp - old)
    return -min(ratio * advantage, min(max(ratio, 1 - low), 1 + high) * advantage)
