"""Run token sequences through a model as fast as the model allows, with the result that each would have had alone.

How to use it:

    engine = ForwardEngine(model, pad_token_id=tokenizer.pad_token_id)

    # any model: one tensor a sequence, read from what the model returned for a padded batch
    scores = engine.run(sequences, lambda output, batch: output.logits.float())
    embeddings = engine.run(sequences, mean_pooled)

    # a causal decoder without its head: a head's values at chosen positions
    values = ForwardEngine(model.model, pad_token_id=0).at(sequences, [[len(ids) - 1] for ids in sequences], head)

Equal sequences are computed once. The way through is chosen by what the model can do, and it is tried before it is trusted: on the first
call, and when rows have grown much longer, a few rows go through alone and together, and a way whose results differ is given up, with a
line in the log that says so. Sequences of lengths that the model computes in different ways never share a forward pass, and what a pass
leaves behind in the model is undone after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from transformers import PreTrainedModel

from rl_rewards.models.batches import TokenBudget, batches_by_length, deduplicate, out_of_memory
from rl_rewards.models.causal import hidden_states_at, packs, why_not_a_tree
from rl_rewards.models.lengths import LengthClasses, breaks_ties
from rl_rewards.models.padded import PaddedBatch, Read, forward_padded
from rl_rewards.models.probing import WHAT, Compute, Prober, Row, Way, reason
from rl_rewards.models.state import ModuleState

logger = logging.getLogger(__name__)

_CPU_TOKENS, _GPU_TOKENS = 4096, 32768

Head = Callable[[torch.Tensor], torch.Tensor]
Forward = Callable[[list[int]], list[torch.Tensor]]
Call = Literal["run", "at"]


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
        self._probers: dict[Call, Prober] = {}
        self._classes = LengthClasses(model)
        self._single = self._probing = False
        self._state: ModuleState | None = None

    @property
    def model_name(self) -> str:
        """The model's class."""
        return type(self.model).__name__

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
            results = self._at(rows, head, self._way_at([ids for ids, _ in rows], head))
        return [results[place] for place in index]

    def forward_one(self, sequence: Sequence[int]) -> Any:
        """What the model returns for one sequence, just as it is."""
        with self._exactly():
            input_ids = torch.tensor([list(sequence)], device=self.device)
            output = self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids))  # some custom models need a mask
            self._state.restore()
            return output

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Compute every sequence by itself, in the model's own forward pass: the standard that every way is held to."""
        self._single = True
        try:
            yield
        finally:
            self._single = False

    def way(self, of: Call) -> Way | None:
        """The way that was chosen, or None before the first call."""
        return self._probers[of].way if of in self._probers else None

    @contextmanager
    def _exactly(self) -> Iterator[None]:
        # A trainer's autocast is for its own model; under it float32 scores would be rounded to bfloat16.
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            self._state = ModuleState(self.model)
            try:
                yield
            finally:
                self._state.restore()

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

        def plan(pending: list[int], tokens: int) -> list[list[int]]:
            return [batch for rows in self._classes.split(pending, list(map(len, sequences))) for batch in packs(sequences, rows, tokens)]

        def alone(row: int) -> torch.Tensor:
            return self._padded([sequences[row]], [_hidden_at(ascending[row], head)], "alone")[0]

        values = self.budget.run(len(sequences), plan, self._surely(forward, alone))
        return [values[place][[ascending[place].index(position) for position in places]] for place, (_, places) in zip(index, rows, strict=True)]

    def _padded(self, sequences: list[np.ndarray], read: Read | list[Read], way: Way) -> list[torch.Tensor]:
        lengths = [len(sequence) for sequence in sequences]

        def plan(pending: list[int], tokens: int) -> list[list[int]]:
            if way == "alone":
                return [[row] for row in sorted(pending, key=lengths.__getitem__, reverse=True)]
            batches = [
                [rows[place] for place in batch]
                for rows in self._classes.split(pending, lengths)
                for batch in batches_by_length([lengths[row] for row in rows], tokens)
            ]
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

        return self.budget.run(len(sequences), plan, self._surely(forward, None if way == "alone" else lambda row: forward([row])[0]))

    def _surely(self, forward: Forward, alone: Callable[[int], torch.Tensor] | None) -> Forward:
        """`forward`, but row by row through `alone` where the model refuses a batch; and after each pass the model is as it was before."""

        def surely(batch: list[int]) -> list[torch.Tensor]:
            try:
                return forward(batch)
            except Exception as error:
                if alone is None or self._probing or out_of_memory(error):
                    raise
                logger.warning("%s: %s for a batch of %d rows: %s", self.model_name, WHAT["alone"], len(batch), reason(error))
                logger.debug("%s: %s", self.model_name, WHAT["alone"], exc_info=error)
            finally:
                self._state.restore()
            results = []
            for row in batch:
                try:
                    results.append(alone(row))
                finally:
                    self._state.restore()
            return results

        return surely

    def _way_to_run(self, rows: list[Row], read: Read) -> Way:
        return self._choose("run", ("right", "left", "equal"), rows, lambda probe, way: self._padded(_arrays(probe), read, way))

    def _way_at(self, rows: list[Row], head: Head) -> Way:
        def compute(probe: list[Row], way: Way) -> list[torch.Tensor]:
            return self._at([(ids, tuple(sorted({len(ids) // 2, len(ids) - 1}))) for ids in probe], head, way)

        ways: tuple[Way, ...] = ("right", "left", "equal")
        if "at" not in self._probers:
            why_not = "sharing is turned off" if not self.share_prefixes else _why_not(self.model)
            if why_not is None:
                ways = ("tree", *ways)
            else:
                logger.info("%s cannot share prefixes: %s", self.model_name, why_not)
        return self._choose("at", ways, rows, compute)

    def _choose(self, call: Call, ways: tuple[Way, ...], rows: list[Row], compute: Compute) -> Way:
        if self._single:
            return "alone"
        if call not in self._probers:
            if breaks_ties(self.model):
                logger.info("%s: %s, as which keys its attention keeps depends on the batch", self.model_name, WHAT["alone"])
                ways = ()
            self._probers[call] = Prober(self.model_name, ways, next(self.model.parameters()).dtype)
        self._probing = True
        try:
            return self._probers[call].choose(rows, compute)
        finally:
            self._probing = False


def _why_not(model: Any) -> str | None:
    if not isinstance(model, PreTrainedModel):
        return "it is not a transformers model"
    if len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1:
        return "it is spread over several devices"
    return why_not_a_tree(model)


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
