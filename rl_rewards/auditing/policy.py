"""Responses of a policy to the rows of a dataset, for the checks of the signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["responses_of"]


def responses_of(model: str, rows: Sequence[Mapping[str, Any]], samples: int = 8, max_tokens: int = 256) -> list[dict[str, Any]]:
    """Sample responses to each row's prompt from a model of one's own.

    Args:
        model: a directory or a hub id.
        rows: with a `prompt` each.
        samples: responses for a prompt.
        max_tokens: length of a response at most.

    Returns:
        The rows with a `completion` each, `samples` for a prompt, side by side.

    Raises:
        GenerationError: when the model cannot be loaded, or generates nothing.
    """
    from rl_rewards.generation import Request, Sampling, complete_all, load_model, prompt_of, row_with

    loaded = load_model(model)
    prompts = [(row, prompt_of(row)) for row in rows]
    requests = [Request(prompt, seed=seed) for _, prompt in prompts for seed in range(samples)]
    completions = complete_all(loaded, requests, Sampling(max_tokens=max_tokens, temperature=1.0, seed=0))
    every = [(row, prompt, sample) for row, prompt in prompts for sample in range(samples)]
    return [row_with(row, prompt, completion, sample) for (row, prompt, sample), completion in zip(every, completions, strict=True)]
