"""Ends: of rewards that misbehave, of processes that are killed, of servers that are told to end, and servers that must not start."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from running_server import PATIENCE, Server, is_alive, wait_for

REWARDS = """
import os, sys, time
from rl_rewards import reward_function

@reward_function
def odd(response: str) -> float:
    if "fork" in response and os.fork() == 0:
        return 77.0
    if "print" in response:
        print("printed")
        sys.stderr.write("written\\n")
    if "sys.exit" in response:
        sys.exit(0)
    if "interrupt" in response:
        raise KeyboardInterrupt
    if "recursion" in response:
        return odd.__wrapped__(response)
    if "memory" in response:
        raise MemoryError
    if "nan" in response:
        return float("nan")
    if "die" in response:
        os._exit(3)
    if "sleep" in response:
        time.sleep(600)
    return 1.0
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("endings")
    (home / "odd.py").write_text(REWARDS)
    (home / "odd.yaml").write_text("rewards:\n  - {name: odd, score: {function: odd.py:odd}}\n")
    return home


@pytest.fixture(scope="module")
def odd(home):
    server = Server(home / "odd.yaml", cwd=home).wait()
    yield server
    server.stop()


def grade(server, text, **options):
    return httpx.post(server.url + "/grade", json={"sample": {"output_text": text}, "item": {}}, timeout=PATIENCE, **options)


@pytest.mark.parametrize("text", ["sys.exit", "interrupt", "recursion", "memory", "nan"])
def test_a_reward_that_raises_whatever_it_may_is_a_503_and_never_a_zero(odd, text):
    reply = grade(odd, text)
    assert reply.status_code == 503 and reply.headers["retry-after"] and reply.json()["error"]["code"] in ("reward_error", "internal_error")
    assert grade(odd, "fine").json() == {"score": 1.0}


@pytest.mark.parametrize("text", ["fork", "print"])
def test_a_reward_that_forks_or_prints_answers_once_and_leaves_nothing_behind(odd, text):
    assert grade(odd, text).json() == {"score": 1.0}
    wait_for(lambda: not [process for process in _descendants(odd.process.pid) if is_alive(process)])
    assert grade(odd, "fine").json() == {"score": 1.0}


def _descendants(process):
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


def test_at_the_end_of_the_drain_a_request_that_hangs_is_a_503_and_the_process_ends(home):
    server = Server(home / "odd.yaml", "--drain", "1", cwd=home).wait()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(grade, server, "sleep")
        wait_for(server.in_flight)
        server.process.send_signal(signal.SIGTERM)
        reply = running.result()
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutdown") and reply.headers["retry-after"]
    assert server.stop() in (0, -signal.SIGTERM)


def test_a_batch_that_is_being_scored_when_sigterm_comes_is_answered_whole(rubrics, tmp_path):
    server = Server(rubrics / "slow.yaml", cwd=rubrics).wait()
    release = tmp_path / "release"
    samples = [{"prompt": "?", "completion": f"hang {n}", "release": str(release)} for n in range(20)]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(httpx.post, server.url + "/v1/score", json={"samples": samples}, timeout=PATIENCE)
        wait_for(server.in_flight)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not server.takes_connections())
        release.touch()
        assert [row["score"] for row in running.result().json()["results"]] == [float(len(sample["completion"])) for sample in samples]
    assert server.stop() in (0, -signal.SIGTERM)


def test_a_hang_up_ends_a_server_as_sigterm_does(rubrics, tmp_path):
    server = Server(rubrics / "slow.yaml", cwd=rubrics).wait()
    release = tmp_path / "release"
    with ThreadPoolExecutor(1) as pool:
        body = {"samples": [{"prompt": "?", "completion": "hang", "release": str(release)}]}
        running = pool.submit(httpx.post, server.url + "/v1/score", json=body, timeout=PATIENCE)
        wait_for(server.in_flight)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not server.takes_connections())
        release.touch()
        assert running.result().json()["results"][0]["score"] == 4.0
    assert server.stop() in (0, -signal.SIGTERM)


def test_a_second_server_on_a_port_says_that_it_is_taken(odd, home):
    for flags in ([], ["--workers", "2"]):
        command = [sys.executable, "-m", "rl_rewards", "serve", str(home / "odd.yaml"), "--port", str(odd.port), *flags]
        ended = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=PATIENCE)
        assert ended.returncode == 2 and f"--port {odd.port} cannot be listened at: Address already in use" in ended.stderr
        assert "Traceback" not in ended.stderr
    assert grade(odd, "fine").json() == {"score": 1.0}


@pytest.mark.parametrize(
    "broken", ["rewards: [{name: x, score: {number_mach: y}}]\n", "rewards: [", "", "\x00"], ids=["kind", "yaml", "empty", "nul"]
)
def test_a_directory_with_a_broken_rubric_does_not_start_and_names_it(home, tmp_path, broken):
    (tmp_path / "good.yaml").write_text("rewards:\n  - {name: x, score: {number_match: y}}\n")
    (tmp_path / "broken.yaml").write_text(broken)
    for flags in ([], ["--workers", "2"]) if broken.startswith("rewards: [{") else ([],):
        command = [sys.executable, "-m", "rl_rewards", "serve", str(tmp_path), "--port", "0", *flags]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert ended.returncode == 2 and "broken.yaml" in ended.stderr and "Traceback" not in ended.stderr


def test_port_0_says_which_port_it_took(home):
    command = [sys.executable, "-m", "rl_rewards", "serve", str(home / "odd.yaml"), "--port", "0"]
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = server.stderr.readline()
            address = line.split()[-1]
            assert line.startswith("serving ") and address.startswith("http://127.0.0.1:")
            wait_for(lambda: _answers(address))
        finally:
            server.send_signal(signal.SIGTERM)
        assert all("request_id" in json.loads(each) for each in server.stderr if each.startswith("{"))


def _answers(address):
    try:
        return httpx.get(address + "/healthz", timeout=300).status_code == 200
    except httpx.TransportError:
        return False
