"""The deployment on a real local Ray: its proxy, its replicas, requests of several contracts at once, and a replica that is killed."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import ValidationError

ray = pytest.importorskip("ray")
pytest.importorskip("ray.serve")
from rl_rewards.serving.ray_serve import RayServeSettings, application
from tests.free_ports import free_port

pytestmark = pytest.mark.slow
HOME = []
KEY = "a-key-of-the-test-0123456789"
HEADERS = {"x-api-key": KEY}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a deployment of two rubrics, with two replicas."""
    from ray import serve

    home = tmp_path_factory.mktemp("ray_serve")
    (home / "sums.yaml").write_text("rewards:\n  - {name: correct, parse: {tag: answer}, score: {number_match: answer}}\n")
    (home / "where.py").write_text(
        "import os, time\nfrom rl_rewards import reward_function\n\n@reward_function\ndef process(response):\n    return float(os.getpid())\n\n"
        "@reward_function\ndef slowly(response):\n    time.sleep(0.5)\n    return float(os.getpid())\n"
    )
    (home / "slow.yaml").write_text("rewards:\n  - {name: process, score: {function: where.py:slowly}}\n")
    HOME.append(home)
    (home / "where.yaml").write_text("rewards:\n  - {name: process, score: {function: where.py:process}}\n")
    port = free_port()
    patience = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120", "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "120"}  # of a busy machine
    environment = {"env_vars": {"RL_REWARDS_API_KEYS": KEY, **patience}}
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        runtime_env=environment,
        log_to_driver=False,
        _temp_dir=None,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    settings = RayServeSettings(target=str(home), min_replicas=2, max_replicas=2, num_cpus=0.2, drain=2.0)
    serve.run(application(settings), route_prefix="/rewards")
    yield f"http://127.0.0.1:{port}/rewards"
    serve.shutdown()
    ray.shutdown()


def grade(url, answer, **options):
    return httpx.post(
        f"{url}/grade?rubric=sums", json={"sample": {"output_text": f"<answer>{answer}</answer>"}, "item": {"answer": "42"}}, timeout=300, **options
    )


def process(url, rubric="where"):
    return httpx.post(f"{url}/v1/evaluations/{rubric}", json={"samples": [{"prompt": "?", "completion": "!"}]}, headers=HEADERS, timeout=300)


def test_contracts_keys_and_errors_are_those_of_the_plain_server(url):
    assert httpx.get(f"{url}/readyz", timeout=300).json() == {"status": "ready"}
    assert grade(url, 42).status_code == 401
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: grade(url, n, headers=HEADERS).json()["score"], [42, 41] * 20))
    assert answers == [1.0, 0.0] * 20
    refused = httpx.post(f"{url}/grade?rubric=sums", json={"item": {}}, headers=HEADERS, timeout=300)
    assert (refused.status_code, refused.json()["error"]["pointer"]) == (422, "/sample")


def test_replicas_come_with_the_load_and_go_after_it_and_every_request_is_answered(url):
    from ray import serve

    settings = RayServeSettings(
        target=str(HOME[0]), max_replicas=3, target_ongoing_requests=2.0, num_cpus=0.2, drain=30.0, upscale_delay=0.5, downscale_delay=1.0
    )
    serve.run(application(settings), name="scaling", route_prefix="/scaling")
    address = url.replace("/rewards", "/scaling")
    try:
        seen, most, deadline = {}, 0, time.monotonic() + 500

        def ask(number):
            while (most < 3 or len(seen) < 2) and time.monotonic() < deadline:
                reply = process(address, "slow").raise_for_status()  # taken away or added, no replica loses a request
                seen[reply.json()["results"][0]["score"]] = time.monotonic()

        with ThreadPoolExecutor(16) as pool:
            asking = [pool.submit(ask, number) for number in range(16)]
            while not all(each.done() for each in asking):
                most = max(most, _replicas("scaling"))
                time.sleep(0.1)
        [each.result() for each in asking]
        assert most == 3 and len(seen) >= 2
        while (left := _replicas("scaling")) > 1 and time.monotonic() < deadline:  # one caller goes on, while the others' replicas end
            process(address, "slow").raise_for_status()
        assert left == 1
    finally:
        serve.delete("scaling")


def _replicas(name):
    from ray import serve

    [deployment] = serve.status().applications[name].deployments.values()
    return deployment.replica_states.get("RUNNING", 0)


def test_replicas_share_the_load_and_a_killed_one_is_replaced(url):
    deadline = time.monotonic() + 500
    seen = set()
    while len(seen) < 2 and time.monotonic() < deadline:
        with ThreadPoolExecutor(8) as pool:
            seen |= {reply.json()["results"][0]["score"] for reply in pool.map(lambda _: process(url), range(16))}
    assert len(seen) == 2
    os.kill(int(min(seen)), signal.SIGKILL)
    now = set()
    while not (now - seen) and time.monotonic() < deadline:
        reply = process(url)
        if reply.status_code == 200:
            now.add(reply.json()["results"][0]["score"])
        else:
            assert reply.status_code >= 500  # the killed replica's: the caller can send it again
    assert now - seen


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"min_replicas": 5}, "at most max_replicas, 4, got 5"), ({"replicas": 2}, "replicas"), ({"max_ongoing_requests": 0}, "max_ongoing_requests")],
)
def test_wrong_settings_are_refused_before_anything_is_deployed(wrong, message):
    with pytest.raises(ValidationError, match=message):
        RayServeSettings(target="rubric.yaml", **wrong)
