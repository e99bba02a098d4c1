"""Servers that misbehave: the policy is never charged for them, and none is waited for in vain."""

import threading

import pytest

from rl_rewards.scorers import scorer
from rl_rewards.types import Outcome, Sample


def remote(server, **options):
    options = {"api": "tei", "format": "text", "retries": 2, "backoff": 0.0, **options}
    return scorer({"remote_reward_model": {"url": server.url, **options}})


def score(made, *responses):
    samples = [Sample("", response, response) for response in responses]
    return made.score(samples, list(responses))


def right(body):
    return [[{"score": float(len(text)), "label": "LABEL_0"}] for (text,) in body["inputs"]]


def in_turn(*replies):
    """Answers the first request with the first of these, and so on; functions are called with the body. The last one stays."""
    left, lock = list(replies), threading.Lock()

    def respond(path, body):
        with lock:
            reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(body) if callable(reply) else reply

    return respond


@pytest.mark.parametrize(
    "stumble",
    [(500, "oops", {}), (502, "", {}), (503, "loading", {}), (429, "slow down", {"retry-after": "0"}), None],
    ids=["500", "502", "503", "429", "hangs up"],
)
def test_server_that_stumbles_is_asked_again(serve, stumble):
    server = serve(in_turn(stumble, right))
    (result,) = score(remote(server), "four")
    assert (result.score, result.outcome) == (4.0, Outcome.SCORED)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        ("openrlhf", {"rewards": [0.0], "error": "cuda ran out of memory"}),
        ("vllm_classify", {"data": [{"index": 0, "probs": [0.0]}], "error": {"message": "cuda ran out of memory"}}),
        ("sglang", [{"embedding": [0.0], "error": "cuda ran out of memory"}]),
    ],
)
def test_a_number_beside_an_error_is_no_score(serve, api, reply):
    (result,) = score(remote(serve(lambda path, body: reply), api=api), "four")
    assert result.outcome is Outcome.ERROR and "cuda ran out of memory" in result.error


def test_server_that_stays_down_is_given_up_after_its_retries(serve):
    server = serve(in_turn((503, "loading", {})))
    (result,) = score(remote(server), "four")
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    assert "3 times" in result.error and "503" in result.error and len(server.requests) == 3


def test_server_that_is_down_is_not_called_for_every_sample_of_a_batch(serve):
    server = serve(in_turn((503, "loading", {})))
    results = score(remote(server, batch_size=1, concurrency=1, retries=0), *["four"] * 40)
    assert {result.outcome for result in results} == {Outcome.ERROR} and len(server.requests) == 8
    assert "not called: the last 8 calls of this server failed" in results[-1].error


def test_nobody_at_the_port_is_an_error(serve):
    server = serve(in_turn(right))
    made = remote(server)
    server.shutdown()
    server.server_close()
    (result,) = score(made, "four")
    assert (result.score, result.outcome) == (None, Outcome.ERROR)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
def test_refusal_is_not_asked_again(serve, status):
    server = serve(in_turn((status, "no", {})))
    results = score(remote(server), "four", "two")
    assert [(result.score, result.outcome) for result in results] == [(None, Outcome.ERROR)] * 2
    assert str(status) in results[0].error and len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_sample_that_the_server_refuses_costs_itself_alone(serve, status):
    def respond(path, body):
        return (status, "input is too long", {}) if ["a very long one"] in body["inputs"] else right(body)

    server = serve(respond)
    results = score(remote(server), "four", "a very long one", "two")
    assert [result.score for result in results] == [4.0, None, 3.0]
    assert results[1].outcome is Outcome.ERROR and "too long" in results[1].error
    assert len(server.requests) == 4


def test_server_that_hangs_is_a_timeout_and_not_asked_again(serve):
    server = serve(lambda path, body: server.hang())
    (result,) = score(remote(server, timeout=1.0), "four")
    assert (result.score, result.outcome) == (None, Outcome.TIMEOUT)
    assert "1 s" in result.error and len(server.requests) == 1


def test_request_that_fails_takes_no_other_with_it(serve):
    def respond(path, body):
        return server.hang() if body["inputs"] == [["two"]] else right(body)

    server = serve(respond)
    results = score(remote(server, timeout=2.0, batch_size=1), "four", "two", "three")
    assert [result.score for result in results] == [4.0, None, 5.0]


GARBAGE = [
    ("not JSON", (200, "<html>welcome</html>", {}), "not JSON"),
    ("cut short", (200, '[[{"score": 1.0', {}), "not JSON"),
    ("too few", [[{"score": 1.0, "label": "a"}]], "list of 2"),
    ("too many", [[{"score": 1.0, "label": "a"}]] * 3, "list of 2"),
    ("an object", {"error": "overloaded"}, "list of 2"),
    ("null", (200, "null", {}), "list of 2"),
    ("rows that are none", [1.0, 2.0], "list of labels"),
    ("no labels", [[], []], "list of labels"),
    ("no score", [[{"label": "a"}], [{"label": "a"}]], "'score'"),
]


@pytest.mark.parametrize("reply, message", [row[1:] for row in GARBAGE], ids=[row[0] for row in GARBAGE])
def test_garbage_is_an_error_and_not_asked_again(serve, reply, message):
    server = serve(in_turn(reply))
    results = score(remote(server), "four", "two")
    assert [(result.score, result.outcome) for result in results] == [(None, Outcome.ERROR)] * 2
    assert message in results[0].error and len(server.requests) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "null", '"high"', "true", "[1.0]"])
def test_score_that_is_no_finite_number_is_an_error_of_its_row_alone(serve, number):
    server = serve(in_turn((200, f'[[{{"score": {number}, "label": "a"}}], [{{"score": 1.5, "label": "a"}}]]', {})))
    broken, whole = score(remote(server), "four", "two")
    assert (broken.score, broken.outcome) == (None, Outcome.ERROR) and "finite" in broken.error
    assert whole.score == 1.5


@pytest.mark.parametrize(
    "api, reply, message",
    [
        ("vllm_classify", {"data": [{"index": 0, "probs": [1.0]}, {"index": 0, "probs": [1.0]}]}, "indices"),
        ("vllm_classify", {"data": [{"index": 0, "probs": 1.0}, {"index": 1, "probs": []}]}, "list of numbers"),
        ("vllm_classify", {"data": [{"index": 0}, {"index": 1}]}, "'probs'"),
        ("vllm_classify", {"data": [{"index": 0, "probs": [1.0]}]}, "list of 2"),
        ("vllm_classify", {"object": "error", "message": "no such model"}, "no such model"),
        ("vllm_pooling", {"data": [{"index": 0, "data": [[1.0], [2.0]]}, {"index": 1, "data": [1.0]}]}, "every token"),
        ("sglang", [{"embedding": [1.0]}], "list of 2"),
        ("sglang", [{"text": "hello"}, {"text": "hello"}], "'embedding'"),
        ("openrlhf", {"rewards": [1.0]}, "rewards is not a list of 2"),
        ("openrlhf", {"scores": [1.0, 2.0]}, "'rewards'"),
        ("openrlhf", {"rewards": [1.0, 2.0], "extra_logs": {"length": [1]}}, "extra_logs.length"),
        ("openrlhf", {"rewards": [1.0, 2.0], "extra_logs": [1]}, "extra_logs"),
    ],
)
def test_reply_of_another_form_is_an_error_that_says_what_came(serve, api, reply, message):
    server = serve(in_turn(reply))
    results = score(remote(server, api=api), "four", "two")
    assert [(result.score, result.outcome) for result in results] == [(None, Outcome.ERROR)] * 2
    assert message in results[0].error
