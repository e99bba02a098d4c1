"""The application: every contract as a route, health, metrics, and the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from rl_rewards import __version__
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts import CONTRACTS
from rl_rewards.serving.contracts.base import Contract
from rl_rewards.serving.contracts.native import SCORE
from rl_rewards.serving.errors import ServiceError
from rl_rewards.serving.middleware import Gate, Route
from rl_rewards.serving.replies import Reply
from rl_rewards.serving.server import RubricServer, ServeOptions
from rl_rewards.serving.telemetry import CONTENT_TYPE_LATEST, Telemetry

__all__ = ["create_app"]

_BY_ID = "/v1/evaluations/{rubric_id}"
# Colours, tables and the marking of what was parsed are those of the report.
_PAGE_FILES = {
    "/": ("text/html", ["serving/page/page.html"]),
    "/page.js": ("text/javascript", ["reporting/page/text.js", "serving/page/page.js"]),
    "/page.css": ("text/css", ["reporting/page/base.css", "serving/page/page.css"]),
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "pointer")},
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    for status, text in {
        400: "The caller's: no JSON, or an argument of the query that is wrong.",
        404: "The caller's: no such rubric or reward.",
        422: "The caller's, with `pointer`, the JSON pointer to the field: one that is missing or wrong, or a reference that the rubric needs and cannot "
        "use (`unusable_reference`). Contracts that can say of a row that it has no score say that instead of the latter.",
        503: "Ours, with Retry-After: a reward that failed, took too long or lost its worker, or too much work at once. The same request may succeed.",
    }.items()
}
# Nothing but the page's own files runs, and nothing leaves for another host: completions are hostile text.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def create_app(rubrics: Mapping[str, Rubric], options: ServeOptions | None = None) -> Any:
    """The ASGI application that serves rubrics: `uvicorn.run(create_app({"math": rubric}))`.

    Args:
        rubrics: name -> rubric. With several a request names one (`?rubric=NAME`).
        options: keys and limits.
    """
    options, telemetry = options or ServeOptions(), Telemetry()
    server = RubricServer(rubrics, options, telemetry)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(server.warm_up()), asyncio.create_task(telemetry.watch_loop())]  # the server answers /healthz meanwhile
        yield
        for task in tasks:
            task.cancel()

    app = FastAPI(title="rl_rewards", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_exception_handler(StarletteHTTPException, _refused)
    for contract in CONTRACTS:
        _document(app, server, contract, contract.path)
    _document(app, server, SCORE, _BY_ID)
    _add_state(app, server, telemetry)
    for path, (kind, names) in _PAGE_FILES.items():
        _add_page(app, path, kind, names)
    paths = frozenset({route.path for route in app.routes if hasattr(route, "path")})  # type: ignore[attr-defined]
    return Gate(app, options.keys, options.gate, telemetry, paths, _contract_routes(server))


def _contract_routes(server: RubricServer) -> Route:
    """The contracts, which the gate calls itself: FastAPI's way to a route takes longer than a rule's score."""
    contracts = {contract.path: contract for contract in CONTRACTS}
    prefix = _BY_ID.removesuffix("{rubric_id}")

    def route(path: str) -> Any:
        if (contract := contracts.get(path)) is not None:
            return path, lambda raw, query, log: server.answer(contract, raw, query, None, log)
        name = path.removeprefix(prefix)
        if name and name != path and "/" not in name:
            return _BY_ID, lambda raw, query, log: server.answer(SCORE, raw, query, name, log)
        return None

    return route


def _document(app: FastAPI, server: RubricServer, contract: Contract, path: str) -> None:
    """Add a contract to FastAPI's routes, for OpenAPI and for applications that mount them without the gate."""
    by_id = path == _BY_ID

    async def answer(request: Request) -> Response:
        rubric = request.path_params.get("rubric_id")
        return _response(await server.answer(contract, await request.body(), request.query_params, rubric, {}))

    schema: dict[str, Any] = {} if contract.model is None else contract.model.model_json_schema()
    app.add_api_route(
        path,
        answer,
        methods=["POST"],
        name=contract.name + ("_by_id" if by_id else ""),
        summary=contract.summary,
        responses=_REFUSALS,
        openapi_extra={
            "parameters": [{"name": "rubric_id", "in": "path", "required": True, "schema": {"type": "string"}}] if by_id else [],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": contract.example}}},
        },
    )


def _add_state(app: FastAPI, server: RubricServer, telemetry: Telemetry) -> None:
    async def healthz() -> Response:
        return _json({"status": "ok"})

    async def readyz() -> Response:
        stuck = [name for name, service in server.services.items() if service.stuck]
        loading = [name for name, service in server.services.items() if not service.warm]
        if server.warm_up_error or stuck or loading:
            state = {"status": "not ready", "error": server.warm_up_error, "stuck": stuck, "loading": loading}
            return _json(state, 503)
        return _json({"status": "ready"})

    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"], summary="Whether the process lives", operation_id="healthz")
    app.add_api_route("/readyz", readyz, methods=["GET", "HEAD"], summary="Whether every rubric is loaded and can score", operation_id="readyz")

    @app.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(telemetry.page(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/rubrics", summary="The rubrics, their rewards and the columns that they read")
    async def rubrics() -> Response:
        return _json({"rubrics": [server.description(name) for name in server.services]})

    @app.get(_BY_ID, summary="One rubric, its rewards and the columns that it reads")
    async def evaluation(rubric_id: str) -> Response:
        try:
            return _json(server.description(rubric_id))
        except ServiceError as error:
            return _response(Reply.of_error(error))


def _add_page(app: FastAPI, path: str, kind: str, names: Sequence[str]) -> None:
    content = b"\n".join(files("rl_rewards").joinpath(name).read_bytes() for name in names)
    headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}

    @app.get(path, include_in_schema=False, name=path)
    async def page() -> Response:
        return Response(content, media_type=kind, headers=headers)


async def _refused(_: Request, error: Exception) -> Response:
    """What no route takes, in the form of every other error."""
    assert isinstance(error, StarletteHTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    response = _json({"error": {"code": code, "message": error.detail}}, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _json(value: Any, status: int = 200) -> Response:
    return _response(Reply.of_json(value, status))


def _response(reply: Reply) -> Response:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers, "application/json")
