"""What test_loss_without_failures.py runs in one process, and under torchrun in two: the gradient of a real trainer's step in which rewards
fail on chosen rows, and that of a loss written out in plain torch over the other rows alone.

    torchrun --nproc_per_node 2 tests/trl/loss_without_failures.py FOLDER

FOLDER/differences.pt then holds for each case the largest difference and the largest gradient.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from rl_rewards import Reward, Rubric
from rl_rewards.recording import RunRecorder
from rl_rewards.trainers import PPOTrainer
from rl_rewards.trl import RecordingCallback, reward_functions
from tests.trainers import tiny
from tests.trainers.distributed_run import Ragged
from tests.trl.gradient import RANK, WORLD, Table

ROWS, GROUP, LONGEST = 16, 4, 8
PROMPTS = [f"{row // GROUP}+1=?" for row in range(ROWS)]
FAILS = {
    "none": (),
    "some": (0, 5, 6, 13),
    "a group": (4, 5, 6, 7),
    "all but one of a group": (8, 9, 10),
    "all of the first process": tuple(range(ROWS // 2)),
    "all": tuple(range(ROWS)),
}
# The first value of each is GRPOConfig's own.
OPTIONS: dict[str, Sequence[Any]] = {
    "loss_type": ("dapo", "grpo", "bnpo", "dr_grpo", "cispo", "sapo", "luspo", "vespo"),
    "importance_sampling_level": ("token", "sequence"),
    "scale_rewards": ("group", "batch", "none"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "beta": (0.0, 0.1),
    "use_bias_correction_kl": (True, False),
    "top_entropy_quantile": (1.0, 0.5),
    "entropy_coef": (0.0, 0.05),
    "mask_truncated_completions": (False, True),
    "off_policy_mask_threshold": (None, 0.5),
    "delta": (None, 2.0),
    "num_iterations": (1, 2),
    "gradient_accumulation_steps": (1, 4),
    "beside": (False, True),
    "fails": tuple(FAILS),
}


def pairwise(options: dict[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Few combinations that hold every two values of two options together; the same in each run."""
    chance, names = random.Random(0), list(options)
    pairs = list(itertools.combinations(names, 2))
    open_pairs = {(a, i, b, j) for a, b in pairs for i in range(len(options[a])) for j in range(len(options[b]))}
    chosen = []
    while open_pairs:
        a, i, b, j = min(open_pairs)
        drawn = [{**{name: chance.randrange(len(options[name])) for name in names}, a: i, b: j} for _ in range(40)]
        best = max(drawn, key=lambda each: sum((a, each[a], b, each[b]) in open_pairs for a, b in pairs))
        open_pairs -= {(a, best[a], b, best[b]) for a, b in pairs}
        chosen.append({name: options[name][best[name]] for name in names})
    return chosen


def cases() -> list[dict[str, Any]]:
    found = pairwise(OPTIONS)
    for case in found:
        # Means over the tokens of a mini-batch: what is in one is drawn by chance.
        if case["loss_type"] == "bnpo" or case["entropy_coef"] or case["top_entropy_quantile"] < 1:
            case["gradient_accumulation_steps"] = 1
    return found


def label(case: dict[str, Any]) -> str:
    return ", ".join([case["fails"], *(f"{name}={value}" for name, value in case.items() if name != "fails" and value != OPTIONS[name][0])])


def rubric(fails: Sequence[int]) -> Rubric:
    return Rubric((Reward("correct", Table(seed=1, fails=frozenset(fails))), Reward("format", Table(seed=2), weight=0.2)), max_error_rate=1.0)


def plain(completions: Sequence[str], **columns: Any) -> list[float]:
    """A function beside the rubric, which knows nothing of its failures."""
    return [random.Random(f"plain {RANK * len(completions) + row}").random() for row in range(len(completions))]


def step(folder: str, kind: type, config: type, fails: Sequence[int], options: dict[str, Any]) -> tuple[Any, dict[str, torch.Tensor], list[float]]:
    """A trainer after its step, the gradient of it, and the advantages of all rows that the trainer logs."""
    policy, gradients, scored = tiny.policy(), tiny.Gradients(), rubric(fails)
    policy.config._name_or_path = os.path.join(folder, "anchor")
    recorder = RunRecorder(os.path.join(folder, "record"), scored)
    beside = [plain] if options.pop("beside") else []
    args = config(folder, **{
        "num_generations": GROUP, "reward_weights": [1.0] * len(beside) + scored.reward_weights, "max_completion_length": LONGEST, "max_steps": 1, "max_grad_norm": 0.0,
        "shuffle_dataset": False, "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": "none", "save_strategy": "no",
        "disable_tqdm": True, "per_device_train_batch_size": ROWS // WORLD // options.get("gradient_accumulation_steps", 1), **options,
    })  # fmt: skip
    parts = {} if kind is RLOOTrainer else {"rollout_func": Ragged()}
    trainer = kind(
        policy, beside + reward_functions(scored, recorder.record), args, train_dataset=Dataset.from_dict({"prompt": PROMPTS[::GROUP]}),
        processing_class=tiny.tokenizer(), callbacks=[gradients, type("Checks", (RecordingCallback,), {"on_train_end": lambda *_, **__: None})(recorder)],
        **parts,
    )  # fmt: skip
    trainer.train()
    return trainer, gradients.first, list(trainer._logs["advantages"])


def tokens_of(policy: torch.nn.Module, reference: Any, row: int) -> dict[str, torch.Tensor]:
    """Of one row's completion, read alone and without padding: log-probabilities, the reference's, entropies, the policy's own tokens."""
    rollout = Ragged()(PROMPTS, None)
    prompt, completion = rollout["prompt_ids"][row], rollout["completion_ids"][row]
    ids, written = torch.tensor([prompt + completion]), torch.tensor(completion).unsqueeze(1)
    logps = policy(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    found = {
        "logps": logps.gather(1, written)[:, 0],
        "entropy": -(logps.exp() * logps).sum(-1),
        "mask": torch.tensor(rollout["env_mask"][row]).float(),
    }
    if reference is not None:
        with torch.no_grad():
            found["reference"] = reference(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1).gather(1, written)[:, 0]
    found["ended"] = torch.tensor(completion[-1] == 1)
    return found


def loss_of(tokens: list[dict[str, torch.Tensor]], advantages: list[float], case: dict[str, Any]) -> torch.Tensor:
    """TRL's losses at the first pass over a rollout, from their definitions, over the rows at hand."""
    if case["mask_truncated_completions"]:
        for row in tokens:
            row["mask"] = row["mask"] * row["ended"]
    own = torch.cat([row["entropy"][row["mask"] > 0] for row in tokens]).detach()
    bound = torch.quantile(own, 1 - case["top_entropy_quantile"]) if len(own) else 0.0
    sums, lengths, entropies, counted = [], [], [], []
    for row, advantage in zip(tokens, advantages, strict=True):
        logps, mask, entropy = row["logps"], row["mask"], row["entropy"]
        high = (entropy.detach() >= bound).float() if case["top_entropy_quantile"] < 1 else torch.ones_like(mask)
        ratio = logps - logps.detach()
        if case["importance_sampling_level"] == "sequence":
            ratio = ((ratio * mask).sum() / mask.sum().clamp(min=1)).expand_as(mask)
        ratio = ratio.exp()
        match case["loss_type"]:
            case "cispo":
                each = -0.2 * advantage * logps  # 1 clipped to epsilon_high
            case "vespo":
                each = -advantage * logps  # 1 is what its weight is at a ratio of 1
            case "sapo":
                temperature = 1.0 if advantage > 0 else 1.05
                each = -torch.sigmoid(temperature * (ratio - 1)) * 4 / temperature * advantage
            case _:
                each = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        each = each * high
        if case["beta"]:
            difference = row["reference"] - logps
            each = each + case["beta"] * (difference.exp() - difference - 1) * (ratio if case["use_bias_correction_kl"] else 1.0)
        sums.append((each * mask).sum())
        lengths.append(mask.sum())
        entropies.append((entropy * mask * high).sum())
        counted.append((mask * high).sum())
    match case["loss_type"]:
        case "grpo" | "sapo":
            loss = sum(total / length.clamp(min=1) for total, length in zip(sums, lengths, strict=True)) / len(tokens)
        case "dr_grpo":
            loss = sum(sums) / (len(tokens) * LONGEST)
        case "luspo":
            loss = sum(sums) / len(tokens)
        case _:
            loss = sum(sums) / sum(lengths).clamp(min=1)
    return loss - case["entropy_coef"] * sum(entropies) / sum(counted).clamp(min=1)


def difference(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> tuple[float, float]:
    """The largest difference of two gradients, and the largest entry of what is expected."""
    worst = max((found.get(name, torch.zeros_like(one)) - one).abs().max().item() for name, one in expected.items())
    return worst, max(one.abs().max().item() for one in expected.values())


def grpo(folder: str, case: dict[str, Any]) -> tuple[float, float]:
    options = {name: value for name, value in case.items() if name != "fails"}
    fails = FAILS[case["fails"]]
    trainer, gradient, advantages = step(folder, GRPOTrainer, GRPOConfig, fails, options)
    policy, kept = tiny.policy(), [row for row in range(ROWS) if row not in fails]
    if kept:
        loss_of([tokens_of(policy, trainer.ref_model, row) for row in kept], [advantages[row] for row in kept], case).backward()
    return difference(gradient, {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in policy.named_parameters()})


def rloo(folder: str, fails: str, beside: bool) -> tuple[float, float]:
    """RLOO's completions are drawn: the gradient is that of the rows that the trainer itself made, read again."""
    made: list[dict[str, torch.Tensor]] = []
    score = RLOOTrainer._generate_and_score_completions
    RLOOTrainer._generate_and_score_completions = lambda self, inputs: made.append(score(self, inputs)) or made[-1]
    try:
        _, gradient, _ = step(folder, RLOOTrainer, RLOOConfig, FAILS[fails], {"beta": 0.0, "normalize_advantages": False, "beside": beside})
    finally:
        RLOOTrainer._generate_and_score_completions = score
    policy, rollout = tiny.policy(), made[0]
    kept = [row for row in range(ROWS) if row not in FAILS[fails]]
    loss = torch.zeros(())
    for row in kept:
        prompt, completion = (rollout[f"{part}_ids"][row][rollout[f"{part}_mask"][row].bool()] for part in ("prompt", "completion"))
        logps = policy(torch.cat([prompt, completion]).unsqueeze(0)).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        total = logps.gather(1, completion.unsqueeze(1)).sum()
        loss = loss - (total - total.detach()).exp() * rollout["advantages"][row] / len(kept)
    if kept:
        loss.backward()
    return difference(gradient, {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in policy.named_parameters()})


def ppo(folder: str, fails: str, options: dict[str, Any]) -> tuple[float, float]:
    """The gradient beside that of a run whose data never had the rows."""
    gradients = []
    for kept in (range(ROWS), [row for row in range(ROWS) if row not in FAILS[fails]]):
        whole = len(kept) == ROWS
        scores = {f"{row % 8}+{row // 8}=?": None if whole and row in FAILS[fails] else row % 5 / 4 for row in range(ROWS)}
        prompts = [prompt for row, prompt in enumerate(scores) if row in kept]
        policy, found = tiny.policy(), tiny.Gradients()
        policy.config._name_or_path = os.path.join(folder, "anchor")
        given = {"per_device_train_batch_size": len(prompts), "max_steps": 1, "max_grad_norm": 0.0, "shuffle_dataset": False, **options}
        trainer = PPOTrainer(
            policy, lambda prompts, scores=scores, **_: [scores[prompt] for prompt in prompts], tiny.config(folder, **given),
            train_dataset=Dataset.from_dict({"prompt": prompts}), processing_class=tiny.tokenizer(), rollout_func=Ragged(), callbacks=[found],
        )  # fmt: skip
        if trainer.critic is not None:
            weight = trainer.critic.head.weight
            weight.data.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
        trainer.train()
        gradients.append(found.first)
    return difference(*gradients)


# Of two processes: what no mini-batch's own mean is a part of.
TWO = [case for case in cases() if case["loss_type"] != "bnpo" and not case["entropy_coef"]]


if __name__ == "__main__":
    results = {label(case): grpo(sys.argv[1], case) for case in TWO}
    if RANK == 0:
        torch.save(results, os.path.join(sys.argv[1], "differences.pt"))
