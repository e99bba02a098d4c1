"""Run token sequences through a model as fast as the model allows, with the result that each would have had alone.

How to use it:

    engine = ForwardEngine(model, pad_token_id=tokenizer.pad_token_id)

    # any model: one tensor a sequence, read from what the model returned for a padded batch
    scores = engine.run(sequences, lambda output, batch: output.logits.float())
    embeddings = engine.run(sequences, mean_pooled)

    # a causal decoder without its head: a head's values at chosen positions
    values = ForwardEngine(model.model, pad_token_id=0).at(sequences, [[len(ids) - 1] for ids in sequences], head)

Equal sequences are computed once. The way through is chosen by what the model can do, and it is tried before it is trusted: on the first
call a few rows go through alone and together, and a way whose results differ is given up, with a line in the log that says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from transformers import PreTrainedModel

from rl_rewards.models.batches import TokenBudget, batches_by_length, deduplicate
from rl_rewards.models.causal import hidden_states_at, packs, why_not_a_tree
from rl_rewards.models.padded import PaddedBatch, Read, forward_padded

logger = logging.getLogger(__name__)

Way = Literal["tree", "right", "left", "equal"]
"""tree: shared prefixes once, no padding. right, left: padded on that side. equal: only sequences of one length together."""

_WHAT = {
    "tree": "shared prefixes computed once, no padding",
    "right": "batches padded on the right",
    "left": "batches padded on the left",
    "equal": "batches of equal length only",
}
_CPU_TOKENS, _GPU_TOKENS = 4096, 32768
_PROBE_ROWS = 6
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_TOLERANCE_16_BIT = 0.1  # both in units of the spread between rows: rounding is far below, a wrong mask or position far above

Head = Callable[[torch.Tensor], torch.Tensor]
Compute = Callable[[list[tuple[int, ...]], Way], list[torch.Tensor]]


class ForwardEngine:
    """Computes sequences with one model.

    Args:
        model: in eval mode, on its device.
        pad_token_id: what to pad with; any id of the vocabulary will do, it is masked.
        token_budget: tokens per forward pass; by default 4096 on a CPU, where larger ones stop helping, and 32768 on a GPU. Halved, with a
            line in the log, when memory runs out.
        share_prefixes: False keeps even a causal decoder to padded batches.

    Raises:
        ValueError: when the budget is not positive.
    """

    def __init__(self, model: torch.nn.Module, *, pad_token_id: int = 0, token_budget: int | None = None, share_prefixes: bool = True) -> None:
        self.model = model
        self.pad_token_id = pad_token_id
        self.budget = TokenBudget(token_budget or (_CPU_TOKENS if self.device.type == "cpu" else _GPU_TOKENS))
        self.share_prefixes = share_prefixes
        self._ways: dict[str, Way] = {}

    @property
    def device(self) -> torch.device:
        """Where the model is now."""
        return next(self.model.parameters()).device

    def run(self, sequences: Sequence[Sequence[int]], read: Read) -> list[torch.Tensor]:
        """What `read` takes from the model's output, for each sequence.

        Args:
            sequences: N token id sequences, none empty.
            read: (output, PaddedBatch) -> one tensor for each sequence of the batch; it must look at its own row only.

        Returns:
            N tensors on the CPU, in the sequences' order.
        """
        rows, index = deduplicate([tuple(sequence) for sequence in sequences])
        with self._exactly():
            results = self._padded(_arrays(rows), read, self._way_to_run(rows, read)) if rows else []
        return [results[place] for place in index]

    def at(self, sequences: Sequence[Sequence[int]], positions: Sequence[Sequence[int]], head: Head) -> list[torch.Tensor]:
        """A head's values at chosen positions of a causal decoder's last hidden states.

        Args:
            sequences: N token id sequences, none empty.
            positions: for each sequence the P positions to read, ascending.
            head: (rows, hidden size) in float32, on the model's device -> (rows, K).

        Returns:
            N tensors (P, K) on the CPU, in the sequences' order.
        """
        rows, index = deduplicate([(tuple(ids), tuple(places)) for ids, places in zip(sequences, positions, strict=True)])
        if not rows:
            return []
        with self._exactly():
            results = self._at(rows, head, self._way_at(rows, head))
        return [results[place] for place in index]

    def forward_one(self, sequence: Sequence[int]) -> Any:
        """What the model returns for one sequence, just as it is."""
        with self._exactly():
            return self.model(input_ids=torch.tensor([list(sequence)], device=self.device))

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Compute every sequence by itself, in the model's own forward pass: the standard that every way is held to."""
        ways, self._ways = self._ways, {"run": "equal", "at": "equal"}
        try:
            yield
        finally:
            self._ways = ways

    def way(self, of: Literal["run", "at"]) -> Way | None:
        """The way that was chosen, or None before the first call."""
        return self._ways.get(of)

    @contextmanager
    def _exactly(self) -> Iterator[None]:
        # A trainer's autocast is for its own model; under it float32 scores would be rounded to bfloat16.
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            yield

    def _at(self, rows: list[tuple[tuple[int, ...], tuple[int, ...]]], head: Head, way: Way) -> list[torch.Tensor]:
        if way != "tree":
            reads = [_hidden_at(places, head) for _, places in rows]
            return self._padded(_arrays([ids for ids, _ in rows]), reads, way)
        # Rows that differ only in the positions they read are one sequence.
        distinct, index = deduplicate([ids for ids, _ in rows])
        wanted: list[set[int]] = [set() for _ in distinct]
        for place, (_, places) in zip(index, rows, strict=True):
            wanted[place].update(places)
        sequences, ascending = _arrays(distinct), [sorted(places) for places in wanted]

        def forward(batch: list[int]) -> list[torch.Tensor]:
            states = hidden_states_at(self.model, [sequences[row] for row in batch], [ascending[row] for row in batch])
            values = head(torch.cat(states).float()).float().cpu()
            return list(values.split([len(state) for state in states]))

        values = self.budget.run(len(sequences), lambda pending, tokens: packs(sequences, pending, tokens), forward)
        return [values[place][[ascending[place].index(position) for position in places]] for place, (_, places) in zip(index, rows, strict=True)]

    def _padded(self, sequences: list[np.ndarray], read: Read | list[Read], way: Way) -> list[torch.Tensor]:
        lengths = [len(sequence) for sequence in sequences]

        def plan(pending: list[int], tokens: int) -> list[list[int]]:
            batches = [[pending[row] for row in batch] for batch in batches_by_length([lengths[row] for row in pending], tokens)]
            return batches if way != "equal" else [part for batch in batches for part in _of_one_length(batch, lengths)]

        def forward(batch: list[int]) -> list[torch.Tensor]:
            results = forward_padded(
                self.model,
                [sequences[row] for row in batch],
                read if callable(read) else _each([read[row] for row in batch]),
                pad_token_id=self.pad_token_id,
                side="left" if way == "left" else "right",
                device=self.device,
            )
            return [result.cpu() for result in results]

        return self.budget.run(len(sequences), plan, forward)

    def _way_to_run(self, rows: list[tuple[int, ...]], read: Read) -> Way:
        def compute(probe: list[tuple[int, ...]], way: Way) -> list[torch.Tensor]:
            return self._padded(_arrays(probe), read, way)

        return self._choose("run", ("right", "left"), _probe_rows(rows), compute)

    def _way_at(self, rows: list[tuple[tuple[int, ...], tuple[int, ...]]], head: Head) -> Way:
        def compute(probe: list[tuple[int, ...]], way: Way) -> list[torch.Tensor]:
            return self._at([(ids, tuple(sorted({len(ids) // 2, len(ids) - 1}))) for ids in probe], head, way)

        reason = "sharing is turned off" if not self.share_prefixes else _why_not(self.model)
        if reason is not None and "at" not in self._ways:
            logger.info("%s cannot share prefixes: %s", type(self.model).__name__, reason)
        ways: tuple[Way, ...] = ("right", "left") if reason else ("tree", "right", "left")
        return self._choose("at", ways, _probe_rows([ids for ids, _ in rows]), compute)

    def _choose(self, name: str, ways: Sequence[Way], probe: list[tuple[int, ...]], compute: Compute) -> Way:
        if name in self._ways:
            return self._ways[name]
        alone = [compute([row], "equal")[0] for row in probe]
        if len(probe) < 2:
            return "equal"  # nothing to tell the ways apart by; look again at the next call
        for way in ways:
            # Whatever a model that we have never seen raises, a way that it cannot go is a reason to take the next one.
            try:
                difference = _difference(alone, compute(probe, way))
            except Exception as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                logger.warning("%s: no %s: %s", type(self.model).__name__, _WHAT[way], error)
                continue
            if difference <= self._tolerance:
                self._ways[name] = way
                logger.info("%s: %s", type(self.model).__name__, _WHAT[way])
                return way
            logger.warning(
                "%s: no %s: there its results differ from those of single sequences by %.2g of their spread",
                type(self.model).__name__,
                _WHAT[way],
                difference,
            )
        logger.warning("%s: %s, the only way in which its results do not depend on the batch", type(self.model).__name__, _WHAT["equal"])
        self._ways[name] = "equal"
        return "equal"

    @property
    def _tolerance(self) -> float:
        return _TOLERANCE.get(next(self.model.parameters()).dtype, _TOLERANCE_16_BIT)


def _why_not(model: Any) -> str | None:
    if not isinstance(model, PreTrainedModel):
        return "it is not a transformers model"
    if len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1:
        return "it is spread over several devices"
    return why_not_a_tree(model)


def _probe_rows(rows: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """A few rows of different lengths with common beginnings: short rows of the batch, and what is left of them without their ends."""
    shortest = sorted(rows, key=len)[: _PROBE_ROWS // 2]
    cut = [row[: max(1, len(row) - 1 - 3 * place)] for place, row in enumerate(shortest)]
    return list(dict.fromkeys([*shortest, *cut]))


def _difference(alone: list[torch.Tensor], together: list[torch.Tensor]) -> float:
    """Mean difference in units of the mean spread between rows; infinite where shapes differ or a number is not finite."""
    if [one.shape for one in alone] != [other.shape for other in together]:
        return math.inf
    one, other = torch.cat([part.flatten().float() for part in alone]), torch.cat([part.flatten().float() for part in together])
    if not torch.isfinite(other).all():
        return math.inf
    spread = (one - one.mean()).abs().mean()
    return ((one - other).abs().mean() / (spread + 1e-6)).item()


def _hidden_at(positions: Sequence[int], head: Head) -> Callable[[torch.Tensor, int], torch.Tensor]:
    def read(hidden: torch.Tensor, start: int) -> torch.Tensor:
        return head(hidden[[start + position for position in positions]].float()).float()

    return read


def _each(reads: list[Callable[[torch.Tensor, int], torch.Tensor]]) -> Read:
    def read(output: Any, batch: PaddedBatch) -> list[torch.Tensor]:
        starts = batch.starts.tolist()
        return [one(output.last_hidden_state[row], starts[row]) for row, one in enumerate(reads)]

    return read


def _of_one_length(batch: list[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    for length in sorted({lengths[row] for row in batch}, reverse=True):
        yield [row for row in batch if lengths[row] == length]


def _arrays(sequences: Sequence[Sequence[int]]) -> list[np.ndarray]:
    return [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
