"""Serves a watched run on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.report import library
from rl_rewards.reporting.watching.watched import WatchedRun
from rl_rewards.user_errors import require

__all__ = ["watch", "watch_app"]

_HOST = "127.0.0.1"
# Seconds between two looks at the run's files.
_LOOK = 1.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def watch_app(run: WatchedRun) -> Any:
    """The ASGI application: `/` is the page, `/version` a text that changes with it.

    A request for another host than loopback's is refused: a page elsewhere that has its own name resolved to this machine reads nothing.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, Response
    from starlette.routing import Route

    async def page(request: Request) -> Response:
        return HTMLResponse(await asyncio.to_thread(run.page), headers=_HEADERS)

    async def version(request: Request) -> Response:
        return PlainTextResponse(run.version, headers=_HEADERS)

    async def look() -> None:
        while True:
            await asyncio.to_thread(run.renew_when_due)
            await asyncio.sleep(_LOOK)

    @contextlib.asynccontextmanager
    async def looking(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(look())
        yield
        task.cancel()

    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"], www_redirect=False)
    return Starlette(routes=[Route("/", page), Route("/version", version)], middleware=[trusted], lifespan=looking)


def watch(paths: Sequence[Path], port: int, ready: Callable[[str], None]) -> None:
    """Serve the report of runs until Ctrl-C or SIGTERM.

    Args:
        paths: output directories or records; they need not be there yet.
        port: where to listen on loopback; 0 takes a free one.
        ready: is called with the address.

    Raises:
        ReportError: when the port is taken.
        MissingPackageError: without the extras `report` and `serve`.
    """
    require("watching a run", "altair", "vl_convert", "uvicorn", "fastapi")
    import uvicorn

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
    except OSError as error:
        listening.close()
        raise ReportError(f"port {port} of {_HOST} must be free, got: {error.strerror}; --port 0 takes a free one") from None
    listening.listen()  # whoever comes from now on waits for an answer, and is not refused
    library()  # made once, and with the interpreter to itself: no request waits for it
    config = uvicorn.Config(
        watch_app(WatchedRun(paths)), access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=2, lifespan="on"
    )
    ready(f"http://{_HOST}:{listening.getsockname()[1]}/")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when it has ended
        uvicorn.Server(config).run(sockets=[listening])
