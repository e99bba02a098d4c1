"""A build context for Google's Cloud Run: a container that serves a rubric to Vertex AI, and the commands that deploy it.

Dockerfile          a user without rights, locked requirements, a health check
requirements.txt    every package with its version
packages/           this package as a wheel
evaluation/         the deployment, with all of its files
deploy.sh           the gcloud commands
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rl_rewards.deploying.bundle import Bundle
from rl_rewards.deploying.evaluation_id import DeployError, check_id
from rl_rewards.deploying.locking import extras_of, locked
from rl_rewards.deploying.stored import deployment_of, write_deployment
from rl_rewards.deploying.wheel import wheel_of_this_package

__all__ = ["CloudRunContext", "write_cloud_run_context"]

_MARK = ".rl_rewards_context"
_USER = 10001
_COMMAND = ["sh", "-c", "exec rl-rewards serve evaluation --host 0.0.0.0 --port ${PORT:-8080} --platform-auth"]
_HEALTH = "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/readyz', timeout=5)"
_DOCKERFILE = """\
# {display_name}: Vertex AI's Cloud Run reward at POST /. Made by rl-rewards deploy --target cloud-run.
FROM python:{python}-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1
RUN useradd --uid {user} --create-home --shell /usr/sbin/nologin rewards
WORKDIR /app
COPY requirements.txt packages/*.whl /app/packages/
RUN pip install --no-deps -r packages/requirements.txt packages/*.whl
COPY evaluation /app/evaluation
USER {user}
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", {health}]
# Who may call is Cloud Run's to check (IAM): the service is deployed without access for everybody.
CMD {command}
"""


@dataclass(frozen=True)
class CloudRunContext:
    """A build context.

    Attributes:
        directory: where it is.
        commands: what to run, in order: deploy, let Vertex AI in.
        digest: of the evaluation.
    """

    directory: Path
    commands: list[str]
    digest: str


def write_cloud_run_context(
    bundle: Bundle,
    directory: Path,
    evaluation_id: str,
    display_name: str,
    description: str,
    force: bool = False,
    region: str = "us-central1",
    project: str | None = None,
) -> CloudRunContext:
    """Write the context, whole or not at all.

    Args:
        directory: made; with `force` one that this function wrote before is replaced.

    Raises:
        DeployError: when the directory is there, or a requirement is not installed here.
    """
    check_id(evaluation_id)
    if directory.exists() and any(directory.iterdir() if directory.is_dir() else [directory]):
        if not force:
            raise DeployError(f"{directory}: must not be there yet, or be empty; --force replaces a context that rl-rewards wrote")
        if not (directory / _MARK).is_file():
            raise DeployError(f"{directory}: must be a context that rl-rewards wrote, to be replaced; it holds other files")
    requirements = locked(bundle.requirements, extras_of(bundle.kinds))
    wheel, content = wheel_of_this_package()
    commands = _commands(evaluation_id, directory, region, project)
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        (partial / "packages").mkdir()
        (partial / "packages" / wheel).write_bytes(content)
        (partial / "requirements.txt").write_text("\n".join(requirements) + "\n")
        (partial / "Dockerfile").write_text(_dockerfile(display_name))
        (partial / ".dockerignore").write_text("deploy.sh\n.rl_rewards_context\n**/__pycache__\n")
        (partial / "deploy.sh").write_text("#!/usr/bin/env bash\nset -euo pipefail\n\n" + "\n".join(commands) + "\n")
        (partial / "deploy.sh").chmod(0o755)
        (partial / "evaluation").mkdir()
        created = datetime.now(UTC).isoformat(timespec="seconds")
        deployment = deployment_of(bundle, evaluation_id, 1, display_name, description, created)
        write_deployment(bundle, deployment, partial / "evaluation")
        (partial / _MARK).write_text(bundle.digest + "\n")
        partial.chmod(0o755)
        _take_place(partial, directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return CloudRunContext(directory, commands, bundle.digest)


def _dockerfile(display_name: str) -> str:
    return _DOCKERFILE.format(
        display_name=" ".join(display_name.split()),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        user=_USER,
        health=json.dumps(_HEALTH),
        command=json.dumps(_COMMAND),
    )


def _commands(evaluation_id: str, directory: Path, region: str, project: str | None) -> list[str]:
    where = ["--region", region, *(["--project", project] if project else [])]
    number = (
        f"$(gcloud projects describe {shlex.quote(project) if project else '$(gcloud config get-value project)'} --format='value(projectNumber)')"
    )
    deploy = ["gcloud", "run", "deploy", evaluation_id, "--source", str(directory.resolve()), *where, "--no-allow-unauthenticated", "--port", "8080"]
    allow = ["gcloud", "run", "services", "add-iam-policy-binding", evaluation_id, *where, "--role", "roles/run.invoker", "--member"]
    agent = f'"serviceAccount:service-{number}@gcp-sa-vertex-tune.iam.gserviceaccount.com"'
    return [shlex.join(deploy), f"{shlex.join(allow)} {agent}"]


def _take_place(partial: Path, directory: Path) -> None:
    """Put a finished directory in the place of another."""
    if not directory.exists():
        partial.rename(directory)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old.", dir=directory.parent))
    directory.rename(old / "before")
    partial.rename(directory)
    shutil.rmtree(old)
