"""What scoring a row costs, by a sample of the data: whether a cluster pays."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from itertools import islice

from rl_rewards.scale.processes import in_processes
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.scale.splitting import Split
from rl_rewards.tables.batches import batches
from rl_rewards.tables.blocks import Block, BlockSize, Source
from rl_rewards.tables.tokenizing import tokenize_with

__all__ = ["PAYS_FROM", "seconds_per_row"]

PAYS_FROM = 1e-3
"""Seconds a row from which on Ray's own work is small beside the scoring."""
_ROWS = 256
_SECONDS = 0.5


def seconds_per_row(reference: RubricReference, split: Split, source: Source, tokenizer: str | None = None) -> float | None:
    """Seconds that a row takes in one process, by the first rows of the data, once what is loaded on the first call is loaded.

    They are scored in a process of their own, which a reward may crash.

    Returns:
        None where it is not measured: rewards that load models or call servers are not run for a sample, there may be no row, or it fails.
    """
    if split.models or split.servers or split.ordered:
        return None
    first = islice(source.blocks(BlockSize(_ROWS)), 1)
    try:
        return next(in_processes(_Sampling(reference, source, tokenizer), first, 1), None)
    except Exception:  # the run meets it, too, and says which row it was
        return None


@dataclass
class _Sampling:
    reference: RubricReference
    source: Source
    tokenizer: str | None

    def __call__(self, block: Block) -> float | None:
        logging.disable()  # a row that fails is said by the run, which meets it, too
        rubric, rows = self.reference.load(), self.source.rows(block)
        samples = [sample for batch in batches(rows, lambda row: None, True, tokenize_with(self.tokenizer)) for sample in batch.samples]
        if len(samples) < 2:
            return None
        rubric.evaluate(samples[:1])
        done, size, started = 0, 1, time.perf_counter()
        while done < len(samples) - 1 and time.perf_counter() - started < _SECONDS:
            batch = samples[1 + done : 1 + done + size]
            rubric.evaluate(batch)
            done, size = done + len(batch), size * 2
        return (time.perf_counter() - started) / done
