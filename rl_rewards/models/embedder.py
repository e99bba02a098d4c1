"""Text embeddings: a transformers or sentence-transformers model, batched by the engine, with a cache for texts that come again."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import cached_file

from rl_rewards.models.buffers import compute_buffers
from rl_rewards.models.checkpoint import Source, default_device
from rl_rewards.models.engine import ForwardEngine
from rl_rewards.models.lengths import longest_sequence
from rl_rewards.models.padded import PaddedBatch
from rl_rewards.models.sharding import outside_sharding

logger = logging.getLogger(__name__)

Pooling = Literal["mean", "cls", "last"]
"""The mean of all tokens, the first token, or the last."""

_CACHED = 8192  # embeddings; 12 MB of a model with 384 dimensions, 128 MB of one with 4096


class EmbeddingModelError(ValueError):
    """The checkpoint is not an embedding model that can be run as it was trained."""


class Embedder:
    """Texts -> embeddings of length 1.

    Args:
        source: where the model comes from. Of a sentence-transformers model the pooling, the longest text and the letters' case are read
            from its own files; of any other the pooling is the mean and the longest text what its tokenizer declares.
        device: where to; by default this process's accelerator, or the CPU where there is none.
        pooling: how token states become one embedding, instead of the checkpoint's own way.
        max_length: tokens after which a text is cut, instead of the checkpoint's own limit.
        token_budget: tokens per forward pass; see ForwardEngine.

    Raises:
        EmbeddingModelError: when weights are missing, or the checkpoint has modules or a pooling other than these.
    """

    def __init__(
        self,
        source: Source,
        *,
        device: str | None = None,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        token_budget: int | None = None,
    ) -> None:
        hub = {"revision": source.revision, "token": source.token}
        own = _sentence_transformers(source.model, hub)
        if pooling is None and not own:
            logger.warning("%r says nothing of its pooling: taking the mean of its tokens; set `pooling` to settle it", source.model)
        self.pooling: Pooling = pooling or own.get("pooling", "mean")
        self._tokenizer = AutoTokenizer.from_pretrained(source.model, trust_remote_code=source.trust_remote_code, **hub)
        self._lower_case = own.get("lower_case", False)
        with outside_sharding():
            model, info = AutoModel.from_pretrained(
                source.model, dtype=source.dtype, trust_remote_code=source.trust_remote_code, output_loading_info=True, **hub
            )
            compute_buffers(model)
        # A pooler (BERT's dense layer over its first token) is not used, and many checkpoints have none.
        missing = [key for key in info["missing_keys"] if not key.startswith("pooler.")]
        if missing:
            raise EmbeddingModelError(f"{source.model!r} has no weights for {sorted(missing)[:5]}: it would embed with random ones")
        model.to(device or default_device()).eval().requires_grad_(False)
        self.limit = longest_sequence(model, self._tokenizer, max_length or own.get("max_length"))
        self._engine = ForwardEngine(model, pad_token_id=self._tokenizer.pad_token_id or 0, token_budget=token_budget)
        self._cache: OrderedDict[str, tuple[torch.Tensor, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str], keep: Sequence[bool]) -> tuple[torch.Tensor, list[bool]]:
        """Embed texts.

        Args:
            texts: N texts.
            keep: for each whether it will come again, as a reference does: its embedding is kept, up to 8192 of them.

        Returns:
            (N, dimensions) in float32 on the CPU, each row of length 1; and for each whether it was too long and lost its end.
        """
        with self._lock:
            found = {text: self._cache[text] for text, again in zip(texts, keep, strict=True) if again and text in self._cache}
            found |= self._embedded([text for text in dict.fromkeys(texts) if text not in found])
            for text, again in zip(texts, keep, strict=True):
                if again:
                    self._cache[text] = found[text]
                    self._cache.move_to_end(text)
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return torch.stack([found[text][0] for text in texts]), [found[text][1] for text in texts]

    def _embedded(self, texts: list[str]) -> dict[str, tuple[torch.Tensor, bool]]:
        """For each text its embedding, and whether it was cut."""
        whole = [self._ids(text) for text in texts]
        ids = [self._cut(tokens) for tokens in whole]
        cut = [len(short) < len(tokens) for short, tokens in zip(ids, whole, strict=True)]
        return dict(zip(texts, zip(self._engine.run(ids, self._read), cut, strict=True), strict=True))

    def _ids(self, text: str) -> list[int]:
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text to a tokenizer
        return self._tokenizer(text.lower() if self._lower_case else text, truncation=False, verbose=False)["input_ids"]

    def _cut(self, ids: list[int]) -> list[int]:
        """The first tokens, with the special tokens that end a text."""
        if self.limit is None or len(ids) <= self.limit:
            return ids
        special = frozenset(self._tokenizer.all_special_ids)
        tail: list[int] = []
        while len(tail) < self.limit and ids[-1 - len(tail)] in special:
            tail.insert(0, ids[-1 - len(tail)])
        return ids[: self.limit - len(tail)] + tail

    def _read(self, output: Any, batch: PaddedBatch) -> torch.Tensor:
        states = output.last_hidden_state.float()
        if self.pooling == "mean":
            mask = batch.attention_mask[..., None]
            pooled = (states * mask).sum(1) / mask.sum(1)
        else:
            places = batch.starts if self.pooling == "cls" else batch.starts + batch.lengths - 1
            pooled = states[torch.arange(len(states), device=states.device), places]
        return torch.nn.functional.normalize(pooled, dim=1)


def _sentence_transformers(model: str, hub: dict[str, Any]) -> dict[str, Any]:
    """What a sentence-transformers model says of itself: pooling, max_length, lower_case; empty for any other model."""
    modules = _json(model, "modules.json", hub)
    if modules is None:
        return {}
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    if unknown := [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]:
        raise EmbeddingModelError(f"{model!r} has the sentence-transformers modules {kinds}; {unknown} are not supported")
    pooling = next((module["path"] for module, kind in zip(modules, kinds, strict=True) if kind == "Pooling"), None)
    settings = _json(model, f"{pooling}/config.json", hub) or {} if pooling else {}
    own = _json(model, "sentence_bert_config.json", hub) or {}
    return {"pooling": _pooling(model, settings), "max_length": own.get("max_seq_length"), "lower_case": own.get("do_lower_case", False)}


def _pooling(model: str, settings: dict[str, Any]) -> Pooling:
    """The one pooling of a Pooling module's settings, in the spelling of before or after version 5."""
    spelt = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "last", "mean": "mean", "cls": "cls"}
    chosen = [key.removeprefix("pooling_mode_") for key, is_set in settings.items() if key.startswith("pooling_mode_") and is_set]
    if isinstance(settings.get("pooling_mode"), str):
        chosen = [settings["pooling_mode"]]
    known = [spelt.get(name) for name in chosen or ["mean"]]
    if len(known) != 1 or known[0] is None:
        raise EmbeddingModelError(f"{model!r} pools by {chosen}; allowed is one of {list(get_args(Pooling))}: set `pooling` to take it")
    return known[0]


def _json(model: str, name: str, hub: dict[str, Any]) -> Any:
    """A JSON file of a model, or None where it has none."""
    path = cached_file(model, name, **hub, _raise_exceptions_for_missing_entries=False)
    return None if path is None else json.loads(Path(path).read_text(encoding="utf-8"))
