"""What a forward pass leaves behind in a model, undone, so that no result depends on what was computed before it.

A few models remember: dynamic NTK keeps the frequencies of the longest sequence so far, BigBird changes its attention for good at the
first short one, and modelling code that comes with checkpoints has caches of its own.
"""

from __future__ import annotations

from typing import Any

from torch import nn

_MEMBERS = ("_buffers", "_modules")


class ModuleState:
    """The attributes, buffers and submodules of every module of a model, as they are now; their contents are not copied."""

    def __init__(self, model: nn.Module) -> None:
        self._kept = [(module, _attributes(module)) for module in model.modules()]

    def restore(self) -> None:
        """Put back every attribute, buffer and submodule that has been replaced since, and remove those that are new."""
        for module, (attributes, *members) in self._kept:
            _put_back(vars(module), attributes)
            for name, kept in zip(_MEMBERS, members, strict=True):
                _put_back(vars(module)[name], kept)


def _attributes(module: nn.Module) -> tuple[dict[str, Any], ...]:
    return (dict(vars(module)), *(dict(vars(module)[name]) for name in _MEMBERS))


def _put_back(now: dict[str, Any], kept: dict[str, Any]) -> None:
    if len(now) != len(kept) or any(now.get(name, now) is not value for name, value in kept.items()):
        for name in now.keys() - kept.keys():
            del now[name]
        now.update(kept)
