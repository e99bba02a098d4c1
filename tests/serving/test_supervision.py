"""Worker processes of `--workers`: replaced when they are killed, stop or end, all of them at SIGHUP, and gone with the server."""

import multiprocessing
import os
import signal
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from running_server import PATIENCE, Server, both, children_of, is_alive, wait_for

from rl_rewards.serving import supervisor

REWARDS = """
import os
from rl_rewards import reward_function

@reward_function
def odd(response: str) -> float:
    if "die" in response:
        os._exit(3)
    return VERSION
"""
SAYS_WHO_ANSWERS = "import logging\nlogging.basicConfig(level=logging.INFO)"
HANGS_SOON = f"{SAYS_WHO_ANSWERS}\nimport rl_rewards.serving.supervisor as supervisor\nsupervisor.HANGS_AFTER = 5.0"
ENDS_SOON = "import rl_rewards.serving.supervisor as supervisor\nsupervisor._AFTER_DRAIN = 0.5"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "odd.py").write_text(REWARDS.replace("VERSION", "1.0"))
    (tmp_path / "odd.yaml").write_text("rewards:\n  - {name: odd, score: {function: odd.py:odd}}\n")
    return tmp_path


@pytest.fixture
def server(home):
    with Server(home / "odd.yaml", "--workers", "2", cwd=home, before=SAYS_WHO_ANSWERS).wait() as server:
        yield server


def grade(server, text, **options):
    return httpx.post(server.url + "/grade", json={"sample": {"output_text": text}, "item": {}}, timeout=PATIENCE, **options)


def both_or_more(server):
    return wait_for(lambda: len(children_of(server)) >= 2 and children_of(server))


def both_answering(server):
    """The two workers, once neither reads the rubric any more."""

    def answering():
        workers = both(server)  # a slow one may have been replaced meanwhile
        return all(f"worker {worker} answers" in server.log.read_text() for worker in workers) and workers

    return wait_for(answering)


def test_a_process_that_a_reward_ends_is_replaced_where_there_are_several(home):
    server = Server(home / "odd.yaml", "--workers", "2", cwd=home).wait()
    try:
        before = both(server)
        with pytest.raises(httpx.TransportError):  # closed before a byte of an answer: to be sent again
            grade(server, "die")
        wait_for(lambda: set(children_of(server)) - set(before) and len(children_of(server)) == 2)
        assert grade(server, "fine").json() == {"score": 1.0}
        wait_for(lambda: server.in_flight() == 0.0)  # the dead process' request is forgotten
    finally:
        server.stop()


def test_workers_end_with_the_process_that_started_them(home):
    server = Server(home / "odd.yaml", "--workers", "2", cwd=home).wait()
    workers = both(server)
    server.process.kill()
    server.stop()
    wait_for(lambda: not any(map(is_alive, workers)))


def test_every_process_of_a_server_that_was_told_to_end_is_gone(home):
    server = Server(home / "odd.yaml", "--workers", "2", cwd=home).wait()
    workers = both(server)
    assert server.stop() in (0, -signal.SIGTERM)
    assert not any(is_alive(process) for process in workers) and not is_alive(server.process.pid)
    with pytest.raises(httpx.TransportError):
        httpx.get(server.url + "/healthz")


def test_workers_that_are_killed_are_replaced_also_while_they_start(server):
    killed = set(both(server))
    for each in killed:
        os.kill(each, signal.SIGKILL)
    for _ in range(3):  # those that come in their place have not said a word to the process that started them
        young = wait_for(lambda: set(children_of(server)) - killed)
        killed |= young
        for each in young:
            os.kill(each, signal.SIGKILL)
    assert wait_for(lambda: not set(both(server)) & killed)
    assert grade(server, "fine").json() == {"score": 1.0}


def test_a_server_ends_at_sigterm_while_its_workers_start(home):
    server = Server(home / "odd.yaml", "--workers", "2", cwd=home)
    workers = both(server)
    assert server.stop() in (0, -signal.SIGTERM)
    assert not any(map(is_alive, workers))


def test_a_worker_that_gives_no_sign_of_life_is_replaced(home):
    with Server(home / "odd.yaml", "--workers", "2", cwd=home, before=HANGS_SOON).wait() as server:
        before = both_answering(server)
        assert grade(server, "fine").json() == {"score": 1.0}
        for each in before:
            os.kill(each, signal.SIGSTOP)
        wait_for(lambda: not set(both(server)) & set(before))
        assert grade(server, "fine").json() == {"score": 1.0}


def test_time_in_which_the_supervisor_did_not_run_is_not_held_against_its_workers(monkeypatch):
    now = [0.0]

    def wait(_, seconds):
        now[0] += 3600 if len(now) == 1 else seconds  # Ctrl-Z and `fg` after an hour, or a container that was paused
        return []

    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(supervisor, "wait", wait)
    watching = supervisor.Supervisor(uvicorn.Config("app:app"), [])
    worker = object.__new__(supervisor._Worker)
    worker.reports, theirs = multiprocessing.Pipe()
    worker.process, worker._heard, worker._has_reported = SimpleNamespace(sentinel=0), 0.0, True
    watching._workers = [worker]
    watching._wait(None, 0.5)
    assert not worker.hangs
    now.append(0.0)
    for _ in range(int(2 * supervisor.HANGS_AFTER) + 1):  # it runs, and the worker says nothing
        watching._wait(None, 0.5)
    assert worker.hangs
    theirs.close()


def test_a_worker_that_cannot_end_is_killed_when_the_drain_is_over(home):
    with Server(home / "odd.yaml", "--workers", "2", "--drain", "1", cwd=home, before=f"{SAYS_WHO_ANSWERS}\n{ENDS_SOON}").wait() as server:
        workers = both_answering(server)
        os.kill(workers[0], signal.SIGSTOP)
        assert server.stop() in (0, -signal.SIGTERM)
        assert not any(map(is_alive, workers))


def test_a_hang_up_replaces_the_workers_one_by_one_and_no_request_fails(server, home):
    before = set(both_answering(server))
    (home / "odd.py").write_text(REWARDS.replace("VERSION", "2.0"))
    server.process.send_signal(signal.SIGHUP)
    scores = []
    wait_for(lambda: scores.append(grade(server, "fine").json()["score"]) or not set(both_or_more(server)) & before)
    assert grade(server, "fine").json() == {"score": 2.0}
    assert set(scores) <= {1.0, 2.0} and len(both(server)) == 2


def test_workers_that_run_are_kept_where_what_is_served_has_become_wrong(server, home):
    before = both_answering(server)
    (home / "odd.yaml").write_text("rewards: nonsense\n")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the workers that run are kept" in server.log.read_text())
    assert both(server) == before and grade(server, "fine").json() == {"score": 1.0}
