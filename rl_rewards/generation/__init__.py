"""Models that complete prompts: a local model of transformers, or a server with OpenAI's API.

model = load_model("recipes/policies/arithmetic")                           # a directory, or an id on the hub
model = load_model("my-model", base_url="http://localhost:8000/v1")         # vLLM, SGLang, llama.cpp, OpenAI, ...
for place, completion in model.complete([Request(prompt) for prompt in prompts], Sampling(max_tokens=64)):
    ...                                                                     # in the order in which they are finished
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_rewards.generation.model import Completion, CompletionModel, GenerationError, Request, Sampling, complete_all
    from rl_rewards.generation.opening import load_model
    from rl_rewards.generation.prompt import Example, Prompt, load_prompt
    from rl_rewards.generation.prompt_rows import prompt_of, row_with

_HOME = {
    **dict.fromkeys(("Completion", "CompletionModel", "GenerationError", "Request", "Sampling", "complete_all"), "rl_rewards.generation.model"),
    "load_model": "rl_rewards.generation.opening",
    **dict.fromkeys(("Example", "Prompt", "load_prompt"), "rl_rewards.generation.prompt"),
    **dict.fromkeys(("prompt_of", "row_with"), "rl_rewards.generation.prompt_rows"),
}

__all__ = [
    "Completion",
    "CompletionModel",
    "Example",
    "GenerationError",
    "Prompt",
    "Request",
    "Sampling",
    "complete_all",
    "load_model",
    "load_prompt",
    "prompt_of",
    "row_with",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rl_rewards.generation' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
