"""Loaded reward models: one for each configuration in this process, however many scorers ask for it; never pickled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel

from rl_rewards.models.checkpoint import Reading, Source, default_device, load_model
from rl_rewards.models.lengths import longest_sequence
from rl_rewards.models.readout import Readout, readout_of
from rl_rewards.scorers.reward_model.rendering import Renderer

logger = logging.getLogger(__name__)

_loaded: dict[str, tuple[object, Loaded]] = {}
"""By configuration: the version of the model's files, and the model that was loaded from them."""
_loading = threading.Lock()


class Loaded:
    """A reward model ready to score.

    Attributes:
        renderer: conversations -> token ids.
        readout: token ids -> numbers.
        limit: the longest sequence, in tokens, that model and options allow; None without a limit.
        pad: the checkpoint's pad token, which transformers passes over to the token that is read; None where there is none.
        ends_in_pad: whether a conversation ends in that token, so that transformers reads the one before its end.
    """

    def __init__(self, model: PreTrainedModel, renderer: Renderer, readout: Readout, limit: int | None, pad: int | None, device: str | None) -> None:
        self.renderer = renderer
        self.readout = readout
        self.limit = limit
        self.pad = pad
        self.ends_in_pad = renderer.probe()[-1:] == (pad,)
        self._model = model
        self._home = device
        self._lock = threading.RLock()
        self._said: set[str] = set()

    def warn_once(self, text: str) -> None:
        """Log a warning about this model, unless it has been logged before."""
        if text not in self._said:
            self._said.add(text)
            logger.warning(text)

    @contextmanager
    def in_place(self, offload: bool) -> Iterator[Readout]:
        """The readout, its model on its device, for one caller at a time; afterwards the model waits on the CPU when `offload` is set."""
        with self._lock:
            if self._home is not None:
                self._model.to(self._home)
            try:
                yield self.readout
            finally:
                if offload:
                    self._model.to("cpu")
                    if torch.cuda.is_available():
                        torch.cuda.empty_cache()


def loaded(key: str, version: object, make: Callable[[], Loaded]) -> Loaded:
    """The model loaded for `key`, made on first use, and anew where its files have another `version`; None is that of files that are gone."""
    with _loading:
        kept = _loaded.get(key)
        if kept is None or version not in (None, kept[0]):
            _loaded.pop(key, None)  # first, for the memory that it takes
            kept = _loaded[key] = version, make()
        return kept[1]


def unload() -> None:
    """Forget every loaded reward model."""
    with _loading:
        _loaded.clear()


def load(
    source: Source,
    reading: Reading,
    *,
    device: str | None,
    max_length: int | None,
    words: tuple[str, str] | None,
    output: str | None,
    token_budget: int | None,
    share_prefixes: bool,
    rendering: dict[str, Any],
) -> Loaded:
    """Load tokenizer and model, and check that the one renders and the other scores.

    Raises:
        NoScoreHeadError: when weights are missing from the checkpoint.
        TemplateError: when the tokenizer has no usable chat template.
        OutputError: when the model returns nothing that can be read.
        ValueError: when a word of `words` is not one token.
    """
    tokenizer = _tokenizer(source)
    renderer = Renderer(tokenizer, **rendering)
    place = (device or default_device()) if source.device_map is None and source.quantization is None else None
    model = load_model(source, reading, place)
    segments = "token_type_ids" in tokenizer.model_input_names and (getattr(model.config, "type_vocab_size", 0) or 0) > 1
    if renderer.format == "pair" and segments:
        raise ValueError(f"{source.model!r} tells the two segments of a pair apart by token types, which are not supported")
    config = model.config.get_text_config()
    pad = getattr(config, "pad_token_id", None)
    filler = next((token for token in (pad, tokenizer.pad_token_id, tokenizer.eos_token_id) if token is not None and token >= 0), 0)
    if pad is None and tokenizer.pad_token_id not in (None, tokenizer.eos_token_id):
        config.pad_token_id = tokenizer.pad_token_id  # models that pool for themselves refuse batches without one
    readout = readout_of(
        model,
        reading,
        renderer.probe(),
        output=output,
        candidates=None if words is None else [_one_token(tokenizer, word) for word in words],
        pad_token_id=filler,
        token_budget=token_budget,
        share_prefixes=share_prefixes,
    )
    return Loaded(model, renderer, readout, longest_sequence(model, tokenizer, max_length), pad, place)


def _tokenizer(source: Source) -> Any:
    hub = {"token": source.token, "trust_remote_code": source.trust_remote_code}
    try:
        return AutoTokenizer.from_pretrained(source.model, revision=source.revision, **hub)
    except (OSError, ValueError):
        base = source.resolved()
        if base.model == source.model:
            raise
        return AutoTokenizer.from_pretrained(base.model, revision=base.revision, **hub)  # an adapter saved without its tokenizer


def _one_token(tokenizer: Any, word: str) -> int:
    ids = tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        # Sentencepiece vocabularies put a space marker before a word.
        ids = [token for token in ids if tokenizer.decode([token]).strip()]
    if len(ids) != 1:
        raise ValueError(f"steps: the word {word!r} is {len(ids)} tokens in this tokenizer; it must be one")
    return ids[0]
