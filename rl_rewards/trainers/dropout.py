"""Switch off what makes two forward passes of a model in training differ."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["disable_dropout"]

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout of a model to 0, wherever its layers keep the rate; its configuration stays as it is and is saved so.

    A layer may hold a dropout module (GPT-2), a number that it hands to a function (OPT's `dropout`), or read the configuration each time
    (Falcon): such a layer is given a configuration of its own. Layer drop (OPT) and the noise of a mixture's router (Mixtral) count, too.
    """
    configs: dict[int, PretrainedConfig] = {}
    for module in model.modules():
        if isinstance(module, _DROPOUTS):
            module.p = 0.0
        for name in _rates(module):
            setattr(module, name, 0.0)
        config = vars(module).get("config")
        if isinstance(config, PretrainedConfig) and not isinstance(module, PreTrainedModel) and any(_rates(config).values()):
            if id(config) not in configs:
                configs[id(config)] = copy.copy(config)
                for name in _rates(config):
                    setattr(configs[id(config)], name, 0.0)
            module.config = configs[id(config)]


def _rates(holder: Any) -> dict[str, float]:
    return {name: value for name, value in vars(holder).items() if isinstance(value, float) and ("drop" in name or "jitter" in name)}
