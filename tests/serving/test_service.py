"""What holds whatever the contract: keys, limits, health, draining, metrics, logs."""

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running_server import PATIENCE, Server, both, wait_for

KEY = "a-key-of-the-test-0123456789"
BODY = {"sample": {"output_text": "<answer>42</answer>"}, "item": {"answer": "42"}}


def test_without_a_key_nothing_but_health_and_the_page_answers(rubrics):
    server = Server(rubrics / "sums.yaml", cwd=rubrics, RL_REWARDS_API_KEYS=f"another-key-0123456789,{KEY}").wait()
    try:
        assert server.post("/grade", BODY).status_code == 401
        assert server.post("/grade", BODY, headers={"authorization": "Bearer wrong"}).status_code == 401
        for headers in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"authorization": "bearer another-key-0123456789"}):
            assert server.post("/grade", BODY, headers=headers).json() == {"score": 1.5}
        open_to_all = {path: server.client.get(path).status_code for path in ("/healthz", "/readyz", "/", "/metrics", "/openapi.json", "/v1/rubrics")}
        assert open_to_all == {"/healthz": 200, "/readyz": 200, "/": 200, "/metrics": 401, "/openapi.json": 401, "/v1/rubrics": 401}
    finally:
        server.stop()
    assert KEY not in server.log.read_text()


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (("--host", "0.0.0.0"), {}, "a key is needed: set the environment variable RL_REWARDS_API_KEYS"),
        (("--host", "::"), {}, "a key is needed"),
        ((), {"RL_REWARDS_API_KEYS": " , "}, "must hold a key"),
        ((), {"RL_REWARDS_API_KEYS": "short"}, "at least 16 characters"),
        (("--log-level", "loud"), {}, "'loud' is not one of"),
    ],
)
def test_a_server_that_would_be_open_to_others_does_not_start(rubrics, flags, environment, message):
    command = [sys.executable, "-m", "rl_rewards", "serve", str(rubrics / "sums.yaml"), *flags]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=PATIENCE)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr


def test_a_reward_that_hangs_blocks_neither_health_nor_others_and_is_a_503(server, tmp_path):
    release = tmp_path / "release"

    def ask(completion):
        return server.post("/v1/evaluations/slow", {"samples": [{"prompt": "?", "completion": completion, "release": str(release)}]})

    wait_for(lambda: ask("go").status_code == 200)  # the first score of a process waits for imports, on a busy machine for seconds
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, "hang")
        wait_for(lambda: waiting.done() or server.in_flight())
        assert ask("go").json()["results"][0]["score"] == 2.0 and server.client.get("/healthz").status_code == 200
        late = waiting.result()
    release.touch()
    assert late.status_code == 503 and late.json()["error"] == {"code": "timeout", "message": "not scored within 5 s"}


def test_requests_that_wait_together_are_one_batch_and_get_their_own_answers(server):
    def ask(number):
        body = {"samples": [{"prompt": "?", "completion": str(number)}]}
        return server.client.post("/v1/evaluations/batched", json=body).json()["results"][0]

    def rows_of_the_largest_batch():
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(ask, range(400)))
        assert [answer["score"] for answer in answers] == [float(number) for number in range(400)]
        return max(answer["components"]["batched"][0]["score"] for answer in answers)

    wait_for(lambda: rows_of_the_largest_batch() > 1)  # none waits for another where callers are slow and the server is quick


def test_a_body_may_not_be_larger_than_allowed_nor_trickle_in(rubrics):
    server = Server(rubrics / "sums.yaml", "--max-body-mb", "1", cwd=rubrics).wait()
    try:
        large = {"sample": {"output_text": "x" * (2 << 20)}, "item": {"answer": "42"}}
        assert server.post("/grade", large).status_code == 413

        def chunks():
            for _ in range(40):
                yield b"x" * (1 << 16)

        assert server.client.post("/grade", content=chunks()).status_code == 413
        assert server.post("/grade", BODY).json() == {"score": 1.5}
    finally:
        server.stop()


def test_a_caller_that_leaves_in_the_middle_of_its_body_harms_nobody(sums):
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", sums.port)) as half:
            half.sendall(b"POST /grade HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    assert sums.post("/grade", BODY).json() == {"score": 1.5}


def test_sigterm_lets_a_running_request_finish_and_takes_no_new_one(rubrics, tmp_path):
    server = Server(rubrics / "slow.yaml", cwd=rubrics).wait()
    release = tmp_path / "release"
    body = {"samples": [{"prompt": "?", "completion": "hang on", "release": str(release)}]}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(httpx.post, server.url + "/v1/score", json=body, timeout=PATIENCE)
        wait_for(server.in_flight)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.takes_connections())
        release.touch()
        assert running.result().json()["results"][0]["score"] == 7.0
    assert server.stop() in (0, -signal.SIGTERM)


def test_several_workers_share_the_port_and_a_killed_one_is_replaced(rubrics):
    server = Server(rubrics / "sums.yaml", "--workers", "2", cwd=rubrics).wait()
    try:
        os.kill(both(server)[0], signal.SIGKILL)
        answered = failed = 0
        for _ in range(200):
            try:
                reply = httpx.post(server.url + "/grade", json=BODY, timeout=PATIENCE)
                assert reply.json() == {"score": 1.5}
                answered += 1
            except httpx.TransportError:  # the connection was the killed worker's: the caller can send it again
                failed += 1
        assert answered >= 190 and answered + failed == 200
    finally:
        server.stop()


def test_metrics_count_requests_and_outcomes_and_logs_hold_ids_and_no_completion(sums):
    before = sums.client.get("/metrics").text
    secret = "the response's own words"
    reply = sums.post("/grade", {"sample": {"output_text": secret}, "item": {"answer": "42"}}, headers={"x-request-id": "my-id.1"})
    assert reply.headers["x-request-id"] == "my-id.1"
    after = sums.client.get("/metrics").text
    line = 'rl_rewards_rows_total{outcome="unparsed",reward="correct",rubric="sums"}'
    count = [float((text.partition(line + " ")[2].split("\n")[0]) or 0) for text in (before, after)]
    assert count[1] == count[0] + 1
    logged = wait_for(lambda: [each for each in sums.lines() if each["request_id"] == "my-id.1"])
    assert len(logged) == 1 and (logged[0]["path"], logged[0]["status"], logged[0]["rows"]) == ("/grade", 200, 1)
    assert secret not in sums.log.read_text()


def test_paths_that_do_not_exist_are_404_and_one_name_in_the_metrics(sums):
    for path in ("/nothing", "/../etc/passwd", "/" + "x" * 200):
        assert sums.client.get(path).status_code == 404
    assert 'path="other",status="404"' in sums.client.get("/metrics").text and "passwd" not in sums.client.get("/metrics").text
