"""The last step of Reward Kit's tutorial: deploy, then train GRPO on the endpoint."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import launch
import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from rl_rewards.cli import app
from rl_rewards.deploying.local_server import stop_server

pytestmark = pytest.mark.slow  # it trains
SMALL = {"rubric": None, "max_steps": 3, "save_steps": 3}


def record_of(directory):
    return parquet.read_table(directory / "out" / "rewards.parquet").to_pylist()


def deploy(rubric, evaluations, *flags):
    """Deploy a rubric file as `sums` and serve it: what the command says of it."""
    command = ["deploy", str(rubric), "--id", "sums", "--directory", str(evaluations), "--port", "0", "--json", *flags]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three steps on a deployed rubric: its directory, the rubric's file, the evaluations' directory, and the endpoint."""
    directory = tmp_path_factory.mktemp("trained")
    rubric, evaluations = directory / "sums.yaml", directory / "evaluations"
    rubric.write_text((launch.ROOT / "recipes/rubrics/arithmetic.yaml").read_text())
    try:
        endpoint = deploy(rubric, evaluations)["endpoint"]
        launch.run_forked("grpo", launch.config("grpo", directory, reward_endpoint=endpoint, **SMALL))
        yield directory, rubric, evaluations, endpoint
    finally:
        stop_server(evaluations)


def test_deploy_then_train_on_the_endpoint(trained):
    rows = record_of(trained[0])
    assert len(rows) == 3 * 8 and all(row["reward"] == "sums" and row["outcome"] == "scored" for row in rows)
    parts = [{part["name"]: part["score"] for part in row["components"]} for row in rows]
    assert all({"correct", "format", "length"} <= part.keys() for part in parts)  # every reward of the rubric that was deployed, and their components
    assert any("tags/think" in part for part in parts)
    assert len({row["score"] for row in rows}) > 1


def version_at(endpoint):
    about = httpx.get(endpoint, timeout=60).json()
    return f"{about['digest']} rl_rewards {about['package']}"


def test_a_run_that_goes_on_after_another_version_was_deployed_is_refused_with_both_versions(trained):
    directory, rubric, evaluations, endpoint = trained
    began_with, before = version_at(endpoint), record_of(directory)
    rubric.write_text(rubric.read_text().replace("weight: 0.1", "weight: 0.2"))
    assert deploy(rubric, evaluations, "--force", "--port", str(urlsplit(endpoint).port))["endpoint"] == endpoint
    longer = launch.config("grpo", directory, reward_endpoint=endpoint, **SMALL | {"max_steps": 6})
    (refused,) = [run.finish() for run in launch.start("grpo", longer)]
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "began with another rubric" in refused.stderr and "--allow_changed_rubric true" in refused.stderr
    assert f"-      version: {began_with}" in refused.stderr and f"+      version: {version_at(endpoint)}" in refused.stderr
    assert version_at(endpoint) != began_with and record_of(directory) == before


class Halting(BaseHTTPRequestHandler):
    """An evaluation one of whose rewards fails on every other row."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._send({"name": "halting", "columns": ["answer"], "rewards": [], "needs_groups": False})

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["samples"]
        fine = {"score": 1.0, "scores": {"a": 1.0}, "outcomes": {"a": "scored"}, "reasons": {}, "components": {}}
        failed = {"score": None, "scores": {"a": None}, "outcomes": {"a": "error"}, "reasons": {"a": "the database is away"}, "components": {}}
        self._send({"results": [failed if i % 2 else fine for i in range(len(rows))], "weights": {"a": 1.0}})

    def _send(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


def test_a_failure_of_the_endpoint_is_an_unscorable_row_and_never_a_zero(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Halting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/evaluations/halting"
    try:
        launch.run_forked("grpo", launch.config("grpo", tmp_path, reward_endpoint=endpoint, **SMALL))
    finally:
        server.shutdown()
        server.server_close()
    rows = record_of(tmp_path)
    failed = [row for row in rows if row["failed"]]
    assert len(failed) == len(rows) / 2 and 0.0 not in [row["score"] for row in rows]
    assert all(row["score"] is None and not row["scorable"] and "the database is away" in row["reason"] for row in failed)
