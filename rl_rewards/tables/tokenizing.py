"""Tokenizers by name, for rows without token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rl_rewards.user_errors import require


def tokenize_with(name: str | None) -> Callable[[str], Sequence[int]] | None:
    """Text -> token ids by a tokenizer of transformers, without special tokens; None for no name.

    Raises:
        OSError: when there is no such tokenizer.
    """
    if name is None:
        return None
    require("--tokenizer", "transformers")
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name)
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
