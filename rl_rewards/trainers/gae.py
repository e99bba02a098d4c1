"""The arithmetic of PPO on token sequences: rewards per token, advantages, returns and the value loss.

Pure functions of tensors. Shapes: B completions of up to T tokens. `mask` (B, T) is 1 where the policy chose the token and 0 elsewhere:
padding, and the tokens a tool wrote. Only masked-in tokens are steps of the decision process; what stands between two of them belongs to
the environment, so the state after a step is the state before the policy's next token, however many tool tokens lie between.

`reduce` sums a tensor over all processes (`accelerator.reduce`); without it the batch at hand is all there is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Reduce = Callable[[Tensor], Tensor]

KL_ESTIMATORS = ("k1", "k2", "k3")


def kl_per_token(logps: Tensor, ref_logps: Tensor, estimator: str) -> Tensor:
    """Estimate KL(policy || reference) at each sampled token, in nats.

    With r = reference / policy at the sampled token: k1 = -log r (unbiased, any sign), k2 = (log r)^2 / 2 (biased, >= 0),
    k3 = (r - 1) - log r (unbiased, >= 0). Source: J. Schulman, "Approximating KL Divergence", 2020 (joschu.net/blog/kl-approx.html).

    Args:
        logps, ref_logps: (B, T) log-probabilities of the sampled tokens.
        estimator: one of KL_ESTIMATORS.
    """
    log_ratio = ref_logps - logps
    if estimator == "k1":
        return -log_ratio
    if estimator == "k2":
        return 0.5 * log_ratio**2
    return torch.expm1(log_ratio) - log_ratio


def token_rewards(scores: Tensor, mask: Tensor, kl: Tensor | None = None, beta: float = 0.0) -> Tensor:
    """Spread sequence rewards over tokens: -beta * KL at each token, plus the score at the policy's last token.

    Source: Ouyang et al., "Training language models to follow instructions with human feedback" (2203.02155), eq. 2, whose KL term is
    taken token by token as in Ziegler et al. (1909.08593), eq. 2.

    Args:
        scores: (B,) reward of each completion.
        mask: (B, T).
        kl: (B, T) from `kl_per_token`, or None without a reference model.
        beta: weight of the KL term.

    Returns: (B, T), zero where the mask is.
    """
    rewards = torch.zeros_like(mask, dtype=scores.dtype) if kl is None else -beta * kl.to(scores.dtype) * mask
    is_last = (mask > 0) & (mask.flip(1).cumsum(1).flip(1) == 1)  # no masked-in token after this one
    return rewards + scores.unsqueeze(1) * is_last


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float | Tensor, value_after_end: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Compute generalised advantages and the returns a critic should predict.

    delta_t = r_t + gamma V(s_{t+1}) - V(s_t) and A_t = delta_t + gamma lambda A_{t+1}: Schulman et al., "High-Dimensional Continuous
    Control Using Generalized Advantage Estimation" (1506.02438), eq. 11 and 16. Returns are A_t + V(s_t), the TD(lambda) target.

    Args:
        rewards, values, mask: (B, T); values are those of the states before each token.
        gamma: discount per policy token.
        lam: lambda, one for all or (B,); 1 gives Monte Carlo returns, 0 one-step TD.
        value_after_end: (B,) value of the state after the last token: 0 where the completion ended (the default), V(s_T) where it was
            merely cut off.

    Returns: advantages and returns, (B, T) each, zero where the mask is.
    """
    advantages = torch.zeros_like(rewards)
    advantage = rewards.new_zeros(rewards.size(0))
    next_value = torch.zeros_like(advantage) if value_after_end is None else value_after_end.to(rewards.dtype)
    for t in reversed(range(rewards.size(1))):
        is_step = mask[:, t] > 0
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = torch.where(is_step, delta + gamma * lam * advantage, advantage)
        next_value = torch.where(is_step, values[:, t], next_value)
        advantages[:, t] = torch.where(is_step, advantage, 0.0)
    return advantages, (advantages + values) * (mask > 0)


def masked_moments(x: Tensor, mask: Tensor, reduce: Reduce | None = None) -> tuple[Tensor, Tensor]:
    """Compute mean and (population) variance of the masked-in entries over all processes; (0, 0) where there are none.

    Sums are taken in float64 where the device has it: the mean of equal float32 numbers is then that number, and their variance 0.
    """
    reduce = reduce or (lambda total: total)
    wide, mask = (x, mask.to(x.dtype)) if x.device.type == "mps" else (x.double(), mask.double())
    total, count = reduce(torch.stack([(wide * mask).sum(), mask.sum()]))
    mean = (total / count.clamp(min=1.0)).to(x.dtype)
    # The squares are summed around the global mean: E[x^2] - E[x]^2 cancels.
    variance = reduce(((wide - mean) ** 2 * mask).sum()) / count.clamp(min=1.0)
    return mean, variance.to(x.dtype)


def whiten(x: Tensor, mask: Tensor, reduce: Reduce | None = None) -> Tensor:
    """Shift and scale the masked-in entries to mean 0 and variance 1 over all processes; zero elsewhere. A constant batch gives zeros."""
    mean, variance = masked_moments(x, mask, reduce)
    return (x - mean) * torch.rsqrt(variance + 1e-8) * (mask > 0)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip_range: float | None) -> tuple[Tensor, Tensor]:
    """Compute the critic's loss per token, max((V - R)^2, (clip(V, V_old - eps, V_old + eps) - R)^2) / 2, and where the clip held.

    Source: the reference implementation of 1707.06347 (openai/baselines, ppo2), as in Huang et al., "The 37 Implementation Details of
    Proximal Policy Optimization" (2022), detail 9.

    Args:
        values, old_values, returns: (B, T), all in one unit; old_values are those the returns were computed with.
        clip_range: eps, in that unit; None for plain squared error.

    Returns: loss and indicator of clipping, (B, T) each, not masked.
    """
    loss = (values - returns) ** 2
    if clip_range is None:
        return 0.5 * loss, torch.zeros_like(loss)
    clipped_loss = (old_values + (values - old_values).clamp(-clip_range, clip_range) - returns) ** 2
    return 0.5 * torch.maximum(loss, clipped_loss), (clipped_loss > loss).to(loss.dtype)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor, reduce: Reduce | None = None) -> Tensor:
    """Compute 1 - Var[R - V] / Var[R] over all processes: 1 is a perfect critic, 0 one no better than a constant; NaN if R is constant."""
    _, residual = masked_moments(returns - values, mask, reduce)
    _, total = masked_moments(returns, mask, reduce)
    level, _ = masked_moments(returns.abs(), mask, reduce)
    return torch.where(total > (1e-6 * level) ** 2, 1.0 - residual / total, torch.nan)
