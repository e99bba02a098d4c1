"""The application: every contract as a route, health, metrics, and the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from fastapi import FastAPI, Request, Response

from rl_rewards import __version__
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.redaction import logger_for
from rl_rewards.reward import RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts import CONTRACTS
from rl_rewards.serving.contracts.base import Contract, Query, body_of
from rl_rewards.serving.contracts.native import SCORE
from rl_rewards.serving.errors import NoScoreError, RequestError, ServiceError
from rl_rewards.serving.middleware import Gate, GateLimits, answer_bytes
from rl_rewards.serving.scoring import Limits, RubricService
from rl_rewards.serving.security import Keys
from rl_rewards.serving.telemetry import CONTENT_TYPE_LATEST, Telemetry

__all__ = ["ServeOptions", "create_app"]

logger = logger_for(__name__)

_PAGE_FILES = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript"), "/page.css": ("page.css", "text/css")}
# Nothing but the page's own files runs, and nothing leaves for another host: completions are hostile text.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class ServeOptions:
    """How a server answers.

    Attributes:
        keys: who may call; none: whoever reaches it.
        limits: what a rubric's scoring may take.
        gate: what callers may send.
        label_column: the column that OpenRLHF's labels are; by default the rubric's only one.
        verify_failures: a failure in a reply to NeMo-Gym: `mask` (mask_sample is true, which release 0.4.0 does not read) or `error` (503).
    """

    keys: Keys = field(default_factory=lambda: Keys([]))
    limits: Limits = field(default_factory=Limits)
    gate: GateLimits = field(default_factory=GateLimits)
    label_column: str | None = None
    verify_failures: Literal["mask", "error"] = "mask"


class _Server:
    def __init__(self, rubrics: Mapping[str, Rubric], options: ServeOptions, telemetry: Telemetry) -> None:
        self.services = {name: RubricService(rubric, options.limits) for name, rubric in rubrics.items()}
        self.telemetry = telemetry
        self.options = {"label_column": options.label_column, "verify_failures": options.verify_failures}
        self.warm_up_error: str | None = None

    async def warm_up(self) -> None:
        try:
            for service in self.services.values():
                await asyncio.to_thread(service.warm_up)
        except Exception as error:  # the server stays up and not ready, so that its log can be read
            self.warm_up_error = f"{type(error).__name__}: {error}"
            logger.exception("a rubric cannot be loaded")

    def service(self, name: str | None) -> tuple[str, RubricService]:
        """A rubric by name; without one the server's only one.

        Raises:
            RequestError: 404 when there is none, 400 when a name is needed.
        """
        if name is None and len(self.services) == 1:
            name = next(iter(self.services))
        if name is None:
            raise RequestError(
                f"the server has several rubrics, so one must be named (?rubric=NAME): {sorted(self.services)}", None, 400, "no_rubric"
            )
        if name not in self.services:
            raise RequestError(f"no rubric {name!r}; there are {sorted(self.services)}", None, 404, "unknown_rubric")
        return name, self.services[name]

    async def answer(self, contract: Contract, request: Request, name: str | None = None) -> Response:
        """The reply to a request."""
        try:
            body = body_of(await request.body(), contract.model)
            wanted = name or request.query_params.get("rubric") or (getattr(body, "rubric", None) if contract is SCORE else None)
            name, service = self.service(wanted)
            reward = self._reward(contract, request, service)
            samples = contract.read(body, service.rubric, self.options)
            request.state.log.update(rubric=name, rows=len(samples))
            evaluation = await self._evaluate(service, samples)
            self._count(name, evaluation)
            return _json(contract.write(Query(samples, body, reward, self.options), evaluation))
        except ServiceError as error:
            request.state.log.update(error=error.code, message=str(error)[:200] if error.status >= 500 else None)
            return _refusal(error)

    @staticmethod
    def _reward(contract: Contract, request: Request, service: RubricService) -> str | None:
        reward = request.query_params.get("reward")
        if reward is None or not contract.per_reward:
            return None
        names = [each.name for each in service.rubric]
        if reward not in names:
            raise RequestError(f"no reward {reward!r} in the rubric; there are {names}", None, 404, "unknown_reward")
        return reward

    @staticmethod
    async def _evaluate(service: RubricService, samples: list[Any]) -> Evaluation:
        try:
            return await service.score(samples)
        except RewardError as error:
            raise NoScoreError(str(error), "reward_error") from error
        except ServiceError:
            raise
        except Exception as error:
            logger.exception("a batch could not be scored")
            raise NoScoreError(f"the batch could not be scored: {type(error).__name__}", "internal_error") from error

    def _count(self, name: str, evaluation: Evaluation) -> None:
        for reward, column in evaluation.columns.items():
            outcomes = column.outcomes
            for outcome in set(outcomes):
                self.telemetry.rows.labels(name, reward, outcome.value).inc(outcomes.count(outcome))


def create_app(rubrics: Mapping[str, Rubric], options: ServeOptions | None = None) -> Any:
    """The ASGI application that serves rubrics: `uvicorn.run(create_app({"math": rubric}))`.

    Args:
        rubrics: name -> rubric. With several a request names one (`?rubric=NAME`).
        options: keys and limits.
    """
    options, telemetry = options or ServeOptions(), Telemetry()
    server = _Server(rubrics, options, telemetry)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(server.warm_up())  # the server answers /healthz meanwhile
        yield
        warming.cancel()

    app = FastAPI(title="rl_rewards", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    for contract in CONTRACTS:
        _add(app, server, contract, contract.path)
    _add(app, server, SCORE, "/v1/evaluations/{rubric_id}")
    _add_state(app, server)
    for path, (name, kind) in _PAGE_FILES.items():
        _add_page(app, path, name, kind)
    paths = frozenset({route.path for route in app.routes if hasattr(route, "path")})  # type: ignore[attr-defined]
    return Gate(app, options.keys, options.gate, telemetry, paths)


def _add(app: FastAPI, server: _Server, contract: Contract, path: str) -> None:
    by_id = "{rubric_id}" in path

    async def answer(request: Request) -> Response:
        return await server.answer(contract, request, request.path_params.get("rubric_id"))

    schema: dict[str, Any] = {} if contract.model is None else contract.model.model_json_schema()
    app.add_api_route(
        path,
        answer,
        methods=["POST"],
        name=contract.name + ("_by_id" if by_id else ""),
        summary=contract.summary,
        responses={422: {"description": "a wrong field, with its JSON pointer"}, 503: {"description": "no score: a failure of ours; retry"}},
        openapi_extra={
            "parameters": [{"name": "rubric_id", "in": "path", "required": True, "schema": {"type": "string"}}] if by_id else [],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": contract.example}}},
        },
    )


def _add_state(app: FastAPI, server: _Server) -> None:
    @app.get("/healthz", summary="Whether the process lives")
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz", summary="Whether every rubric is loaded and can score")
    async def readyz() -> Response:
        stuck = [name for name, service in server.services.items() if service.stuck]
        loading = [name for name, service in server.services.items() if not service.warm]
        if server.warm_up_error or stuck or loading:
            state = {"status": "not ready", "error": server.warm_up_error, "stuck": stuck, "loading": loading}
            return _json(state, 503)
        return _json({"status": "ready"})

    @app.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(server.telemetry.page(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/rubrics", summary="The rubrics, their rewards and the columns that they read")
    async def rubrics() -> Response:
        return _json(
            {
                "rubrics": [
                    {
                        "name": name,
                        "columns": sorted(service.rubric.columns),
                        "rewards": [{"name": r.name, "weight": r.weight} for r in service.rubric],
                    }
                    for name, service in server.services.items()
                ]
            }
        )


def _add_page(app: FastAPI, path: str, name: str, kind: str) -> None:
    content = (files("rl_rewards.serving") / "page" / name).read_bytes()
    headers = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}

    @app.get(path, include_in_schema=False, name=name)
    async def page() -> Response:
        return Response(content, media_type=kind, headers=headers)


def _json(value: Any, status: int = 200) -> Response:
    return Response(answer_bytes(value), status, media_type="application/json")


def _refusal(error: ServiceError) -> Response:
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return Response(answer_bytes(error.body()), error.status, headers, "application/json")
