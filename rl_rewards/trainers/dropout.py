"""Switch off what makes two forward passes of a model in training differ."""

from __future__ import annotations

from torch import nn

__all__ = ["disable_dropout"]

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of a model to 0: its modules', and the rates that attention and decoder layers keep as numbers.

    A module that hands `self.attention_dropout` or `self.dropout` to a function has no dropout module, so the numbers whose name says so
    are set as well, and layer drop (OPT) and the noise of a mixture's router (Mixtral) with them.
    """
    for module in model.modules():
        if isinstance(module, _DROPOUTS):
            module.p = 0.0
        for name, value in vars(module).items():
            if isinstance(value, float) and any(part in name for part in ("drop", "jitter")):
                setattr(module, name, 0.0)
