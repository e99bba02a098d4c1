"""What a model makes of a sequence's length: how long one may be, and which lengths may go through the model together.

Some models compute short sequences in another way than long ones, and take the length of the whole batch for it. Rows on both sides of
such a threshold must never share a forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any

from torch import nn

_NO_LIMIT = 10**9  # transformers writes 1e30 for a tokenizer without a limit
_POSITION_TABLES = {"position_embeddings", "position_embedding", "embed_positions", "positions_embed", "char_position_embeddings", "wpe"}


class LengthClasses:
    """Length -> its class: sequences of one class are computed alike, whatever the longest of them.

    The classes known: longrope (2402.13753) has other frequencies beyond its original length; dynamic NTK has other ones for every length
    beyond its own; BigBird (2007.14062) attends fully up to a threshold and, beyond it, sparsely over whole blocks.
    """

    def __init__(self, model: nn.Module) -> None:
        self._thresholds: list[tuple[float, float]] = []
        """(longest length of the first class, lengths in each further class)."""
        for settings, limit in _settings(model):
            kind = _rope_type(settings)
            if kind in ("longrope", "su"):
                self._thresholds.append((settings.get("original_max_position_embeddings") or limit, math.inf))
            elif "dynamic" in kind:
                self._thresholds.append((limit, 1))
            elif settings.get("attention_type") == "block_sparse":
                self._thresholds.append(((5 + 2 * settings["num_random_blocks"]) * settings["block_size"], settings["block_size"]))

    def __call__(self, length: int) -> Hashable:
        """The class of a length in tokens."""
        return tuple(0 if length <= first else 1 if further == math.inf else 1 + math.ceil(length / further) for first, further in self._thresholds)

    def split(self, rows: list[int], lengths: list[int]) -> list[list[int]]:
        """Rows of one class together, in their order; the class of the longest first."""
        if not self._thresholds:
            return [rows]
        classes: dict[Hashable, list[int]] = {}
        for row in rows:
            classes.setdefault(self(lengths[row]), []).append(row)
        return sorted(classes.values(), key=lambda members: max(lengths[row] for row in members), reverse=True)


def breaks_ties(model: nn.Module) -> bool:
    """Whether the model keeps only the best-scored keys of each query (DeepSeek Sparse Attention), where ties go by what else is in the batch."""
    return any(settings.get("index_topk") for settings, _ in _settings(model))


def longest_sequence(model: nn.Module, tokenizer: Any, max_length: int | None) -> int | None:
    """The longest sequence in tokens that a model takes; None without a limit.

    A table of positions is a hard limit. What configuration and tokenizer declare holds where the user says nothing; `max_length` replaces
    the tokenizer's, and the configuration's where positions scale with the length (dynamic NTK).

    Args:
        model: whose configuration and tables of positions count.
        tokenizer: its `model_max_length` counts.
        max_length: the user's.
    """
    declared = [limit for limit in (_declared(model, max_length), max_length or tokenizer.model_max_length) if limit]
    return min((limit for limit in (*declared, *_table_sizes(model)) if 0 < limit < _NO_LIMIT), default=None)


def _declared(model: nn.Module, max_length: int | None) -> int | None:
    config = getattr(model, "config", None)
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None and hasattr(config, "get_text_config"):
        limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    for settings, length in _settings(model):
        if "dynamic" in _rope_type(settings) and length == limit:
            return max_length or int(length * settings.get("factor", 1))
    return limit


def _table_sizes(model: nn.Module) -> Iterator[int]:
    """Usable positions of every table of learned positions."""
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if name.rpartition(".")[2] in _POSITION_TABLES and getattr(weight, "ndim", 0) == 2:
            padding = getattr(module, "padding_idx", None)
            # RoBERTa and its kin count positions from behind the padding's; OPT and BART from a fixed offset.
            yield len(weight) - (getattr(module, "offset", 0) if padding is None else padding + 1)


def _rope_type(settings: dict[str, Any]) -> str:
    """The type of rotary positions that the settings are of; empty where they are of something else."""
    return str(settings.get("rope_type") or (settings.get("type") if "factor" in settings or "long_factor" in settings else None) or "")


def _settings(model: nn.Module) -> Iterator[tuple[dict[str, Any], float]]:
    """Every dict within the model's configuration, itself included, with the `max_position_embeddings` that holds there."""
    config = getattr(model, "config", None)
    pending: list[tuple[Any, float]] = [(config.to_dict(), math.inf)] if hasattr(config, "to_dict") else []
    while pending:
        settings, limit = pending.pop()
        limit = settings.get("max_position_embeddings") or limit
        yield settings, limit
        pending += [(value, limit) for value in settings.values() if isinstance(value, dict)]
