"""Buffers that a checkpoint's own code makes and does not save, such as rotary frequencies.

Transformers 5 builds a model without memory and fills such buffers by the model's `_init_weights`. Code written before that computes them where it
registers them, and is left with whatever the memory held.
"""

from __future__ import annotations

import logging

import torch
from accelerate import init_empty_weights
from transformers import PreTrainedModel

logger = logging.getLogger(__name__)


def compute_buffers(model: PreTrainedModel) -> None:
    """Compute the buffers of a model with code of its own that are not in its checkpoint, by building it once more without its weights."""
    names = [name for name, _ in model.named_non_persistent_buffers()]
    if not names or not model.is_remote_code():
        return
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(model.dtype)
        with init_empty_weights(include_buffers=False):
            computed = dict(type(model)(model.config).named_buffers())
    except Exception as error:  # whatever the code's author raises
        logger.warning(
            "%s computes %s when it is built, which failed once more (%s): transformers 5 leaves them undefined, and scores may be wrong",
            type(model).__name__, names, error,
        )  # fmt: skip
        return
    finally:
        torch.set_default_dtype(default)
    for name in names:
        parent, _, own = name.rpartition(".")
        if computed[name] is not None and computed[name].device.type != "meta":
            module = model.get_submodule(parent)
            module._buffers[own] = computed[name].to(model.get_buffer(name).device)
