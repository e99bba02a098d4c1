"""Which prompts a rollout has, and how its completions are cut into mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from trl.trainer.utils import RepeatSampler, shuffle_sequence_dict, split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

__all__ = ["EpochSampler", "reshuffled"]


class EpochSampler(RepeatSampler):
    """TRL's RepeatSampler with a permutation that depends on the seed and the epoch alone, so that a resumed run goes on with its own.

    TRL draws one permutation after another from one generator, which begins anew in a resumed process.
    """

    epoch: Callable[[], float] = staticmethod(lambda: 0.0)

    @classmethod
    def like(cls, sampler: RepeatSampler, seed: int, epoch: Callable[[], float]) -> EpochSampler:
        """Sample as `sampler` does, the permutation being that of `epoch()`, the trainer's."""
        made = cls(sampler.data_source, sampler.mini_repeat_count, sampler.batch_size, sampler.repeat_count, sampler.shuffle, seed)
        made.epoch = epoch
        return made

    def __iter__(self) -> Iterator[int]:
        if self.shuffle:
            self.generator.manual_seed(self.seed)
            for _ in range(int(self.epoch() + 1e-6)):
                torch.randperm(self.num_samples, generator=self.generator)
        return super().__iter__()


def reshuffled(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cut a rollout into as many mini-batches anew, at random: each pass sees other ones, as in Huang et al. (2022), detail 6."""
    if len(batches) == 1:
        return batches
    whole = _joined([split_pixel_values_by_grid(batch) for batch in batches])
    return [unsplit_pixel_values_by_grid(batch) for batch in split_tensor_dict(shuffle_sequence_dict(whole), len(batches))]


def _joined(batches: list[dict[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for name, first in batches[0].items():
        parts = [batch[name] for batch in batches]
        if isinstance(first, Tensor) and first.ndim:
            joined[name] = torch.cat(parts)
        elif isinstance(first, list):
            joined[name] = [entry for part in parts for entry in part]
        else:  # None, or one number for the whole rollout
            joined[name] = first
    return joined
