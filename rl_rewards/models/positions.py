"""Positions of tokens in rows that are padded on the left."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["WithPositions", "position_ids", "takes_positions"]


def position_ids(attention_mask: Tensor) -> Tensor:
    """Number the tokens (B, L) of each row from its first that is not padding, as `generate` does; padding has 1."""
    return (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)


def takes_positions(model: nn.Module) -> bool:
    """Whether a model's forward takes `position_ids`; of a PEFT or compiled model, whether the model inside does."""
    inner = getattr(model, "_orig_mod", model)
    inner = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    return "position_ids" in inspect.signature(type(inner).forward).parameters


class WithPositions:
    """Stand for a model in a trainer's forward pass and give it the positions that generation gave it.

    TRL's GRPOTrainer and RLOOTrainer pad prompts on the left and pass no positions. A model with learned positions (GPT-2 and its kin)
    would then read every token at another position than when the token was generated.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, **inputs: Any) -> Any:
        mask = inputs.get("attention_mask")
        if mask is not None and "position_ids" not in inputs and bool((mask[:, 0] == 0).any()):
            inputs["position_ids"] = position_ids(mask)
        return self.model(**inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def ignores_padding(model: nn.Module) -> bool:
    """Whether a model reads a row alike with and without padding on its left, by trying it on three tokens."""
    device = next(model.parameters()).device
    ids = torch.tensor([[3, 4, 5]], device=device)
    padded = torch.cat([torch.full((1, 3), 0, device=device), ids], dim=1)
    mask = torch.tensor([[0, 0, 0, 1, 1, 1]], device=device)
    training = model.training
    with torch.no_grad():
        model.eval()
        alone = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
        beside = model(input_ids=padded, attention_mask=mask).logits[:, 3:].float()
    model.train(training)
    return torch.allclose(alone, beside, rtol=1e-2, atol=1e-2 * float(alone.abs().max()))
