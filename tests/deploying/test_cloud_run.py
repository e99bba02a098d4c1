"""A build context for Cloud Run: everything is in it, and its own command serves Vertex AI's contract, from its files alone, without rights."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from rl_rewards.cli import app
from rl_rewards.deploying.evaluation_id import DeployError
from rl_rewards.deploying.locking import extras_of, locked
from rl_rewards.deploying.wheel import wheel_of_this_package
from tests.free_ports import free_port


def deploy(*arguments):
    return CliRunner().invoke(app, ["deploy", *arguments, "--target", "cloud-run"])


@pytest.fixture
def context(project, tmp_path):
    """The context of the project's rubric."""
    place = tmp_path / "context"
    done = deploy("rubrics/rubric.yaml", "--id", "project", "--display-name", "The project", "--directory", str(place), "--region", "europe-west1")
    assert done.exit_code == 0, done.stderr
    assert "gcloud run deploy project --source" in done.stdout and "--no-allow-unauthenticated" in done.stdout
    return place


def test_the_context_has_what_the_container_needs(context):
    docker = (context / "Dockerfile").read_text()
    assert (
        re.search(r"^USER 10001$", docker, re.M)
        and "HEALTHCHECK" in docker
        and f"FROM python:{sys.version_info[0]}.{sys.version_info[1]}-slim" in docker
    )
    assert docker.index("USER 10001") < docker.index("CMD [")
    for copied in re.findall(r"^COPY (.*) \S+$", docker, re.M):
        assert all(list(context.glob(pattern)) for pattern in copied.split())
    requirements = (context / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[^+\s]+", line) for line in requirements)
    assert {"fastapi", "uvicorn", "pydantic"} <= {line.partition("==")[0] for line in requirements}
    script = (context / "deploy.sh").read_text()
    assert "--region europe-west1" in script and "gcp-sa-vertex-tune.iam.gserviceaccount.com" in script
    assert subprocess.run(["bash", "-n", context / "deploy.sh"]).returncode == 0


def without_rights():
    """The command before another that takes all rights, but for reading this interpreter where only root may; none where the test has none anyway."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed, so a process cannot give up root's rights")
    return ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def test_its_own_command_serves_vertex_from_its_files_alone(context, project, tmp_path):
    home = tmp_path / "app"
    home.mkdir()
    shutil.copytree(context / "evaluation", home / "evaluation")
    [wheel] = (context / "packages").glob("*.whl")
    shutil.unpack_archive(wheel, home / "packages", "zip")  # what pip makes of a wheel of pure Python
    shutil.rmtree(project)
    port = free_port()
    (home / "bin").mkdir()
    script = f"#!{sys.executable}\nfrom rl_rewards.cli import main\nmain()\n"
    (home / "bin" / "rl-rewards").write_text(script)
    (home / "bin" / "rl-rewards").chmod(0o755)
    command = json.loads(re.search(r"^CMD (\[.*\])$", (context / "Dockerfile").read_text(), re.M)[1])
    command[-1] = command[-1].replace("0.0.0.0", "127.0.0.1")
    environment = {
        "PATH": f"{home}/bin:/usr/bin:/bin",
        "PORT": str(port),
        "PYTHONPATH": f"{home}/packages:{_site_packages()}",
        "HOME": "/nonexistent",
    }
    process = subprocess.Popen([*without_rights(), *command], cwd=home, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        _wait(client, process)
        assert Path(f"/proc/{process.pid}").stat().st_uid == (os.geteuid() or 10001)
        example = {"contents": [{"role": "user", "parts": [{"text": "Which colour?"}]}], "references": {"answer": "red"}}
        reply = client.post("/", json={"example": example, "response": {"role": "model", "parts": [{"text": "<answer>red</answer>"}]}})
        assert reply.json()["reward"] == 2.0 and json.loads(reply.json()["user_requested_aux_info"])["exact"] == 1.0
        assert client.get("/v1/evaluations/project").json()["display_name"] == "The project"
        del example["references"]
        assert client.post("/", json={"example": example, "response": {"parts": [{"text": "red"}]}}).status_code == 422  # no score, and no zero
    finally:
        process.terminate()
        process.wait(300)


def _site_packages():
    import fastapi

    return os.pathsep.join({str(Path(fastapi.__file__).parents[1]), sysconfig.get_path("purelib")})


def _wait(client, process):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(process.stderr.read())
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError


def test_a_context_is_replaced_when_forced_and_nothing_else_is(context, project, tmp_path):
    again = ("rubrics/rubric.yaml", "--id", "project", "--directory", str(context))
    refused = deploy(*again)
    assert refused.exit_code == 2 and "--force replaces a context" in refused.stderr
    (context / "left.txt").write_text("")
    assert deploy(*again, "--force").exit_code == 0 and not (context / "left.txt").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("")
    refused = deploy("rubrics/rubric.yaml", "--id", "project", "--directory", str(other), "--force")
    assert refused.exit_code == 2 and "holds other files" in refused.stderr and (other / "thesis.tex").exists()


def test_what_is_not_installed_here_is_not_locked():
    with pytest.raises(DeployError, match="no-such-package>=2 must be installed here.*it is not installed"):
        locked(["no-such-package>=2"], [])
    with pytest.raises(DeployError, match="numpy<1 must be installed here.*version .* is installed"):
        locked(["numpy<1"], [])
    with pytest.raises(DeployError, match="must be a package's name"):
        locked(["!!"], [])
    assert locked(["reward-kit"], []) == locked([], [])  # this package answers for it


@pytest.mark.parametrize(
    ("kind", "extra"),
    [("rl_rewards.scorers.math.scorer", "math"), ("rl_rewards.scorers.judge.judge", "judge"), ("rl_rewards.scorers.string_match", None)],
)
def test_the_extras_are_those_of_the_kinds(kind, extra):
    assert extras_of([kind]) == sorted({"serve", extra} - {None})


def test_the_wheel_is_the_same_for_the_same_files():
    assert wheel_of_this_package() == wheel_of_this_package()
