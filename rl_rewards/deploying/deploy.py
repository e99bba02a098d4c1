"""Deployments as a command or a script asks for them: to a directory that is served here, or to Fireworks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_rewards.deploying.bundle import Bundle
from rl_rewards.deploying.evaluation_id import check_id
from rl_rewards.deploying.local import Registry, default_directory
from rl_rewards.deploying.local_server import LocalServer, port_for, running_server, serve_directory
from rl_rewards.deploying.stored import Deployment

__all__ = ["LocalDeployment", "deploy_locally"]


@dataclass(frozen=True)
class LocalDeployment:
    """An evaluation in a directory.

    Attributes:
        deployment: what it is.
        new: whether a version was made; the same files under the same names make none.
        directory: where it is.
        server: what serves it; None where nothing is to.
    """

    deployment: Deployment
    new: bool
    directory: Path
    server: LocalServer | None

    @property
    def endpoint(self) -> str | None:
        """What --reward-endpoint of a recipe takes."""
        return None if self.server is None else self.server.endpoint(self.deployment.id)

    @property
    def description(self) -> dict[str, Any]:
        """The deployment as a service would answer it."""
        said = self.deployment
        names = {"name": said.name, "displayName": said.display_name, "description": said.description, "createTime": said.created, "state": "ACTIVE"}
        return names | {"version": said.version, "digest": said.digest, "directory": str(self.directory), "endpoint": self.endpoint}


def deploy_locally(
    bundle: Bundle,
    evaluation_id: str,
    display_name: str | None = None,
    description: str | None = None,
    force: bool = False,
    directory: Path | None = None,
    serve: bool = True,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> LocalDeployment:
    """Register a bundle as an evaluation of a directory, and serve that directory in the background.

    Args:
        display_name: the id by default.
        directory: `default_directory()` by default.
        port: that of the directory's running server by default, else 8000; 0 takes a free one.

    Raises:
        DeployError: for an id that is none, or is there already without `force`; for a port that another program has; when the server does not
            become ready, with what it says.
    """
    check_id(evaluation_id)
    directory = (directory or default_directory()).expanduser().resolve()
    free = port_for(directory, host, port) if serve else 0  # before anything is registered
    deployment, new = Registry(directory).register(bundle, evaluation_id, display_name or evaluation_id, description or "", force)
    server = None
    if serve:
        running = None if new else running_server(directory)  # it serves this version already
        server = running if running is not None and (running.host, running.port) == (host, free) else serve_directory(directory, host, free)
    return LocalDeployment(deployment, new, directory, server)
