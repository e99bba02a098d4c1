"""Rows of a record, one for each completion and reward, as arrays over completions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from rl_rewards.recording.warnings.steps import SKIPPED, TIMEOUT, UNPARSED
from rl_rewards.types import Outcome

pc: Any = pyarrow.compute  # its types know none of its functions

__all__ = ["COLUMNS", "Completions"]

COLUMNS = (
    "step",
    "mode",
    "rank",
    "group",
    "index",
    "completion",
    "tokens",
    "scorable",
    "reward",
    "raw",
    "score",
    "weight",
    "gate",
    "outcome",
    "failed",
    "seconds",
)
"""Columns of a record that are read."""

_OUTCOMES = {Outcome.SKIPPED.value: SKIPPED, Outcome.UNPARSED.value: UNPARSED, Outcome.TIMEOUT.value: TIMEOUT}


class Completions:
    """N completions and the R rewards known so far.

    Args:
        table: rows in which all rewards of a completion are neighbours.
        names, weights: the known rewards' numbers and weights, which grow.

    Attributes:
        values: `score`, `raw`, `gate` (NaN where there is none), `outcome` (codes of `steps`), `failed` and `seconds`, each (N, R); `step`,
            `rank`, `group` (-1 where not known), `scorable`, `tokens`, `characters` and `text` (a code), each (N).
        weights: (R).
    """

    @classmethod
    def of_training(cls, table: pa.Table, names: dict[str, int], weights: dict[str, float]) -> Completions | None:
        """Those of training; None where there are none."""
        rows = table.select(list(COLUMNS)).filter(pc.equal(table["mode"].cast(pa.string()), "train"))
        return cls(rows, names, weights) if rows.num_rows else None

    def __init__(self, table: pa.Table, names: dict[str, int], weights: dict[str, float]) -> None:
        reward_codes, reward_names = _encoded(table["reward"])
        known = np.array([names.setdefault(name, len(names)) for name in reward_names], np.int64)
        column = known[reward_codes]
        for name, weight in zip(reward_names, _last(table["weight"], reward_codes, len(reward_names)), strict=True):
            weights[name] = weight
        self.weights = np.array([weights[name] for name in names], float)
        keys = [_integers(table[name]) for name in ("step", "rank", "index")]
        first = np.ones(table.num_rows, bool)
        first[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
        row, size = np.cumsum(first) - 1, len(names)
        at = np.flatnonzero(first)

        def matrix(values: np.ndarray, empty: float) -> np.ndarray:
            made = np.full((len(at), size), empty)
            made[row, column] = values
            return made

        outcome_codes, outcomes = _encoded(table["outcome"])
        codes = np.array([_OUTCOMES.get(outcome, 0) for outcome in outcomes], float)
        completions = table["completion"].take(pa.array(at))
        text_codes, texts = _encoded(completions)
        lengths = np.array([len(text) for text in texts], float)
        tokens = _floats(table["tokens"].take(pa.array(at)))
        self.values = {
            "score": matrix(_floats(table["score"]), np.nan),
            "raw": matrix(_floats(table["raw"]), np.nan),
            "gate": matrix(_floats(table["gate"].cast(pa.int8())), np.nan),
            "outcome": matrix(codes[outcome_codes], -1.0),
            "failed": matrix(_floats(table["failed"].cast(pa.int8())), 0.0),
            "seconds": matrix(np.nan_to_num(_floats(table["seconds"])), 0.0),
            "step": keys[0][at],
            "rank": keys[1][at],
            "group": _integers(table["group"].take(pa.array(at))),
            "scorable": _floats(table["scorable"].take(pa.array(at)).cast(pa.int8())) != 0,
            "tokens": tokens,
            "characters": lengths[text_codes] if len(texts) else np.zeros(len(at)),
            "text": text_codes,
        }


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """A text column as codes and the texts that they stand for; null is a text of its own, the empty one."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices), encoded.dictionary.to_pylist()


def _integers(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), -1))


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))


def _last(weights: pa.ChunkedArray, codes: np.ndarray, number: int) -> list[float]:
    """The last weight of each reward."""
    values = np.zeros(number)
    values[codes] = _floats(weights)  # numpy keeps the last of several
    return [float(value) for value in values]
