"""The last step of Reward Kit's tutorial: deploy, then train GRPO on the endpoint."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


def test_deploy_then_train_on_the_endpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(launch.ROOT)
    evaluations = tmp_path / "evaluations"
    command = ["deploy", "recipes/rubrics/arithmetic.yaml", "--id", "sums", "--directory", str(evaluations), "--port", "0", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    try:
        launch.run_forked("grpo", launch.config("grpo", tmp_path, reward_endpoint=json.loads(done.stdout)["endpoint"], **SMALL))
    finally:
        stop_server(evaluations)
    rows = record_of(tmp_path)
    assert len(rows) == 3 * 8 and all(row["reward"] == "sums" and row["outcome"] == "scored" for row in rows)
    parts = [{part["name"]: part["score"] for part in row["components"]} for row in rows]
    assert all({"correct", "format", "length"} <= part.keys() for part in parts)  # every reward of the rubric that was deployed, and their components
    assert any("tags/think" in part for part in parts)
    assert len({row["score"] for row in rows}) > 1


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
