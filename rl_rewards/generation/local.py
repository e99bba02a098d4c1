"""A model of transformers on this machine, in batches."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from rl_rewards.generation.model import Completion, GenerationError, PromptTooLongError, Request, Sampling, Turns
from rl_rewards.types import text_of

__all__ = ["LocalModel"]

_WEIGHTS = ("*.safetensors", "*.bin", "config.json", "chat_template.jinja", "tokenizer.json", "tokenizer_config.json")


class LocalModel:
    """Completes prompts with a causal model of transformers.

    Messages, and a text as the user's message, go through the tokenizer's chat template; with `plain`, and where there is no template, a
    text goes in as it is, as TRL trains on it.

    Args:
        name: a directory with a model or a LoRA adapter, or an id on the hub.
        batch_size: prompts that are completed together.
        dtype: `auto`, the checkpoint's own, or torch's name of one.
        device: where it runs; by default a GPU where there is one.
        plain: whether no chat template is used; the texts of messages are joined by empty lines.

    Raises:
        GenerationError: when there is no such model.
    """

    def __init__(self, name: str, *, batch_size: int = 64, dtype: str = "auto", device: str | None = None, plain: bool = False) -> None:
        if batch_size < 1:
            raise GenerationError(f"batch_size must be at least 1, got {batch_size}")
        self.name = name
        self.plain = plain
        self.batch_size = batch_size
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
            with _progress_on_terminals():
                self.model = _load(name, dtype).to(self.device).eval()
        except (OSError, ValueError) as error:
            why = " ".join(str(error).split())[:300]
            raise GenerationError(f"the model {name!r} must be a directory with a model, or the id of one on the hub: {why}") from error
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        eos = self.model.generation_config.eos_token_id
        self._ends = set(eos if isinstance(eos, list) else [eos]) | {self.tokenizer.eos_token_id} - {None}

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name, and the sizes and times of its files where it is a directory."""
        directory = Path(self.name)
        files = sorted(path for pattern in _WEIGHTS for path in directory.glob(pattern)) if directory.is_dir() else []
        stamps = repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])
        return {"model": self.name, "files": hashlib.sha256(stamps.encode()).hexdigest()[:16], "plain": self.plain}

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        """Completions in batches of prompts of similar length, the longest first, so that a lack of memory shows at once.

        Raises:
            GenerationError: when a prompt cannot be rendered, or is too long for the model.
        """
        prompts = [self._ids(request.prompt, sampling) for request in requests]
        order = sorted(range(len(requests)), key=lambda place: -len(prompts[place]))
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            seed = None if sampling.seed is None else _seed(sampling.seed, [requests[place] for place in places])
            yield from zip(places, self._generate([prompts[place] for place in places], sampling, seed), strict=True)

    def _ids(self, prompt: Turns, sampling: Sampling) -> list[int]:
        text = self.render(prompt, sampling.template_options)
        ids = self.tokenizer(text, add_special_tokens=self.plain or self.tokenizer.chat_template is None)["input_ids"]
        longest = getattr(self.model.config, "max_position_embeddings", None)
        if longest is not None and len(ids) + sampling.max_tokens > longest:
            raise PromptTooLongError(
                f"a prompt and its completion must fit the model's {longest} tokens, got a prompt of {len(ids)} tokens and max_tokens {sampling.max_tokens}"
            )
        return ids

    def render(self, prompt: Turns, options: Mapping[str, Any] | None = None) -> str:
        """The text that the model continues."""
        if self.plain or (self.tokenizer.chat_template is None and isinstance(prompt, str)):
            return prompt if isinstance(prompt, str) else "\n\n".join(text_of(turn.get("content")) for turn in prompt)
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        if self.tokenizer.chat_template is None:
            raise GenerationError(
                f"the model {self.name!r} has no chat template, and a prompt is messages; with plain text (--plain-text) their texts are joined"
            )
        try:
            return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **(options or {}))
        except Exception as error:  # a template raises whatever its author chose
            roles = [turn.get("role") for turn in turns]
            raise GenerationError(f"the chat template of {self.name!r} refuses a prompt of {roles}: {error}") from error

    def _generate(self, prompts: list[list[int]], sampling: Sampling, seed: int | None) -> list[Completion]:
        width = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=self.device)
        with _seeded(seed, self.device), torch.inference_mode():
            made = self.model.generate(
                ids, attention_mask=mask, generation_config=self._config(sampling), tokenizer=self.tokenizer if sampling.stop else None
            )
        return [self._completion(row, sampling) for row in made[:, width:].tolist()]

    def _config(self, sampling: Sampling) -> GenerationConfig:
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k or 0}
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=sorted(self._ends),
            bos_token_id=self.tokenizer.bos_token_id,
            stop_strings=list(sampling.stop) or None,
            **(drawn if sampling.temperature > 0 else {"do_sample": False}),
        )

    def _completion(self, ids: list[int], sampling: Sampling) -> Completion:
        end = next((place for place, token in enumerate(ids) if token in self._ends), None)
        ids = ids if end is None else ids[: end + 1]
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        stops = [place for stop in sampling.stop if (place := text.find(stop)) >= 0]
        if stops:
            text = text[: min(stops)]
        return Completion(text, token_ids=ids, finish_reason="stop" if end is not None or stops else "length")


def _load(name: str, dtype: Literal["auto"] | str) -> Any:
    """The model, or the model of an adapter with the adapter merged into it."""
    if not Path(name, "adapter_config.json").is_file():
        return AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
    from peft import AutoPeftModelForCausalLM

    return AutoPeftModelForCausalLM.from_pretrained(name, dtype=dtype).merge_and_unload()


@contextlib.contextmanager
def _progress_on_terminals() -> Iterator[None]:
    """Without transformers' progress bar where nobody looks at it."""
    if sys.stderr.isatty() or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def _seed(seed: int, requests: list[Request]) -> int:
    """A seed of a batch's own: its first prompt and what each request adds."""
    told = repr([seed, requests[0].prompt, [request.seed for request in requests]])
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:7], "big")


@contextlib.contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Torch's random state from a seed, and the caller's afterwards."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
