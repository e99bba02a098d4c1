"""Which token of a conversation a reward model is read at, and the numbers that it gives there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rl_rewards.types import EvaluateResult, Outcome

if TYPE_CHECKING:
    import torch

    from rl_rewards.models.readout import Readout
    from rl_rewards.scorers.reward_model.loaded import Loaded

logger = logging.getLogger(__name__)

Pooling = Literal["last", "last_non_pad"]


def check_pooling(model: str, ready: Loaded, pooling: Pooling | None) -> None:
    """Warn once where the token to read is ambiguous.

    Raises:
        ValueError: when `pooling` is set for a model that pools for itself.
    """
    if ready.readout.pools:
        if pooling is not None:
            raise ValueError(f"pooling must be unset for a {ready.readout.engine.model_name}, which pools for itself; got {pooling!r}")
    elif pooling is None and ready.ends_in_pad:
        ready.warn_once(
            f"{model}: conversations end in {ready.renderer.tokenizer.decode([ready.pad])!r}, which is the checkpoint's pad token too. The score is "
            "read at the token before it, as transformers and TRL's RewardTrainer read it. A model that was trained to be read at the end token "
            "itself needs `pooling: last`; set `pooling` to choose"
        )


def pooled_position(ids: Sequence[int], ready: Loaded, pooling: Pooling | None) -> int:
    """The position that is read; by default the one that transformers reads: the last that is not the checkpoint's pad token."""
    pad = None if pooling == "last" else ready.pad
    if pooling == "last_non_pad" and pad is None:
        pad = ready.renderer.tokenizer.pad_token_id
    return next((place for place in range(len(ids) - 1, 0, -1) if ids[place] != pad), 0)


def read_rows(readout: Readout, ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]) -> list[torch.Tensor | EvaluateResult]:
    """Numbers (positions, heads) of each row, or the failure of a row that the model refuses; the other rows are read all the same."""
    try:
        return list(readout(ids, positions))
    except Exception as error:
        if len(ids) > 1:
            logger.debug("A batch of %d rows is read row by row", len(ids), exc_info=error)
            return [each for row, places in zip(ids, positions, strict=True) for each in read_rows(readout, [row], [places])]
        logger.warning("%s refuses a conversation of %d tokens", readout.engine.model_name, len(ids[0]), exc_info=error)
        text = f"{readout.engine.model_name} refuses this conversation of {len(ids[0])} tokens ({type(error).__name__}: {error})"
        return [EvaluateResult.failure(Outcome.ERROR, text)]
