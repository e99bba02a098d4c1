"""The positions that generation gave, for TRL's trainers, which pad prompts on the left and pass none."""

from __future__ import annotations

import logging
from typing import Any

from rl_rewards.models.positions import WithPositions, ignores_padding, takes_positions

__all__ = ["counts_padding", "use_generation_positions"]

logger = logging.getLogger(__name__)

FORWARD = "_get_per_token_logps_and_entropies"  # of GRPOTrainer and RLOOTrainer, and of what derives from them


def counts_padding(trainer: Any) -> bool:
    """Whether a GRPOTrainer's or RLOOTrainer's policy would read padded rows at other positions than generation did, as GPT-2 does."""
    if not hasattr(trainer, FORWARD) or getattr(trainer, "_is_vlm", False) or getattr(trainer, "_gives_positions", False):
        return False
    if _sharded(trainer):  # cannot be tried out of turn
        return takes_positions(_policy(trainer))
    return not ignores_padding(_policy(trainer))


def use_generation_positions(trainer: Any) -> None:
    """Let a GRPOTrainer or RLOOTrainer compute log-probabilities at the positions at which completions were generated.

    Does nothing where the policy has no learned positions, and warns by name where its forward takes none. PPOTrainer needs no such call.
    """
    if not counts_padding(trainer):
        return
    policy = _policy(trainer)
    if not takes_positions(policy):
        logger.warning(
            "%s reads a row that is padded on the left at other positions than when it was generated, and takes no position_ids: its "
            "log-probabilities are right for prompts of one length alone",
            type(policy).__name__,
        )
        return
    forward = getattr(trainer, FORWARD)

    def with_positions(model: Any, *args: Any, **kwargs: Any) -> Any:
        return forward(WithPositions(model), *args, **kwargs)

    setattr(trainer, FORWARD, with_positions)
    trainer._gives_positions = True


def _policy(trainer: Any) -> Any:
    return trainer.accelerator.unwrap_model(trainer.model)


def _sharded(trainer: Any) -> bool:
    return bool(getattr(trainer, "is_deepspeed_enabled", False) or getattr(trainer, "is_fsdp_enabled", False))
