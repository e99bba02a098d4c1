"""`--model NAME`, with or without `--base-url`."""

from __future__ import annotations

from rl_rewards.generation.model import CompletionModel
from rl_rewards.user_errors import require

__all__ = ["load_model"]


def load_model(
    name: str,
    *,
    base_url: str | None = None,
    api_key_env: str | None = None,
    concurrency: int = 16,
    timeout: float = 600.0,
    retries: int = 4,
    batch_size: int = 64,
    dtype: str = "auto",
    device: str | None = None,
    plain: bool = False,
) -> CompletionModel:
    """The model that a command line names: a local one, or with `base_url` one that a server has.

    Args:
        name: a directory or an id on the hub; with `base_url` the name that the server knows.
        base_url: a server with OpenAI's API, such as http://localhost:8000/v1.
        api_key_env: the environment variable with its key.
        concurrency: calls of the server at a time.
        timeout: seconds of a call, with its retries.
        retries: attempts after the first, for 429, 5xx and connections that break.
        batch_size: prompts that a local model completes together.
        dtype: of a local model's weights; `auto` is the checkpoint's own.
        device: of a local model; by default a GPU where there is one.
        plain: whether prompts go in as text, without a chat template.

    Raises:
        GenerationError: when there is no such model, or the address is none.
        MissingPackageError: when transformers, or the client of openai, is not installed.
    """
    if base_url is None:
        require(f"the local model {name!r}", "transformers", "torch")
        from rl_rewards.generation.local import LocalModel

        return LocalModel(name, batch_size=batch_size, dtype=dtype, device=device, plain=plain)
    require(f"the model {name!r} at a server", "openai")
    from rl_rewards.generation.endpoint import EndpointModel

    return EndpointModel(name, base_url, api_key_env=api_key_env, concurrency=concurrency, timeout=timeout, retries=retries, plain=plain)
