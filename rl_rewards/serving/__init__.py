"""A server for every trainer: one rubric, or a directory of them, behind the calls that trainers and platforms make.

    create_app(rubrics, options)    the ASGI application
    serve(settings)                 `rl-rewards serve`

Needs the extra `serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl_rewards.serving.app import create_app
    from rl_rewards.serving.run import ServeSettings, serve
    from rl_rewards.serving.server import ServeOptions

__all__ = ["ServeOptions", "ServeSettings", "create_app", "serve"]

_HOMES = {"ServeOptions": "server", "create_app": "app", "ServeSettings": "run", "serve": "run"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
