"""Servers that echo keys, send too much or absurd things: no key gets out, memory and time are bounded, an absurd reply costs its own sample."""

import base64
import gzip
import json
import logging
import tracemalloc
import zlib
from urllib.parse import quote

import pytest
from pyarrow import parquet

from rl_rewards import Reward, Rubric
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording.parts import PartWriter, merge
from rl_rewards.recording.rows import rows_of
from rl_rewards.scorers import scorer
from rl_rewards.types import Outcome, Sample

KEY = "k3y/of=the+server"


def remote(server, **options):
    options = {"url": server.url, "api": "tei", "format": "text", "retries": 0, "backoff": 0.0, **options}
    return scorer({"remote_reward_model": options})


def score(made, *responses):
    return made.score([Sample("", response, response) for response in responses], list(responses))


def right(body):
    return [[{"score": float(len(text)), "label": "LABEL_0"}] for (text,) in body["inputs"]]


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("MY_REWARD_VAR", f'\ufeff"{KEY}"\r\n')
    return "MY_REWARD_VAR"


ECHOES = {
    "in a 401": lambda: (401, f"wrong key: Bearer {KEY}", {}),
    "in a 403 as JSON": lambda: (403, json.dumps({"error": {"key": KEY}}), {}),
    "in a 500": lambda: (500, f"wrong key: {KEY}", {}),
    "URL-encoded": lambda: (401, f"GET /?key={quote(KEY, safe='')} failed", {}),
    "in base64": lambda: (401, base64.b64encode(f"user:{KEY}".encode()).decode(), {}),
    "cut by the excerpt": lambda: (401, "x" * 190 + KEY, {}),
    "in what is no JSON": lambda: (200, f"<html>{KEY}</html>", {}),
    "in a reply of another form": lambda: (200, json.dumps({"you sent": KEY}), {}),
    "in place of a score": lambda: (200, json.dumps([[{"score": KEY, "label": "a"}]]), {}),
    "as a label": lambda: (200, json.dumps([[{"score": 1.0, "label": KEY}]]), {}),
    "as labels of several heads": lambda: (200, json.dumps([[{"score": 1.0, "label": KEY}, {"score": 1.0, "label": "b"}]]), {}),
    "in a header": lambda: (401, "no", {"x-echo": KEY, "content-encoding": KEY}),
    "in Retry-After": lambda: (429, "no", {"retry-after": KEY}),
    "in a redirect": lambda: (307, "", {"location": f"http://{KEY}@elsewhere/"}),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_key_that_the_server_echoes_is_shown_nowhere(serve, key, caplog, echo):
    server = serve(lambda path, body: echo())
    made = remote(server, api_key_env=key)
    rubric = Rubric((Reward("liked", made), Reward("right", {"string_match": {"equals": "4"}})))
    with caplog.at_level(logging.DEBUG):
        results = rubric.evaluate([Sample("", "four", "four")])
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"
    shown = " ".join([repr(results), repr(score(made, "four")), repr(rubric), caplog.text])
    for part in (KEY, quote(KEY, safe=""), KEY[:9], base64.b64encode(f"user:{KEY}".encode()).decode()):
        assert part not in shown


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_key_that_the_server_echoes_does_not_reach_the_record(serve, key, tmp_path, echo):
    rubric = Rubric((Reward("liked", remote(serve(lambda path, body: echo()), api_key_env=key)),))
    writer = PartWriter(tmp_path / "parts", 0, 0)
    writer.write(rows_of(BatchContext(3, 0, True), rubric.evaluate([Sample("q", "four", "four")]), 0, 0))
    merge(tmp_path / "parts", tmp_path / "rewards.parquet")
    written = str(parquet.read_table(tmp_path / "rewards.parquet").to_pylist())
    assert KEY not in written and KEY[:9] not in written and quote(KEY, safe="") not in written


def test_a_key_in_place_of_its_variable_is_refused_and_not_shown(serve):
    server = serve(lambda path, body: right(body))
    with pytest.raises(ValueError, match="api_key_env must be the name of an environment variable") as refusal:
        remote(server, api_key_env="sk-1234567890")
    assert "sk-1234567890" not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://me:hunter2@host", "http://host/?token=hunter2"])
def test_an_address_with_a_credential_is_refused_and_not_shown(url):
    from rl_rewards.scorers.remote_reward_model import RemoteRewardModel

    for make in (lambda: RemoteRewardModel(url, "tei"), lambda: Reward("r", {"remote_reward_model": {"url": url, "api": "tei"}})):
        with pytest.raises(ValueError, match="url must hold no") as refusal:
            make()
        assert "hunter2" not in str(refusal.value) + repr(refusal.value)


def zipped(content):
    return (200, gzip.compress(content), {"content-encoding": "gzip"})


def test_a_zipped_reply_is_read(serve):
    server = serve(lambda path, body: zipped(json.dumps(right(body)).encode()))
    assert [result.score for result in score(remote(server), "four", "two")] == [4.0, 3.0]
    assert "br" not in server.requests[0][1]["accept-encoding"]


def zip_bomb(mebibytes):
    squeeze = zlib.compressobj(wbits=31)
    return b"".join(squeeze.compress(b" " * (1 << 20)) for _ in range(mebibytes)) + squeeze.flush()


BOMBS = {
    "a gzip bomb": lambda: (200, zip_bomb(300), {"content-encoding": "gzip"}),
    "a large reply": lambda: (200, b" " * (17 << 20), {}),
    "a gzip bomb in a refusal": lambda: (500, zip_bomb(300), {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_reply_that_is_too_large_is_refused_in_bounded_memory(serve, bomb):
    reply = bomb()
    made = remote(serve(lambda path, body: reply))
    tracemalloc.start()
    (result,) = score(made, "four")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (result.score, result.outcome) == (None, Outcome.ERROR) and "at most" in result.error
    assert peak < 50 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "nonsense"])
def test_a_reply_in_an_encoding_that_was_not_asked_for_is_an_error(serve, encoding):
    server = serve(lambda path, body: (200, "[]", {"content-encoding": encoding}))
    assert "content-encoding" in score(remote(server), "four")[0].error


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"[1, 2, 3]" * 99)[:-20]], ids=["no gzip", "cut short"])
def test_a_damaged_zipped_reply_is_an_error(serve, content):
    server = serve(lambda path, body: (200, content, {"content-encoding": "gzip"}))
    assert "gzip" in score(remote(server), "four")[0].error


ABSURD = {
    "400 digits": "1" * 400,
    "5,000 digits": "1" * 5000,
    "-400 digits": "-" + "1" * 400,
    "1e999": "1e999",
    "300 digits": "1" * 320,
    "5,000 levels": "[" * 5000 + "]" * 5000,
    "100,000 levels": "[" * 100_000 + "]" * 100_000,
    "5,000 objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "a lone surrogate": '"\\ud800"',
    "17 MiB": '"' + "x" * (17 << 20) + '"',
}


@pytest.mark.parametrize(
    ("number", "batch_size"),
    [(number, size) for number in ABSURD.values() for size in (1, 16)],
    ids=[f"{name}, {size} together" for name in ABSURD for size in (1, 16)],
)
def test_an_absurd_reply_costs_its_own_sample(serve, number, batch_size):
    def respond(path, body):
        rows = [f'[{{"score": {number if text == "absurd" else len(text)}, "label": "a"}}]' for (text,) in body["inputs"]]
        return (200, "[" + ",".join(rows) + "]", {})

    results = score(remote(serve(respond), batch_size=batch_size), "four", "two", "absurd", "three", "eleven")
    assert [result.score for result in results] == [4.0, 3.0, None, 5.0, 6.0]
    assert results[2].outcome is Outcome.ERROR and len(results[2].error) < 600


@pytest.mark.parametrize("asked", ["999999999", "30", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_server_that_asks_to_wait_longer_than_there_is_time_is_given_up_at_once(serve, asked):
    server = serve(lambda path, body: (429, "slow down", {"retry-after": asked}))
    (result,) = score(remote(server, timeout=3.0, retries=4), "four")
    assert (result.score, result.outcome) == (None, Outcome.ERROR) and len(server.requests) == 1
    assert "asks to wait" in result.error and "no time is left of 3 s" in result.error
