"""Loading a whole model inside a training run that shards its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.integrations import deepspeed

_FSDP_LOADING = "FSDP_CPU_RAM_EFFICIENT_LOADING"


@contextmanager
def outside_sharding() -> Iterator[None]:
    """Let `from_pretrained` load all weights on every rank, whatever ZeRO-3 or FSDP run this process is in.

    Under ZeRO-3 transformers would partition the parameters among the ranks; under FSDP it would load them on rank 0 alone and leave
    the other ranks with random ones, in the belief that a trainer will wrap the model. Nothing wraps a reward model.
    """
    reference = deepspeed._hf_deepspeed_config_weak_ref
    loading = os.environ.get(_FSDP_LOADING)
    deepspeed.unset_hf_deepspeed_config()
    os.environ[_FSDP_LOADING] = "false"
    try:
        yield
    finally:
        if reference is not None and reference() is not None:
            deepspeed.set_hf_deepspeed_config(reference())
        if loading is None:
            del os.environ[_FSDP_LOADING]
        else:
            os.environ[_FSDP_LOADING] = loading
