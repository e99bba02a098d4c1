"""Rows without a score, left out of the loss of TRL's trainers too, and not of their advantages alone.

TRL gives such a row an advantage of 0. But its tokens, or the row itself, would be among those that the loss is divided by, and what a loss
has beside the advantages (KL, entropy, the quantile of entropies) would be taken over it: a reward that fails would weaken and move the
gradient of the other rows. Written to TRL 1.16: a loss reads which tokens count from `tool_mask`, and is linear in advantages and `beta`.

Functions beside a rubric score the rows on which its rewards failed, too, and TRL would train on those scores alone: they have none there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["can_leave_out", "leave_out_of_loss", "leave_out_of_rewards", "leaves_out", "note_scorable"]

_WRAPPED = ("_calculate_rewards", "_generate_and_score_completions", "_compute_loss")
_TOKEN_MEANS = ("dapo", "bnpo", "cispo", "vespo")  # these losses are means over tokens; all others are means over rows
_SHARE = "rows_per_scored_row"
_SCORABLE = "_scorable_rows"


def leaves_out(trainer: Any) -> bool:
    """Whether a row on which a reward of a rubric fails is left out of all that a trainer does from its next batch on."""
    return getattr(trainer, "_leaves_out", False)


def can_leave_out(trainer: Any) -> bool:
    """Whether a trainer works as GRPOTrainer and RLOOTrainer do."""
    return all(hasattr(trainer, name) for name in _WRAPPED)


def note_scorable(trainer: Any, scorable: Sequence[bool]) -> None:
    """Note which rows of this process's batch may be trained on, by one of the trainer's rubrics."""
    if leaves_out(trainer):
        before = getattr(trainer, _SCORABLE, None) or [True] * len(scorable)
        setattr(trainer, _SCORABLE, [a and b for a, b in zip(before, scorable, strict=True)])


def leave_out_of_rewards(trainer: Any, calculate: Callable[[], Any]) -> Any:
    """What the trainer's functions return, (rows of all processes, functions), without the scores of rows that a rubric leaves out.

    Args:
        calculate: calls the functions, and gathers.
    """
    import torch

    setattr(trainer, _SCORABLE, None)
    rewards = calculate()
    rows = len(rewards) // trainer.accelerator.num_processes
    scorable = torch.tensor(getattr(trainer, _SCORABLE) or [True] * rows, device=rewards.device)
    return rewards.masked_fill(~trainer.accelerator.gather(scorable).unsqueeze(1), torch.nan)


def leave_out_of_loss(trainer: Any) -> None:
    """Let the loss of a GRPOTrainer or RLOOTrainer be that of the batch without the rows that have no score.

    It holds from the next generation on. Does nothing for other trainers, and for PPOTrainer, which leaves such rows out itself.
    """
    if leaves_out(trainer) or not can_leave_out(trainer):
        return
    calculate, generate, compute_loss = (getattr(trainer, name) for name in _WRAPPED)
    scored: Any = None  # of each row of all processes, whether it has a score

    def calculate_rewards(*args: Any, **kwargs: Any) -> Any:
        nonlocal scored
        rewards = leave_out_of_rewards(trainer, lambda: calculate(*args, **kwargs))
        scored = ~rewards.isnan().all(dim=1)
        return rewards

    def generate_and_score(*args: Any, **kwargs: Any) -> Any:
        rollout = generate(*args, **kwargs)
        if scored is None or bool(scored.all()):
            return rollout
        rows = len(rollout["completion_ids"])
        mine = scored[trainer.accelerator.process_index * rows :][:rows]
        if "num_items_in_batch" in rollout:  # GRPO's
            mask = rollout.get("tool_mask", rollout["completion_mask"]) * mine.unsqueeze(1)
            rollout["tool_mask"] = mask
            rollout["num_items_in_batch"] = trainer.accelerator.reduce((rollout["completion_mask"] * mask).sum(), reduction="sum")
        rollout[_SHARE] = len(scored) / scored.sum().clamp(min=1)
        return rollout

    def loss_of_scored(model: Any, inputs: Any) -> Any:
        if _SHARE not in inputs or _is_token_mean(trainer):
            return compute_loss(model, inputs)
        share, beta = inputs[_SHARE], trainer.beta
        trainer.beta = beta * share.item()
        try:
            return compute_loss(model, {**inputs, "advantages": inputs["advantages"] * share})
        finally:
            trainer.beta = beta

    trainer._calculate_rewards, trainer._generate_and_score_completions, trainer._compute_loss = calculate_rewards, generate_and_score, loss_of_scored
    trainer._leaves_out = True


def _is_token_mean(trainer: Any) -> bool:
    from trl.trainer.grpo_trainer import GRPOTrainer  # there, as one of its trainers is

    return getattr(type(trainer), "_compute_loss", None) is GRPOTrainer._compute_loss and trainer.loss_type in _TOKEN_MEANS
