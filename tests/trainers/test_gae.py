from __future__ import annotations

import math
import random

import pytest
import torch
from torch import tensor

from rl_rewards.trainers import gae
from tests.trainers import reference

F64 = torch.float64


# ---- By hand ----


@pytest.mark.parametrize(
    ("gamma", "lam", "end", "advantages", "returns"),
    [
        # rewards 0, 0, 1; values .5, .25, .75; deltas at gamma 1: -.25, .5, .25
        (1.0, 1.0, 0.0, [0.5, 0.75, 0.25], [1.0, 1.0, 1.0]),  # Monte Carlo: return is the reward, advantage is reward minus value
        (1.0, 0.0, 0.0, [-0.25, 0.5, 0.25], [0.25, 0.75, 1.0]),  # one-step TD: return is the next value
        (1.0, 0.5, 0.0, [0.0625, 0.625, 0.25], [0.5625, 0.875, 1.0]),
        (0.5, 1.0, 0.0, [-0.25, 0.25, 0.25], [0.25, 0.5, 1.0]),  # return is the reward, halved for each step to come
        (1.0, 1.0, 0.5, [1.0, 1.25, 0.75], [1.5, 1.5, 1.5]),  # cut off in a state worth .5
        (0.5, 0.0, 0.5, [-0.375, 0.125, 0.5], [0.125, 0.375, 1.25]),
    ],
)
def test_advantages_and_returns_of_three_tokens(gamma, lam, end, advantages, returns):
    got = gae.advantages_and_returns(tensor([[0.0, 0, 1]]), tensor([[0.5, 0.25, 0.75]]), torch.ones(1, 3), gamma, lam, tensor([end]))
    assert torch.allclose(got[0], tensor([advantages])) and torch.allclose(got[1], tensor([returns]))


def test_tool_tokens_and_padding_are_no_steps():
    bare = gae.advantages_and_returns(tensor([[0.0, 0, 1]]), tensor([[0.5, 0.25, 0.75]]), torch.ones(1, 3), 0.9, 0.5)
    # The same three steps with two tool tokens between the first and the second, and padding; 9 marks what must not be read.
    mask = tensor([[1, 0, 0, 1, 1, 0]])
    spread = gae.advantages_and_returns(tensor([[0.0, 9, 9, 0, 1, 9]]), tensor([[0.5, 9, 9, 0.25, 0.75, 9]]), mask, 0.9, 0.5)
    for of_three, of_six in zip(bare, spread, strict=True):
        assert torch.equal(of_six[mask.bool()], of_three[0])
        assert (of_six[~mask.bool()] == 0).all()


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [("k1", [math.log(2), -math.log(2), 0.0]), ("k2", [0.5 * math.log(2) ** 2] * 2 + [0.0]), ("k3", [-0.5 + math.log(2), 1 - math.log(2), 0.0])],
)
def test_kl_estimators_at_ratios_of_one_half_two_and_one(estimator, expected):
    logps, ref = tensor([[0.5, 0.25, 0.3]]).log(), tensor([[0.25, 0.5, 0.3]]).log()
    assert torch.allclose(gae.kl_per_token(logps, ref, estimator), tensor([expected]), atol=1e-7)


def test_the_score_lands_on_the_last_token_of_the_policy_and_kl_on_all_of_them():
    mask = tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]])  # a tool, a cut, a completion without reward
    rewards = gae.token_rewards(tensor([1.0, 2.0, 3.0]), mask, torch.full((3, 5), 0.5), beta=0.1)
    assert torch.allclose(rewards, tensor([[-0.05, -0.05, 0, 0.95, 0], [-0.05, -0.05, -0.05, 1.95, 0], [0, 0, 0, 0, 0]]))
    assert torch.equal(gae.token_rewards(tensor([1.0]), tensor([[1, 1]])), tensor([[0.0, 1.0]]))


@pytest.mark.parametrize(
    ("value", "old", "target", "clip", "loss", "clipped"),
    [
        (0.0, 0.0, 1.0, 0.2, 0.5, 0),
        (0.5, 0.0, 1.0, 0.2, 0.32, 1),  # moved towards the target by more than the range: held at .2, (1 - .2)^2 / 2
        (-0.5, 0.0, 1.0, 0.2, 1.125, 0),  # moved away: the unclipped loss is the larger
        (0.5, 0.0, 1.0, None, 0.125, 0),
        (0.1, 0.0, 1.0, 0.2, 0.405, 0),
    ],
)
def test_value_loss_is_the_worse_of_clipped_and_unclipped(value, old, target, clip, loss, clipped):
    got = gae.value_loss(tensor([[value]]), tensor([[old]]), tensor([[target]]), clip)
    assert got[0].item() == pytest.approx(loss) and got[1].item() == clipped


def test_whitening_reads_masked_in_entries_only():
    x, mask = tensor([[1.0, 3.0, 99.0], [5.0, 99.0, 99.0]]), tensor([[1, 1, 0], [1, 0, 0]])
    deviation = math.sqrt(8 / 3)
    assert torch.allclose(gae.whiten(x, mask), tensor([[-2 / deviation, 0, 0], [2 / deviation, 0, 0]]))


def test_whitening_a_constant_batch_or_an_empty_one_gives_zeros():
    assert (gae.whiten(torch.full((2, 3), 0.7), torch.ones(2, 3)).abs() < 1e-2).all()
    assert (gae.whiten(torch.full((2, 3), 0.7), torch.zeros(2, 3)) == 0).all()


@pytest.mark.parametrize(("values", "expected"), [([1.0, 2.0, 3.0], 1.0), ([2.0, 2.0, 2.0], 0.0), ([0.0, 0.0, 0.0], 0.0), ([3.0, 2.0, 1.0], -3.0)])
def test_explained_variance_is_one_for_a_perfect_critic_and_zero_for_a_constant_one(values, expected):
    got = gae.explained_variance(tensor([values]), tensor([[1.0, 2.0, 3.0]]), torch.ones(1, 3))
    assert got.item() == pytest.approx(expected, abs=1e-5)
    assert math.isnan(gae.explained_variance(tensor([values]), torch.ones(1, 3), torch.ones(1, 3)))


# ---- Against plain Python ----


def ragged(seed: int) -> tuple[random.Random, list[list[int]]]:
    """Masks of up to 7 completions of up to 12 tokens, with tool tokens here and there and at least one token of the policy's each."""
    rng = random.Random(seed)
    rows = []
    for _ in range(rng.randint(1, 7)):
        row = [int(rng.random() < 0.8) for _ in range(rng.randint(1, 12))]
        row[rng.randrange(len(row))] = 1
        rows.append(row)
    return rng, rows


@pytest.mark.parametrize("seed", range(40))
def test_random_ragged_batches_agree_with_the_plain_reference(seed):
    rng, rows = ragged(seed)
    width = max(map(len, rows))
    mask = tensor([row + [0] * (width - len(row)) for row in rows])
    draw = lambda: tensor([[rng.gauss(0, 1) for _ in range(width)] for _ in rows], dtype=F64)  # noqa: E731
    logps, ref, values, new_values, _ = draw(), draw(), draw(), draw(), draw()
    scores, ends = draw()[:, 0], draw()[:, 0]
    gamma, lam, beta, clip = rng.random(), rng.random(), rng.random(), rng.choice([None, rng.random()])
    estimator = rng.choice(gae.KL_ESTIMATORS)

    kl = gae.kl_per_token(logps, ref, estimator)
    rewards = gae.token_rewards(scores, mask, kl, beta)
    advantages, returns = gae.advantages_and_returns(rewards, values, mask, gamma, lam, ends)
    white = gae.whiten(advantages, mask)
    losses, _ = gae.value_loss(new_values, values, returns, clip)

    expected, steps = [], [[t for t, own in enumerate(row) if own] for row in rows]
    for i, own in enumerate(steps):
        kls = [reference.kl(logps[i, t].item(), ref[i, t].item(), estimator) for t in own]
        per_token = reference.rewards(scores[i].item(), kls, beta)
        expected.append(reference.advantages(per_token, [values[i, t].item() for t in own], gamma, lam, ends[i].item()))
    mean, variance = reference.moments(expected)
    for i, own in enumerate(steps):
        assert advantages[i, own].tolist() == pytest.approx(expected[i], abs=1e-9)
        assert returns[i, own].tolist() == pytest.approx([a + values[i, t].item() for a, t in zip(expected[i], own, strict=True)], abs=1e-9)
        assert white[i, own].tolist() == pytest.approx([(a - mean) / math.sqrt(variance + 1e-8) for a in expected[i]], abs=1e-9)
        assert losses[i, own].tolist() == pytest.approx(
            [reference.value_loss(new_values[i, t].item(), values[i, t].item(), returns[i, t].item(), clip) for t in own], abs=1e-9
        )
    assert (advantages[mask == 0] == 0).all() and (returns[mask == 0] == 0).all() and (white[mask == 0] == 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_moments_over_processes_are_those_of_the_whole(seed):
    rng, rows = ragged(seed)
    width = max(map(len, rows))
    mask = tensor([row + [0] * (width - len(row)) for row in rows])
    x = tensor([[rng.gauss(100, 1) for _ in range(width)] for _ in rows])
    cut = len(rows) // 2
    # Two processes, played in turn: the first round of sums is shared, then the second, as all_reduce would.
    halves = [(x[:cut], mask[:cut]), (x[cut:], mask[cut:])]
    totals = sum(torch.stack([(a * m).sum(), m.sum()]) for a, m in halves)
    squares = sum((((a - totals[0] / totals[1]) ** 2) * m).sum() for a, m in halves)
    for a, m in halves:
        shared = iter([totals, squares])
        got = gae.masked_moments(a, m, lambda _: next(shared))
        assert torch.allclose(torch.stack(got), torch.stack(gae.masked_moments(x, mask)), rtol=1e-4)
