"""The critic learns in the returns' own unit: rewards of any size, and any offset, give the same policy; a constant reward moves none."""

from __future__ import annotations

import pytest
import torch

from rl_rewards.trainers import PPOTrainer, gae
from rl_rewards.trainers.return_scale import ReturnScale
from tests.trainers import tiny


def test_the_first_returns_set_the_unit_and_later_ones_move_it():
    scale = ReturnScale()
    assert (scale.centre, scale.spread) == (0.0, 1.0)
    scale.update(torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[1, 1, 0]]))
    assert (scale.centre, scale.spread) == (pytest.approx(2.0), pytest.approx(1.0))
    for _ in range(200):
        scale.update(torch.tensor([[10.0, 30.0]]), torch.ones(1, 2))
    assert (scale.centre, scale.spread) == (pytest.approx(20.0, rel=1e-3), pytest.approx(10.0, rel=1e-2))
    again = ReturnScale()
    again.load(scale.state())
    assert again == scale
    returns = torch.tensor([[5.0, -7.0]])
    assert torch.allclose(scale.values(scale.outputs(returns)), returns, atol=1e-4)


@pytest.mark.parametrize("reward", [1.0, 0.3, -7.7, 0.0, 1e6, 1e-6])
def test_equal_returns_are_exactly_the_expected_value(reward):
    scale, returns = ReturnScale(), torch.full((3, 7), reward)
    for _ in range(5):
        scale.update(returns, torch.ones(3, 7))
        assert (scale.outputs(returns) == 0).all() and (scale.values(torch.zeros(3, 7)) == returns).all()


def test_a_rollout_without_any_token_leaves_the_unit_as_it_was():
    scale = ReturnScale()
    scale.update(torch.tensor([[1.0, 3.0]]), torch.ones(1, 2))
    before = scale.state()
    scale.update(torch.tensor([[9.0, 9.0]]), torch.zeros(1, 2))
    assert scale.state() == before


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95, 1.0])
def test_lambda_may_differ_from_row_to_row(lam):
    rewards, values, mask = torch.randn(2, 5), torch.randn(2, 5), torch.ones(2, 5)
    both = gae.advantages_and_returns(rewards, values, mask, 0.9, torch.tensor([lam, 0.7]))
    one = gae.advantages_and_returns(rewards[:1], values[:1], mask[:1], 0.9, lam)
    assert torch.allclose(both[0][:1], one[0]) and torch.allclose(both[1][:1], one[1])


class Scaled:
    __name__ = "scaled"

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        self.scale, self.offset = scale, offset

    def __call__(self, completions: list[str], **columns: object) -> list[float]:
        return [self.scale * score + self.offset for score in tiny.digits(completions)]


def trained(folder, reward, **options) -> PPOTrainer:
    tuned = PPOTrainer(
        tiny.policy(), reward, tiny.config(folder, **{"max_steps": 8, "num_iterations": 2, "learning_rate": 3e-3, **options}),
        train_dataset=tiny.prompts(), processing_class=tiny.tokenizer(),
    )  # fmt: skip
    tuned.train()
    return tuned


@pytest.fixture(scope="module", params=["separate", "shared", "none"])
def plain(request, tmp_path_factory) -> PPOTrainer:
    """A run with each critic, on rewards between 0 and 1."""
    return trained(tmp_path_factory.mktemp("plain"), Scaled(1.0), critic=request.param)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "offset"), [(100.0, 0.0), (0.01, 0.0), (1e-4, 0.0), (1.0, 5.0)])
def test_rewards_of_another_size_train_the_same_policy(tmp_path, plain, scale, offset):
    critic = plain.args.critic
    other = trained(tmp_path / "other", Scaled(scale, offset), critic=critic)
    moved = max((p - tiny.policy().get_parameter(n)).abs().max() for n, p in plain.model.named_parameters() if not n.startswith("critic."))
    for name, parameter in plain.model.named_parameters():
        assert (parameter - other.model.get_parameter(name)).abs().max() < 0.1 * moved, name
    for mine, theirs in zip(plain.state.log_history[:8], other.state.log_history[:8], strict=True):
        if critic != "none":
            assert theirs["critic/value_loss"] == pytest.approx(mine["critic/value_loss"], rel=0.05, abs=1e-3)
            assert theirs.get("critic/explained_variance") == pytest.approx(mine.get("critic/explained_variance"), abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("reward", [1.0, 0.3, -20.0])
@pytest.mark.parametrize("options", [
    {"critic": "separate"}, {"critic": "shared"}, {"critic": "none"}, {"critic": "separate", "lam": 0.5}, {"critic": "separate", "critic_lam": 0.5},
], ids=str)  # fmt: skip
def test_a_constant_reward_moves_no_policy(tmp_path, options, reward):
    tuned = trained(tmp_path, lambda prompts, **columns: [reward] * len(prompts), max_completion_length=24, **options)
    for name, parameter in tiny.policy().named_parameters():
        assert torch.equal(parameter, tuned.model.get_parameter(name)), name
