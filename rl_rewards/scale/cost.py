"""What scoring a row costs, by a sample of the data: whether a cluster pays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from rl_rewards.rubric import Rubric
from rl_rewards.scale.splitting import Split
from rl_rewards.tables.blocks import BlockSize, Source
from rl_rewards.types import Sample
from rl_rewards.types.rows import RowError, Tokenize, sample_of

__all__ = ["PAYS_FROM", "seconds_per_row"]

PAYS_FROM = 1e-3
"""Seconds a row from which on Ray's own work is small beside the scoring."""
_ROWS = 256
_SECONDS = 0.5


def seconds_per_row(rubric: Rubric, split: Split, source: Source, tokenize: Tokenize | None = None) -> float | None:
    """Seconds that a row takes in this process, by the first rows of the data, once what is loaded on the first call is loaded.

    Returns:
        None where it is not measured: rewards that load models or call servers are not run for a sample, and there may be no row.
    """
    if split.models or split.servers or split.ordered:
        return None
    samples = list(islice(_samples(source, tokenize), _ROWS))
    if len(samples) < 2:
        return None
    rubric.evaluate(samples[:1])
    done, size, started = 0, 1, time.perf_counter()
    while done < len(samples) - 1 and time.perf_counter() - started < _SECONDS:
        batch = samples[1 + done : 1 + done + size]
        rubric.evaluate(batch)
        done, size = done + len(batch), size * 2
    return (time.perf_counter() - started) / done


def _samples(source: Source, tokenize: Tokenize | None) -> Iterator[Sample]:
    for block in islice(source.blocks(BlockSize(_ROWS)), 2):
        for row in source.rows(block):
            try:
                if row.values is not None:
                    yield sample_of(row.values, 0, tokenize)
            except RowError:
                continue
