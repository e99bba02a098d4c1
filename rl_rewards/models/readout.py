"""Numbers from a scoring model: values of its head at token positions, by the engine."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from rl_rewards.models.checkpoint import Reading
from rl_rewards.models.engine import ForwardEngine
from rl_rewards.models.outputs import named_numbers, token_logits
from rl_rewards.models.padded import PaddedBatch

logger = logging.getLogger(__name__)

Sequences = Sequence[Sequence[int]]

# The heads of ArmoRM-Llama3-8B (2406.12845), in order: its checkpoint does not name them.
_ARMORM = (
    "helpsteer-helpfulness", "helpsteer-correctness", "helpsteer-coherence", "helpsteer-complexity", "helpsteer-verbosity",
    "ultrafeedback-overall_score", "ultrafeedback-instruction_following", "ultrafeedback-truthfulness", "ultrafeedback-honesty",
    "ultrafeedback-helpfulness", "beavertails-is_safe", "prometheus-score", "argilla-overall_quality", "argilla-judge_lm",
    "code-complexity", "code-style", "code-explanation", "code-instruction-following", "code-readability",
)  # fmt: skip


class Readout(ABC):
    """What is read from a model.

    Attributes:
        columns: names of the K numbers read at a position; `score` is the model's own total.
        engine: what runs the sequences.
        pools: whether the model chooses for itself what it reads of a sequence, whatever the positions.
    """

    columns: tuple[str, ...]
    engine: ForwardEngine
    pools = False

    @abstractmethod
    def __call__(self, sequences: Sequences, positions: Sequences) -> list[torch.Tensor]:
        """Values (P, K) at the P positions of each of N sequences, which are not empty; float32, on the CPU."""

    def alone(self, sequences: Sequences, positions: Sequences) -> list[torch.Tensor]:
        """The same, each sequence by itself through the model's own forward pass: what every other way must agree with."""
        with self.engine.one_at_a_time():
            return [self([ids], [places])[0] for ids, places in zip(sequences, positions, strict=True)]


class HeadReadout(Readout):
    """A causal decoder and its head apart: prefixes are shared, nothing is padded, and the head computes in float32."""

    def __init__(self, backbone: PreTrainedModel, head: nn.Module, columns: tuple[str, ...], **options: Any) -> None:
        self.columns = columns
        self.engine = ForwardEngine(backbone, **options)
        self._head = copy.deepcopy(head).float().eval()

    def __call__(self, sequences: Sequences, positions: Sequences) -> list[torch.Tensor]:
        self._head.to(self.engine.device)
        with torch.inference_mode():
            return self.engine.at(sequences, positions, self._head)


class SequenceReadout(Readout):
    """A model that pools for itself (an encoder, custom code): one row of numbers a sequence, whatever the positions."""

    pools = True

    def __init__(self, model: nn.Module, output: str | None, probe: Sequence[int], names: Sequence[str] | None, **options: Any) -> None:
        self.engine = ForwardEngine(model, **options)
        self._output = output
        self.columns, _ = self._read(self.engine.forward_one(probe), 1)
        heads = [column for column in self.columns if column.startswith("head_")]
        if names is not None and len(names) == len(heads):
            named = dict(zip(heads, names, strict=True))
            self.columns = tuple(named.get(column, column) for column in self.columns)

    def __call__(self, sequences: Sequences, positions: Sequences) -> list[torch.Tensor]:
        return [values[None] for values in self.engine.run(sequences, lambda output, batch: self._read(output, len(batch.lengths))[1])]

    def _read(self, output: Any, rows: int) -> tuple[tuple[str, ...], torch.Tensor]:
        return named_numbers(output, rows, self._output)


class TokenReadout(Readout):
    """A model that makes logits at every token in a way of its own; of a language model's, those of the candidates are read."""

    def __init__(self, model: nn.Module, output: str | None, probe: Sequence[int], candidates: Sequence[int] | None = None, **options: Any) -> None:
        self.engine = ForwardEngine(model, **options)
        self._output = output
        self._candidates = None if candidates is None else list(candidates)
        classes = token_logits(self.engine.forward_one(probe), output, self._candidates).shape[-1]
        self.columns = tuple(f"class_{index}" for index in range(classes)) if candidates is None else tuple(map(str, candidates))

    def __call__(self, sequences: Sequences, positions: Sequences) -> list[torch.Tensor]:
        everywhere = self.engine.run(sequences, self._read)
        return [logits[list(places)] for logits, places in zip(everywhere, positions, strict=True)]

    def _read(self, output: Any, batch: PaddedBatch) -> list[torch.Tensor]:
        logits = token_logits(output, self._output, self._candidates)
        spans = zip(logits, batch.starts.tolist(), batch.lengths.tolist(), strict=True)
        return [row[start : start + length] for row, start, length in spans]


def readout_of(
    model: PreTrainedModel,
    reading: Reading,
    probe: Sequence[int],
    *,
    output: str | None = None,
    candidates: Sequence[int] | None = None,
    **options: Any,
) -> Readout:
    """The fastest readout that agrees with the model's own forward pass on a probe.

    Args:
        model: as `load_model` returns it.
        reading: what to read; see `Reading`.
        probe: token ids of a short conversation.
        output: which member of a custom output to read.
        candidates: for next_token, the token ids whose logits are read.
        options: of the ForwardEngine.

    Raises:
        OutputError: when the model returns nothing that can be read so.
    """
    if output is None:
        split = _split(model, candidates)
        count = None if split is None else _heads_apart(model, *split, probe, reading, candidates)
        if split is not None and count is not None:
            return HeadReadout(*split, _labels(model, count) if candidates is None else tuple(map(str, candidates)), **options)
    if reading != "sequence":
        return TokenReadout(model, output, probe, candidates, **options)
    names = _ARMORM if "RewardModelWithGating" in type(model).__name__ else _named_labels(model)
    return SequenceReadout(model, output, probe, names, **options)


def _split(model: PreTrainedModel, candidates: Sequence[int] | None) -> tuple[PreTrainedModel, nn.Module] | None:
    """Backbone and head of a model whose head is one linear layer over hidden states."""
    backbone = getattr(model, getattr(model, "base_model_prefix", "") or "model", None)
    if not isinstance(backbone, PreTrainedModel):
        return None
    if candidates is not None:
        if getattr(model.config.get_text_config(), "final_logit_softcapping", None):
            return None  # near zero a capped logit differs from the logit by less than rounding does
        embeddings = model.get_output_embeddings()
        head = nn.Linear(embeddings.in_features, len(candidates), bias=embeddings.bias is not None, device=embeddings.weight.device)
        head.weight.data = embeddings.weight.data[list(candidates)].float()
        if embeddings.bias is not None:
            head.bias.data = embeddings.bias.data[list(candidates)].float()
        return backbone, head
    head = getattr(model, "score", None)
    return (backbone, head) if isinstance(head, nn.Module) else None


@torch.inference_mode()
def _heads_apart(
    model: PreTrainedModel,
    backbone: PreTrainedModel,
    head: nn.Module,
    probe: Sequence[int],
    reading: Reading,
    candidates: Sequence[int] | None,
) -> int | None:
    """How many numbers the head gives; None when the head over the last hidden states is not all that the model does."""
    try:
        hidden = ForwardEngine(backbone).forward_one(probe).last_hidden_state[0]
    except Exception as error:  # a backbone that needs more than token ids, such as a decoder's start
        logger.debug("%s is not read apart from its head", type(model).__name__, exc_info=error)
        return None
    output = ForwardEngine(model).forward_one(probe)
    logits = getattr(output, "logits", None)
    if logits is None or getattr(output, "score", None) is not None or getattr(output, "rewards", None) is not None:
        return None  # heads of its own
    ours = copy.deepcopy(head).float()(hidden.float())
    theirs = logits[0, :, list(candidates)] if candidates is not None else logits[0]
    if reading == "sequence":
        pad = getattr(model.config, "pad_token_id", None)
        real = [place for place, token in enumerate(probe) if token != pad] or [0]
        ours = ours[real[-1] if pad is not None else -1]
    if ours.shape != theirs.shape:
        return None
    tolerance = 2e-5 if model.dtype in (torch.float32, torch.float64) else 0.05
    close = torch.allclose(ours, theirs.float(), rtol=tolerance, atol=tolerance * max(1.0, theirs.float().abs().max().item()))
    return theirs.shape[-1] if close else None


def _labels(model: PreTrainedModel, count: int) -> tuple[str, ...]:
    names = _named_labels(model)
    return tuple(names if names is not None and len(names) == count else (f"head_{head}" for head in range(count)))


def _named_labels(model: Any) -> list[str] | None:
    """The checkpoint's own names of its heads; None when they are transformers' numbers."""
    labels = getattr(model.config, "id2label", None) or {}
    names = [str(labels[index]) for index in sorted(labels)]
    return None if all(name.startswith("LABEL_") for name in names) else names
