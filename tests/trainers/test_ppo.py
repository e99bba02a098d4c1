from __future__ import annotations

import math

import pytest
import torch
from trl import GRPOConfig

from rl_rewards.trainers import PPOTrainer
from tests.trainers import reference, tiny

pytestmark = pytest.mark.slow  # it trains

PROMPTS = {"1+1=?": ("2 or 3", "111111"), "2+2=?": ("4", "1"), "3+3=?": ("66", "11"), "4+4=?": ("8 9 10", "111111")}
SCORES = {"1+1=?": 1.0, "2+2=?": 0.0, "3+3=?": 0.5, "4+4=?": 2.0}


def known(prompts: list[str], **columns: object) -> list[float | None]:
    return [SCORES[prompt] for prompt in prompts]


def trainer(folder, completions=PROMPTS, reward=known, ends=True, callbacks=(), policy=None, **options) -> PPOTrainer:
    defaults = {"per_device_train_batch_size": len(completions), "max_steps": 1, "max_grad_norm": 0.0, "learning_rate": 1e-2}
    return PPOTrainer(
        policy or tiny.policy(), reward, tiny.config(folder, **{**defaults, **options}),
        train_dataset=tiny.Dataset.from_dict({"prompt": list(completions)}), processing_class=tiny.tokenizer(),
        rollout_func=tiny.Scripted(completions, ends), callbacks=list(callbacks),
    )  # fmt: skip


def rollout_of(tuned: PPOTrainer) -> dict[str, torch.Tensor]:
    """The rollout that was trained on, rows in the order of PROMPTS."""
    (batch,) = tuned._buffered_inputs
    texts = tuned.processing_class.batch_decode(batch["prompt_ids"], skip_special_tokens=True)
    order = [[text.replace(" ", "") for text in texts].index(prompt) for prompt in tuned.rollout_func.completions]
    return {name: value[order] if value.ndim else value for name, value in batch.items()}


def log_probs(policy: torch.nn.Module, rollout: dict[str, torch.Tensor]) -> torch.Tensor:
    """Log-probabilities (B, T) of the completion's tokens, by softmax over the policy's logits."""
    ids = torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1)
    mask = torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1)
    logits = policy(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)[:, :-1]
    return logits.gather(2, ids[:, 1:, None]).squeeze(2)[:, -rollout["completion_ids"].size(1) :]


# ---- The whole step against the plain reference ----


def test_without_critic_at_lambda_and_gamma_one_it_is_reinforce_with_the_batch_mean_as_baseline(tmp_path):
    gradients = tiny.Gradients()
    tuned = trainer(tmp_path, critic="none", lam=1.0, gamma=1.0, callbacks=[gradients])
    tuned.train()
    rollout, policy = rollout_of(tuned), tiny.policy()
    mask = rollout["completion_mask"]
    reward = torch.tensor(list(SCORES.values()))[:, None].expand_as(mask)  # every token's return is the reward
    baseline = (reward * mask).sum() / mask.sum()
    scale = (((reward - baseline) ** 2 * mask).sum() / mask.sum()).sqrt()
    (-((reward - baseline) / scale * log_probs(policy, rollout) * mask).sum() / mask.sum()).backward()
    for name, parameter in policy.named_parameters():
        assert torch.allclose(gradients.first[name], parameter.grad, rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize("critic", ["separate", "shared"])
@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_a_second_pass_over_a_batch_has_the_losses_of_the_plain_reference(tmp_path, critic, estimator):
    options = dict(
        critic=critic, num_iterations=2, max_steps=2, gamma=0.9, lam=0.8, critic_lam=0.8, kl_estimator=estimator, beta=0.2, cliprange_value=0.001,
        normalize_returns=False,
    )  # fmt: skip
    policy, anchor = tiny.policy(), tiny.policy(seed=1)
    anchor.save_pretrained(tmp_path / "reference")
    policy.config._name_or_path = str(tmp_path / "reference")  # where GRPOTrainer loads the reference model from
    before = []  # policy and critic at the second pass

    class Snapshot(tiny.TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            if state.global_step == 1:
                with torch.no_grad():
                    rollout = rollout_of(tuned)
                    ids = torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1)
                    attention = torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1)
                    values = model(input_ids=ids, attention_mask=attention, values=True, log_probs=False).state_values
                    before.append((rollout, log_probs(model, rollout), values))

    tuned = trainer(tmp_path, callbacks=[Snapshot()], policy=policy, **options)
    tuned.train()
    ((rollout, logps, values),) = before
    width = rollout["completion_ids"].size(1)
    ref = log_probs(anchor, rollout)
    advantages, steps = [], []
    for i, score in enumerate(SCORES.values()):
        own = rollout["completion_mask"][i].nonzero().flatten().tolist()
        kls = [reference.kl(rollout["old_per_token_logps"][i, t].item(), ref[i, t].item(), estimator) for t in own]
        old = [rollout["old_values"][i, t].item() for t in own]
        advantages.append(reference.advantages(reference.rewards(score, kls, 0.2), old, 0.9, 0.8, end=0.0))
        steps.append((own, old))
    mean, variance = reference.moments(advantages)
    policy_losses, value_losses = [], []
    for i, (own, old) in enumerate(steps):
        for t, v_old, advantage in zip(own, old, advantages[i], strict=True):
            value = values[i, -width - 1 + t].item()
            value_losses.append(reference.value_loss(value, v_old, advantage + v_old, 0.001))
            white = (advantage - mean) / math.sqrt(variance + 1e-8)
            policy_losses.append(reference.policy_loss(logps[i, t].item(), rollout["old_per_token_logps"][i, t].item(), white, 0.2, 0.2))
    logged = tuned.state.log_history[1]
    assert logged["policy_loss"] == pytest.approx(math.fsum(policy_losses) / len(policy_losses), abs=1e-4)
    assert logged["critic/value_loss"] == pytest.approx(math.fsum(value_losses) / len(value_losses), rel=1e-3)
    assert logged["critic/clip_ratio"] > 0 and logged["clip_ratio/region_mean"] > 0
    assert logged["loss"] == pytest.approx(logged["policy_loss"] + 0.5 * logged["critic/value_loss"], abs=1e-3)


# ---- What carries a gradient, and what not ----


@pytest.mark.parametrize("nothing", [None, math.nan])
@pytest.mark.parametrize("critic", ["separate", "shared", "none"])
def test_a_completion_without_reward_changes_nothing(tmp_path, nothing, critic):
    with_row, without = tiny.Gradients(), tiny.Gradients()
    others = {prompt: PROMPTS[prompt] for prompt in list(PROMPTS)[:2]}

    def unscored(prompts, **columns):
        return [SCORES[prompt] if prompt in others else nothing for prompt in prompts]

    tuned = trainer(tmp_path, reward=unscored, callbacks=[with_row], critic=critic, entropy_coef=0.1)
    tuned.train()
    trainer(tmp_path, completions=others, callbacks=[without], critic=critic, entropy_coef=0.1).train()
    assert with_row.first.keys() == without.first.keys()
    for name, gradient in without.first.items():
        assert torch.allclose(with_row.first[name], gradient, rtol=1e-3, atol=1e-6), name
    unrewarded = rollout_of(tuned)
    assert (unrewarded["advantages"][2:] == 0).all() and (unrewarded["tool_mask"][2:] == 0).all()


def test_a_batch_without_any_reward_changes_no_parameter(tmp_path):
    tuned = trainer(tmp_path, reward=lambda prompts, **columns: [None] * len(prompts))
    before = {name: p.detach().clone() for name, p in tuned.model.named_parameters()}
    tuned.train()
    assert all(torch.equal(p, before[name]) for name, p in tuned.model.named_parameters())


def test_one_reward_of_two_missing_leaves_the_other(tmp_path):
    tuned = trainer(tmp_path, reward=[known, lambda prompts, **columns: [None, *[1.0] * (len(prompts) - 1)]], reward_weights=[1.0, 0.5])
    seen = []
    tuned._show_advantages = lambda advantages, mask: seen.append(tuned._scores)
    tuned.train()
    assert sorted(seen[0].tolist()) in ([sorted([s + 0.5 * (p != skipped) for p, s in SCORES.items()]) for skipped in SCORES])


def test_an_infinite_reward_is_an_error_that_names_the_function(tmp_path):
    def broken(prompts, **columns):
        return [math.inf] * len(prompts)

    with pytest.raises(ValueError, match="Reward function 'broken' returned inf for completion 0"):
        trainer(tmp_path, reward=broken).train()


def test_tool_tokens_carry_no_value_and_no_advantage(tmp_path):
    scripted = {"1+1=?": ("a 12 b", "110011"), "2+2=?": ("c 9", "111")}
    gradients, tuned = tiny.Gradients(), None
    tuned = trainer(tmp_path, scripted, callbacks=[gradients], lam=0.7, critic_lam=0.7, gamma=0.9, normalize_returns=False)
    torch.nn.init.normal_(tuned.critic.head.weight)
    tuned.train()
    rollout = rollout_of(tuned)
    own = rollout["tool_mask"].bool()
    assert own[0].tolist()[:7] == [True, True, False, False, True, True, True]
    assert (rollout["advantages"][~own] == 0).all() and (rollout["returns"][~own] == 0).all()
    values = rollout["old_values"][0, own[0]].tolist()
    expected = reference.advantages([0, 0, 0, 0, SCORES["1+1=?"]], values, 0.9, 0.7, end=0.0)
    assert (rollout["returns"] - rollout["old_values"])[0, own[0]].tolist() == pytest.approx(expected, abs=1e-5)
    # A token that a tool wrote is an input and no target: the head of the critic learns from the policy's tokens alone.
    assert gradients.first["critic.head.bias"].item() == pytest.approx(
        0.5 * (rollout["old_values"] - rollout["returns"])[own].mean().item(), abs=1e-5
    )


# ---- Truncation ----


@pytest.mark.parametrize(
    ("ends", "options", "last"),
    [
        (True, {}, lambda score, after: score),
        (True, {"missing_eos_penalty": 0.25, "bootstrap_truncated": True}, lambda score, after: score),
        (False, {}, lambda score, after: score),
        (False, {"missing_eos_penalty": 0.25}, lambda score, after: score - 0.25),
        (False, {"bootstrap_truncated": True}, lambda score, after: after),
        (False, {"bootstrap_truncated": True, "missing_eos_penalty": 0.25}, lambda score, after: after - 0.25),
    ],
)
def test_what_a_cut_off_completion_is_worth(tmp_path, ends, options, last):
    tuned = trainer(tmp_path, ends=ends, lam=1.0, **options)
    torch.nn.init.normal_(tuned.critic.head.weight)
    fresh = trainer(tmp_path, ends=ends)  # keeps the critic as it is at the rollout
    fresh.critic.load_state_dict(tuned.critic.state_dict())
    tuned.train()
    rollout = rollout_of(tuned)
    ids = torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1)
    mask = torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1)
    states = fresh.model(input_ids=ids, attention_mask=mask, values=True, log_probs=False).state_values[:, -rollout["completion_ids"].size(1) - 1 :]
    for i, score in enumerate(SCORES.values()):
        length = int(rollout["completion_mask"][i].sum())
        assert rollout["returns"][i, length - 1].item() == pytest.approx(last(score, states[i, length].item()), abs=1e-3)


# ---- Warm-up, optimizer, logs ----


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_warm_up_trains_the_critic_alone_weight_decay_included(tmp_path, critic):
    tuned = trainer(tmp_path, critic=critic, critic_warmup_steps=2, max_steps=3, weight_decay=0.1, max_grad_norm=1.0, max_completion_length=8)
    seen = []

    class Snapshot(tiny.TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            seen.append({name: p.detach().clone() for name, p in model.named_parameters()})

    tuned.add_callback(Snapshot())
    start = {name: p.detach().clone() for name, p in tuned.model.named_parameters()}
    tuned.train()
    for name, parameter in start.items():
        if name.startswith("critic.head"):
            assert not torch.equal(parameter, seen[0][name])
        elif not name.startswith("critic."):
            assert torch.equal(parameter, seen[1][name]), name
    assert any(not torch.equal(start[name], seen[2][name]) for name in start if not name.startswith("critic."))


def test_policy_and_critic_have_learning_rates_of_their_own_and_every_parameter_one(tmp_path):
    tuned = trainer(tmp_path, learning_rate=1e-3, critic_learning_rate=5e-3, weight_decay=0.1)
    tuned.create_optimizer()
    rates = {id(p): (g["lr"], g["weight_decay"]) for g in tuned.optimizer.param_groups for p in g["params"]}
    for name, parameter in tuned.model.named_parameters():
        rate, decay = rates.pop(id(parameter))
        assert rate == (5e-3 if name.startswith("critic.") else 1e-3)
        assert decay == (0.0 if "norm" in name or "bias" in name else 0.1)
    assert not rates and tuned.optimizer.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [8, 7, 6, 5, 4, 3, 2, 1]),  # a rollout a step: the usual schedule
        ({"num_iterations": 2}, [8, 8, 6, 6, 4, 4, 2, 2]),
        ({"num_iterations": 2, "steps_per_generation": 2}, [8, 8, 8, 8, 4, 4, 4, 4]),
        ({"num_iterations": 2, "steps_per_generation": 4, "gradient_accumulation_steps": 2}, [8, 8, 8, 8, 4, 4, 4, 4]),
        ({"num_iterations": 4, "warmup_steps": 3}, [0, 8 / 3, 16 / 3, 8, 6.4, 6.4, 6.4, 6.4]),  # a rise is not held
    ],
)
def test_the_learning_rate_falls_between_rollouts(tmp_path, options, expected):
    tuned = trainer(tmp_path, max_steps=8, lr_scheduler_type="linear", learning_rate=8e-3, critic_learning_rate=8e-2, logging_steps=1, **options)
    rates = []
    tuned.optimizer = tuned.create_optimizer()
    tuned.create_scheduler(8)
    for _ in range(8):
        rates.append([group["lr"] for group in tuned.optimizer.param_groups])
        tuned.optimizer.step()
        tuned.lr_scheduler.step()
    for at_step, rate in zip(rates, expected, strict=True):
        assert {round(lr, 9) for lr in at_step} == {round(rate * 1e-3, 9), round(rate * 1e-2, 9)}


def test_a_large_error_of_the_critic_does_not_shorten_the_policys_step(tmp_path):
    calm, wild = (trainer(tmp_path / str(scale), vf_coef=scale, max_grad_norm=0.5, optim="sgd") for scale in (0.5, 5000.0))
    for tuned in (calm, wild):
        tuned.train()
    for name, parameter in calm.model.named_parameters():
        if not name.startswith("critic."):
            assert torch.allclose(parameter, wild.model.get_parameter(name), atol=1e-6), name
    assert wild.state.log_history[0]["critic/grad_norm"] > 1000 * calm.state.log_history[0]["critic/grad_norm"] / 2


def test_an_optimizer_or_a_config_of_another_trainer_is_refused(tmp_path):
    policy = tiny.policy()
    common = {"train_dataset": tiny.prompts(), "processing_class": tiny.tokenizer()}
    with pytest.raises(ValueError, match="critic_learning_rate"):
        PPOTrainer(policy, tiny.digits, tiny.config(tmp_path), optimizers=(torch.optim.SGD(policy.parameters(), 0.1), None), **common)
    with pytest.raises(TypeError, match="must be a PPOConfig, got GRPOConfig"):
        PPOTrainer(policy, tiny.digits, GRPOConfig(str(tmp_path), use_cpu=True, bf16=False), **common)


def test_logs_tables_and_evaluation_are_grpos_with_the_critics_beside_them(tmp_path):
    tuned = PPOTrainer(
        tiny.policy(), [tiny.digits, lambda completions, **columns: [0.5] * len(completions)],
        tiny.config(tmp_path, log_completions=True, num_completions_to_print=0, eval_strategy="steps", eval_steps=1, max_steps=1),
        train_dataset=tiny.prompts(), eval_dataset=tiny.prompts(8), processing_class=tiny.tokenizer(),
    )  # fmt: skip
    tuned.train()
    import pandas

    step, evaluation = tuned.state.log_history[0], tuned.state.log_history[1]
    names = ["value_loss", "clip_ratio", "explained_variance", "value_mean", "return_mean", "return_std"]
    for log, prefix in ((step, ""), (evaluation, "eval_")):
        assert {f"{prefix}critic/{name}" for name in names} | {f"{prefix}rewards/digits/mean", f"{prefix}policy_loss"} <= log.keys()
        assert f"{prefix}frac_reward_zero_std" not in log
    assert {"critic/grad_norm", "grad_norm", "clip_ratio/region_mean", "entropy"} <= step.keys()
    table = pandas.read_parquet(next((tmp_path / "completions").glob("*.parquet")))
    assert len(table) == 8 and table["advantage"].abs().sum() > 0
