"""The server as a Ray Serve deployment, for more load than one machine takes: replicas of it, as many as the load needs.

    serve run rl_rewards.serving.ray_serve:application target=rubric.yaml max_replicas=8

    from ray import serve
    serve.run(application(RayServeSettings(target="rubric.yaml", max_replicas=8)))

Every replica answers every contract, as `rl-rewards serve` does, behind Ray's proxy. Needs the extras `serve` and `ray`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rl_rewards.user_errors import require

__all__ = ["RayServeSettings", "application"]

require("a deployment on Ray Serve", "ray", "fastapi")

from ray import serve  # noqa: E402


class RayServeSettings(BaseModel):
    """What is deployed."""

    model_config = ConfigDict(extra="forbid")

    target: str
    """A rubric file, MODULE:NAME, or a directory of rubric files, as every node finds it."""
    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(4, ge=1)
    target_ongoing_requests: float = Field(16.0, gt=0)
    """Requests that a replica answers at once, on average: Ray adds replicas above it, and takes them away below."""
    upscale_delay: float = Field(30.0, ge=0)
    """Seconds that the load must last until replicas are added."""
    downscale_delay: float = Field(600.0, ge=0)
    """Seconds that the load must be gone until replicas are taken away."""
    max_ongoing_requests: int = Field(256, ge=1)
    """Requests that a replica answers at once at most; they share batches. Further ones wait in Ray's proxy."""
    num_cpus: float = Field(1.0, ge=0)
    num_gpus: float = Field(0.0, ge=0)
    """Of each replica: 1 for a reward model."""
    timeout: float = Field(300.0, gt=0)
    """Seconds from a request's arrival to its answer."""
    drain: float = Field(30.0, gt=0)
    """Seconds that running requests have when a replica is taken away."""
    key_variable: str = "RL_REWARDS_API_KEYS"
    """The environment variable with the keys, on the nodes (Ray's `runtime_env`). Without one whoever reaches Ray's proxy may call."""
    label_column: str | None = None
    verify_failures: Literal["mask", "error"] = "mask"
    code: bool = True
    """Whether code that a rubric names may be run."""

    @model_validator(mode="after")
    def _is_a_range(self) -> RayServeSettings:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas must be at most max_replicas, {self.max_replicas}, got {self.min_replicas}")
        return self


def application(settings: RayServeSettings) -> serve.Application:
    """The deployment, for `serve.run` or `serve run`.

    Args:
        settings: what is deployed; `serve run` makes them from its arguments.

    Returns:
        An application that Ray Serve runs.
    """

    def asgi() -> Any:  # in a replica: rubrics and their models do not travel
        from rl_rewards.serving.run import ServeSettings, application_of

        given = settings.model_dump(include={"target", "timeout", "key_variable", "label_column", "verify_failures", "code"})
        return application_of(ServeSettings(**given, concurrency=settings.max_ongoing_requests, log_level="warning"))

    @serve.deployment(
        name="rubrics",
        autoscaling_config={
            "min_replicas": settings.min_replicas,
            "max_replicas": settings.max_replicas,
            "target_ongoing_requests": settings.target_ongoing_requests,
            "upscale_delay_s": settings.upscale_delay,
            "downscale_delay_s": settings.downscale_delay,
        },
        max_ongoing_requests=settings.max_ongoing_requests,
        graceful_shutdown_timeout_s=settings.drain,
        ray_actor_options={"num_cpus": settings.num_cpus, "num_gpus": settings.num_gpus},
    )
    @serve.ingress(asgi)
    class Rubrics:
        """A replica."""

    return Rubrics.bind()  # type: ignore[attr-defined]
