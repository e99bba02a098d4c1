"""What test_gradient.py runs in one process, and under torchrun in two: a step of a real trainer whose rewards fail on chosen rows.

    torchrun --nproc_per_node 2 tests/trl/gradient.py FOLDER

FOLDER/advantages.pt then holds each case's scores and advantages, of all rows in the order of the whole batch.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from rl_rewards import EvaluateResult, Gate, Outcome, Reward, Rubric
from rl_rewards.evaluation.aggregates import tally_of
from rl_rewards.scorers.base import Scorer, configured
from rl_rewards.trainers import PPOTrainer
from rl_rewards.trl import reward_functions
from tests.trainers import tiny
from tests.trainers.distributed_run import Ragged

ROWS, GROUP = 20, 4  # of two processes each has two groups and a half
WORLD, RANK = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))


@configured
class Table(Scorer):
    """Scores a batch's rows from a table, by their place in the whole batch, whatever was generated."""

    seed: int = 0
    fails: frozenset[int] = frozenset()
    skips: frozenset[int] = frozenset()
    unparsed: frozenset[int] = frozenset()

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> list[EvaluateResult]:
        return [self.result(RANK * len(samples) + sample.index) for sample in samples]

    def result(self, row: int) -> EvaluateResult:
        if row in self.fails:
            raise_ = ConnectionError(f"the judge is down for row {row}")
            return EvaluateResult.failure(Outcome.ERROR, str(raise_), raise_)
        if row in self.skips:
            return EvaluateResult.skip("does not apply")
        if row in self.unparsed:
            return EvaluateResult(0.0, outcome=Outcome.UNPARSED)
        return EvaluateResult(random.Random(f"{self.seed} {row}").randrange(9) / 8)


def rows(share: float, seed: int = 0) -> frozenset[int]:
    """A share of the batch's rows, drawn by chance."""
    return frozenset(random.Random(seed).sample(range(ROWS), round(share * ROWS)))


@dataclass
class Case:
    """A rubric, and the rows that no reward of it may score."""

    rewards: tuple[Reward, ...]
    left_out: frozenset[int]


def failing(share: float) -> Case:
    """A judge that fails on a share of the rows, beside a reward of form, and a metric that fails elsewhere."""
    fails = rows(share)
    return Case(
        (
            Reward("correct", Table(seed=1, fails=fails, unparsed=rows(0.1, seed=5))),
            Reward("format", Table(seed=2, skips=rows(0.2, seed=6)), weight=0.2),
            Reward("metric", Table(seed=3, fails=rows(0.3, seed=7)), weight=0),
        ),
        fails,
    )


SHARES = {f"{share:.0%} of a judge's rows": failing(share) for share in (0.0, 0.1, 0.2, 0.3)}
FEW, OTHERS = rows(0.2, seed=11), rows(0.2, seed=12)
FORM = Reward("format", Table(seed=2), weight=0.2)


def gated(gate: Reward, **options: Any) -> tuple[Reward, ...]:
    return (Reward("gated", Table(seed=1), gate=Gate("gate", 0.5), **options), gate, FORM)


KINDS = {
    "two rewards fail": Case((Reward("a", Table(seed=1, fails=FEW)), Reward("b", Table(seed=4, fails=OTHERS), weight=-0.5), FORM), FEW | OTHERS),
    "a metric fails": Case((Reward("a", Table(seed=1)), Reward("m", Table(seed=4, fails=FEW), weight=0), FORM), frozenset()),
    "a gate fails": Case(gated(Reward("gate", Table(seed=4, fails=FEW))), FEW),
    "a gate that is a metric fails": Case(gated(Reward("gate", Table(seed=4, fails=FEW), weight=0)), FEW),
    "the gate of a metric fails": Case(gated(Reward("gate", Table(seed=4, fails=FEW), weight=0), weight=0), frozenset()),
    "a gate does not apply": Case(gated(Reward("gate", Table(seed=4, skips=FEW))), frozenset()),
    "a gate's failures are given a number": Case(gated(Reward("gate", Table(seed=4, fails=FEW), on_error=1.0)), frozenset()),
    "failures are given a number": Case((Reward("a", Table(seed=1, fails=FEW), on_error=-1.0), FORM), frozenset()),
    "a gate of a gate fails": Case(
        (Reward("last", Table(seed=5), gate=Gate("gated", 0.5)), *gated(Reward("gate", Table(seed=4, fails=FEW), weight=0), weight=0)), FEW
    ),
    "nothing but form applies": Case((Reward("a", Table(seed=1, skips=FEW)), FORM), frozenset()),
    "only a metric applies": Case((Reward("a", Table(seed=1, skips=FEW)), Reward("m", Table(seed=4), weight=0)), FEW),
    "every row of a group fails": Case((Reward("a", Table(seed=1, fails=frozenset(range(GROUP)))), FORM), frozenset(range(GROUP))),
    "all but one row of a group fail": Case((Reward("a", Table(seed=1, fails=frozenset(range(1, GROUP)))), FORM), frozenset(range(1, GROUP))),
}

GRPO = {
    f"GRPO, {aggregation}, scaled by {scale}": {"scale_rewards": scale, "multi_objective_aggregation": aggregation}
    for scale in ("group", "batch", "none")
    for aggregation in ("sum_then_normalize", "normalize_then_sum")
}
RLOO = {"RLOO": {"normalize_advantages": False}, "RLOO, normalized": {"normalize_advantages": True}}
PPO = {f"PPO, critic {critic}": {"critic": critic, "beta": beta} for critic, beta in (("separate", 0.05), ("shared", 0.0), ("none", 0.0))}

COMMON = {
    "per_device_train_batch_size": ROWS // WORLD, "max_steps": 1, "shuffle_dataset": False, "use_cpu": True, "bf16": False, "report_to": "none",
    "gradient_checkpointing": False, "save_strategy": "no", "disable_tqdm": True, "max_completion_length": 2, "learning_rate": 1e-4,
}  # fmt: skip


def run(folder: str, algorithm: str, case: Case, kept: Sequence[int] | None = None) -> dict[str, Any]:
    """A training step of a case.

    Args:
        kept: for PPO, the rows to train on, all by default; they keep their places in the table.

    Returns:
        rows: for each row of the whole batch its scores by reward (as the columns keep them), `scorable`, and `advantage` (PPO: a list).
        tallies: the ledger of each reward, of this process's rows.
        unscorable: what was logged under `rewards/unscorable_rows`.
    """
    rubric = Rubric(case.rewards, max_error_rate=1.0)
    evaluations: list[Any] = []
    functions = reward_functions(rubric, lambda batch, evaluation: evaluations.append(evaluation))
    prompts = [f"{place % 8}+{place // 8}=?" for place in range(ROWS)] if algorithm in PPO else [f"{place}+1=?" for place in range(ROWS // GROUP)]
    options = {"reward_weights": rubric.reward_weights, **COMMON, **{**GRPO, **RLOO, **PPO}[algorithm]}
    parts: dict[str, Any] = {"processing_class": tiny.tokenizer(), "train_dataset": Dataset.from_dict({"prompt": prompts})}
    model = tiny.policy()
    model.config._name_or_path = os.path.join(folder, "anchor")
    if algorithm in PPO:
        if kept is not None:
            parts["train_dataset"] = parts["train_dataset"].select(kept)
            options["per_device_train_batch_size"] = len(kept)
            functions = [lambda completions, **_: [totals_of(case)[row] for row in kept]]
            options["reward_weights"] = None
        trainer = PPOTrainer(model, functions, tiny.config(folder, **{**options, "max_completion_length": 8}), rollout_func=Ragged(), **parts)
        if trainer.critic is not None:
            weight = trainer.critic.head.weight
            weight.data.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    elif algorithm in RLOO:
        trainer = RLOOTrainer(model, functions, RLOOConfig(folder, num_generations=GROUP, beta=0.0, **options), **parts)
    else:
        trainer = GRPOTrainer(model, functions, GRPOConfig(folder, num_generations=GROUP, **options), **parts)
    batches: list[dict[str, Any]] = []
    generate = trainer._generate_and_score_completions
    trainer._generate_and_score_completions = lambda inputs: batches.append(generate(inputs)) or batches[-1]
    trainer.train()
    advantages, mask = batches[0]["advantages"], batches[0]["completion_mask"]
    mine = [row[own.bool()].tolist() for row, own in zip(advantages, mask)] if algorithm in PPO else advantages.tolist()
    found = []
    if evaluations:
        evaluation = evaluations[0]
        assert len(evaluations) == 1
        found = [
            {"scores": {name: column.scores[i] for name, column in evaluation.columns.items()}, "scorable": evaluation.scorable[i], "advantage": one}
            for i, one in enumerate(mine)
        ]
        tallies = {name: {**asdict(tally_of(evaluation, name)), "scored": tally_of(evaluation, name).scored} for name in evaluation.columns}
    else:
        found, tallies = [{"advantage": one} for one in mine], {}
    unscorable = trainer.state.log_history[0].get("rewards/unscorable_rows")
    return {"rows": gather_object(found) if WORLD > 1 else found, "tallies": tallies, "unscorable": unscorable}


def totals_of(case: Case) -> list[float | None]:
    """The weighted total of each row of a case without gates, from its tables."""
    totals: list[float | None] = []
    for row in range(ROWS):
        scores = [(reward.weight, reward.score.result(row).score) for reward in case.rewards if reward.weight]
        known = [weight * score for weight, score in scores if score is not None]
        totals.append(None if row in case.left_out or not known else sum(known))
    return totals


# Of all algorithms one share, of one algorithm all kinds: what two processes are run on.
TWO = [(algorithm, "30% of a judge's rows") for algorithm in (*GRPO, *RLOO, *PPO)] + [
    ("GRPO, sum_then_normalize, scaled by group", kind) for kind in ("two rewards fail", "a gate fails", "every row of a group fails")
]


if __name__ == "__main__":
    results = {key: run(sys.argv[1], key[0], {**SHARES, **KINDS}[key[1]]) for key in TWO}
    if RANK == 0:
        torch.save(results, os.path.join(sys.argv[1], "advantages.pt"))
