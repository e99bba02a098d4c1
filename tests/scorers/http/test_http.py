"""`http`: a user's own service is asked in its own form; whatever goes wrong is an outcome of ours, and never a score."""

import gzip
import logging
import pickle
import shutil
import ssl
import subprocess
import time

import pytest

from rl_rewards import Outcome, Reward, Rubric, Sample, load_rubric
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.scorers import Http


def samples(*completions, **columns):
    return [Sample.from_row({"prompt": f"q{i}", "completion": text, "answer": f"a{i}", **columns}, i) for i, text in enumerate(completions)]


def results(scorer, *completions, parse="identity", **columns):
    return Rubric([Reward("r", scorer, parse)]).evaluate(samples(*completions, **columns)).columns["r"].results


# The forms


def test_a_cloud_run_service_gets_vertexs_request_and_its_info_is_the_reason(service):
    server = service(lambda body, n: {"reward": -0.25, "user_requested_aux_info": f"request {n}"})
    [result] = results(Http(server.url, job_id=7), "<think>hm</think>London", answer="Paris", tries=3)
    assert (result.score, result.reason) == (-0.25, "request 1")
    assert server.bodies == [
        {
            "example": {"contents": [{"role": "user", "parts": [{"text": "q0"}]}], "references": {"answer": "Paris", "tries": "3"}},
            "response": {"role": "model", "parts": [{"text": "<think>hm</think>London"}]},
            "metadata": {"step": 0, "tuning_job_id": 7},
        }
    ]


def test_openrlhf_services_get_batches(service):
    server = service(lambda body, n: {"rewards": [len(q) for q in body["query"]], "scores": [0.5] * len(body["query"]), "extra_logs": {"n": n}})
    found = results(Http(server.url, form="openrlhf", label="answer", batch_size=2, concurrency=1), "a", "bb", "ccc")
    assert [result.score for result in found] == [3, 4, 5]
    assert {name: component.score for name, component in found[2].metrics.items()} == {"score": 0.5, "n": 2}
    assert server.bodies[0] == {"query": ["q0a", "q1bb"], "prompts": ["q0", "q1"], "labels": ["a0", "a1"]}


def test_nemo_gym_servers_are_asked_to_verify(service):
    server = service(lambda body, n: {**body, "reward": 1.0, "accuracy": 0.5, "flag": True})
    [result] = results(Http(server.url, form="nemo_gym"), "four", expected="4")
    assert result.score == 1.0 and {name: each.score for name, each in result.metrics.items()} == {"accuracy": 0.5}
    [body] = server.bodies
    assert body["expected"] == "4" and body["responses_create_params"] == {"input": [{"role": "user", "content": "q0"}]}
    assert body["response"]["output"][0]["content"] == [{"type": "output_text", "text": "four", "annotations": []}]


def test_seconds_are_a_rows_own_where_it_has_a_request_of_its_own(service):
    server = service(lambda body, n: {"reward": 1.0, "rewards": [1.0] * len(body.get("query", ())), "scores": [1.0] * len(body.get("query", ()))})
    alone = Rubric([Reward("r", Http(server.url, form="nemo_gym", concurrency=1))]).evaluate(samples("a", "b", "c")).columns["r"]
    assert all(result.seconds > 0 for result in alone.results) and sum(result.seconds for result in alone.results) <= alone.seconds
    together = results(Http(server.url, form="openrlhf", batch_size=2), "a", "b", "c")
    assert [result.seconds is None for result in together] == [True, True, False]


NEMO = [
    ({"reward": 0.0, "mask_sample": True}, Outcome.ERROR, "no failure_reason"),
    ({"reward": 0.0, "failure_kind": "sandbox_timeout", "failure_reason": "60 s"}, Outcome.TIMEOUT, "60 s"),
    ({"reward": 1.0, "failure_kind": "judge_error", "failure_reason": "down", "mask_sample": False}, Outcome.ERROR, "down"),
    ({"reward": 1.0, "failure_kind": None, "failure_reason": None, "mask_sample": False}, Outcome.SCORED, None),
    ({"reward": True}, Outcome.ERROR, "finite number"),
]


@pytest.mark.parametrize(("reply", "outcome", "words"), NEMO)
def test_what_nemo_gym_masks_is_a_failure_and_no_score(service, reply, outcome, words):
    [result] = results(Http(service(lambda body, n: reply).url, form="nemo_gym"), "x")
    assert result.outcome is outcome and (result.score is None) == (outcome is not Outcome.SCORED)
    assert words is None or words in result.error


def test_a_batch_is_answered_row_by_row(service):
    def respond(body, n):
        scored = [{"score": len(each["answer"]), "reason": each["references"]["answer"], "metrics": {"half": 0.5}} for each in body["samples"]]
        return {"results": [*scored[:1], {"score": None, "error": "no verdict"}, {"score": "1"}]}

    found = results(Http(service(respond).url, form="batch"), "<a>xy</a>", "<a>b</a>", "<a>c</a>", parse={"tag": "a"})
    assert (found[0].score, found[0].reason, found[0].metrics["half"].score) == (2, "a0", 0.5)
    assert [(each.outcome, each.error) for each in found[1:]] == [
        (Outcome.ERROR, "the service gave no score: no verdict"),
        (Outcome.ERROR, "'score' must be a finite number, got str: '1'"),
    ]


def test_a_response_without_an_answer_is_scored_wrong_and_not_sent(service):
    server = service(lambda body, n: {"reward": 1.0})
    found = results(Http(server.url, wrong=-1.0), "<a>x</a>", "no tag", parse={"tag": "a"})
    assert [(each.score, each.outcome) for each in found] == [(1.0, Outcome.SCORED), (-1.0, Outcome.UNPARSED)]
    assert [body["response"]["parts"][0]["text"] for body in server.bodies] == ["x"]


# Replies that hold no score

REPLIES = [
    ((200, '{"reward": "NaN"}', {}), "must be a finite number, got str: 'NaN'"),
    ((200, '{"reward": NaN}', {}), "must be a finite number, got float: nan"),
    ((200, '{"reward": Infinity}', {}), "must be a finite number"),
    ((200, '{"reward": 1e999}', {}), "must be a finite number"),
    ((200, '{"reward": null}', {}), "must be a finite number, got NoneType"),
    ((200, '{"reward": true}', {}), "must be a finite number, got bool"),
    ((200, '{"reward": [1]}', {}), "must be a finite number, got list"),
    ((200, '{"reward": 0, "error": "model overloaded"}', {}), "the service failed, with 'error' beside 'reward': model overloaded"),
    ((200, '{"reward": 0.0, "error": {"code": 503}}', {}), "'code': 503"),
    ((200, '{"reward": 1.0, "errors": ["no judge"]}', {}), "no judge"),
    ((200, '{"reward": 1.0, "is_score_valid": false}', {}), "is_score_valid is False"),
    ((200, '{"reward": 1.0, "is_score_valid": "no"}', {}), "is_score_valid is 'no'"),
    ((200, '{"rewards": 1}', {}), "must have 'reward', got ['rewards']"),
    ((200, "1.0", {}), "must be an object with 'reward', got float"),
    ((200, "<html><body>Sign in</body></html>", {"content-type": "text/html"}), "not JSON: '<html>"),
    ((200, "", {}), "not JSON: ''"),
    ((200, '{"reward": 1', {}), "not JSON"),
    ((200, "[" * 100_000, {}), "nested too deeply"),
    ((200, b"\x1f\x8b broken", {"content-encoding": "gzip"}), "no valid gzip"),
    ((200, gzip.compress(b" " * (4 << 20), mtime=0), {"content-encoding": "gzip"}), "at most 1048576 bytes"),
    ((204, "", {}), "not JSON: ''"),
    ((302, "", {"location": "http://169.254.169.254/token"}), "redirects are not followed"),
    ((308, "", {"location": "/elsewhere"}), "redirects are not followed"),
    ((400, "bad example", {}), "HTTP 400: bad example"),
    ((403, "no", {}), "HTTP 403"),
    ((404, "<h1>not here</h1>", {}), "HTTP 404"),
]


@pytest.mark.parametrize(("reply", "words"), REPLIES, ids=lambda value: str(value)[:40])
def test_a_reply_without_a_score_is_an_error_and_is_not_asked_for_again(service, reply, words):
    server = service(lambda body, n: reply)
    [result] = results(Http(server.url, backoff=0.0), "x")
    assert result.score is None and result.outcome is Outcome.ERROR and words in result.error
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("form", "reply"),
    [
        ("openrlhf", {"rewards": [0.0], "error": "cuda"}),
        ("openai", {"score": 0, "error": "cuda"}),
        ("batch", {"results": [{"score": 0}], "error": "cuda"}),
        ("batch", {"results": [{"score": 0, "error": "cuda"}]}),
    ],
)
def test_a_number_beside_an_error_is_no_score_in_any_form(service, form, reply):
    [result] = results(Http(service(lambda body, n: reply).url, form=form), "x")
    assert result.outcome is Outcome.ERROR and "cuda" in result.error


@pytest.mark.parametrize("reply", [{"reward": 0.5, "error": None}, {"reward": 0.5, "error": ""}, {"reward": 0.5, "is_score_valid": True}])
def test_an_empty_error_beside_a_number_is_none(service, reply):
    [result] = results(Http(service(lambda body, n: reply).url), "x")
    assert result.score == 0.5


def test_a_column_called_error_that_nemo_gym_sends_back_is_no_failure(service):
    server = service(lambda body, n: {**body, "reward": 1.0})
    [result] = results(Http(server.url, form="nemo_gym"), "x", error="KeyError")
    assert result.score == 1.0


def test_a_gigabyte_is_not_read(raw_service):
    sent = []

    def talk(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        chunk = b'{"reward": 1.0,' + b" " * 65521
        for _ in range(1_000_000_000 // len(chunk)):
            connection.sendall(chunk)
            sent.append(len(chunk))

    [result] = results(Http(raw_service(talk)), "x")
    assert result.outcome is Outcome.ERROR and "at most 1048576 bytes" in result.error
    assert sum(sent) < 100_000_000


def test_a_reply_that_is_never_whole_runs_into_the_deadline(raw_service):
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.05)

    [result] = results(Http(raw_service(drip), timeout=0.4), "x")
    assert result.outcome is Outcome.TIMEOUT and "0.4 s" in result.error


HANG_UPS = {
    "without a word": lambda connection: None,
    "in the head": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "in the body": lambda connection: connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"reward": 1.0}'),
    "with no HTTP": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
}


@pytest.mark.parametrize("how", HANG_UPS)
def test_a_broken_connection_is_tried_again_and_then_an_error(raw_service, how):
    calls = []

    def talk(connection):
        calls.append(1)
        HANG_UPS[how](connection)

    [result] = results(Http(raw_service(talk), retries=2, backoff=0.0), "x")
    assert result.outcome is Outcome.ERROR and "failed 3 times" in result.error and len(calls) == 3


def test_a_service_that_is_not_there_is_an_error():
    [result] = results(Http("http://127.0.0.1:1/", retries=1, backoff=0.0), "x")
    assert result.outcome is Outcome.ERROR and "failed 2 times" in result.error


# Retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_fault_that_passes_costs_no_score(service, status):
    server = service(lambda body, n: (status, "busy", {}) if n < 3 else {"reward": 0.5})
    [result] = results(Http(server.url, backoff=0.01), "x")
    assert result.score == 0.5 and len(server.seen) == 3


@pytest.mark.parametrize(("status", "calls"), [(429, 2), (503, 2), (500, 1), (502, 1), (504, 1)])
def test_a_service_that_must_not_be_asked_twice_is_asked_again_only_where_it_has_not_begun(service, status, calls):
    server = service(lambda body, n: (status, "busy", {}) if n == 1 else {"reward": 0.5})
    [result] = results(Http(server.url, backoff=0.01, repeatable=False), "x")
    assert len(server.seen) == calls and (result.score == 0.5) == (calls == 2)


def test_a_connection_that_breaks_is_not_repeated_where_the_service_may_have_scored(raw_service):
    calls = []
    [result] = results(Http(raw_service(lambda connection: calls.append(1)), repeatable=False), "x")
    assert len(calls) == 1 and "not tried again" in result.error


def test_one_row_that_the_service_refuses_costs_no_other_row_of_its_batch(service):
    def respond(body, n):
        return (422, "no", {}) if any("bad" in query for query in body["query"]) else {"rewards": [1] * len(body["query"])}

    found = results(Http(service(respond).url, form="openrlhf"), "a", "bad", "c")
    assert [each.score for each in found] == [1, None, 1]


def test_a_batch_with_faults_loses_and_invents_no_score(service):
    def respond(body, n):
        time.sleep(0.002)
        number = int(body["response"]["parts"][0]["text"])
        return (503, "", {}) if n % 20 == 0 else {"reward": number / 1000}

    server = service(respond)
    found = results(Http(server.url, concurrency=16, backoff=0.01), *map(str, range(300)))
    assert [each.score for each in found] == [i / 1000 for i in range(300)]
    assert server.connections <= 16  # kept open


# Secrets and hosts


def test_keys_come_from_the_environment_and_are_in_no_log_or_error(service, monkeypatch, caplog):
    monkeypatch.setenv("SERVICE_KEY", "abcdef-the-key-123456")
    monkeypatch.setenv("SERVICE_ID", "other-secret-98765")
    server = service(lambda body, n: (400, "your key abcdef-the-key-123456 and other-secret-98765 are wrong", {}))
    caplog.set_level(logging.DEBUG)
    scorer = Http(server.url, api_key_env="SERVICE_KEY", headers_env={"x-id": "SERVICE_ID"})
    [result] = results(scorer, "x")
    _, headers, _ = server.seen[0]
    assert headers["authorization"] == "Bearer abcdef-the-key-123456" and headers["x-id"] == "other-secret-98765"
    shown = caplog.text + result.error + repr(scorer) + repr(result)
    assert "abcdef-the-key" not in shown and "other-secret" not in shown and "HTTP 400" in result.error


def test_a_key_that_is_not_set_fails_the_rows_and_sends_nothing(service):
    server = service(lambda body, n: {"reward": 1.0})
    [result] = results(Http(server.url, api_key_env="NO_SUCH_KEY"), "x")
    assert "NO_SUCH_KEY" in result.error and not server.seen


URLS = ["", "localhost:8000", "file:///etc/passwd", "http://", "http://u:p@h/", "https://h/?api_key=abc", "http://h:99999/", "http://h /"]


@pytest.mark.parametrize("url", URLS)
def test_what_is_no_address_or_holds_a_key_is_refused(url):
    with pytest.raises(ValueError, match="url must"):
        Http(url)


ALLOWED = [
    ("rewards.example.com", "https://rewards.example.com/x", True),
    ("rewards.example.com", "https://REWARDS.example.com/x", True),
    ("rewards.example.com", "https://evil.com/rewards.example.com", False),
    ("rewards.example.com", "https://rewards.example.com.evil.com/", False),
    ("*.example.com", "https://a.b.example.com/", True),
    ("*.example.com", "https://example.com/", False),
    ("*.example.com", "https://notexample.com/", False),
    ("127.0.0.1:8000, other", "http://127.0.0.1:8000/", True),
    ("127.0.0.1:8000 other", "http://127.0.0.1:8001/", False),
    ("h:443", "https://h/", True),
    ("[::1]", "http://[::1]:80/", True),
    ("", "http://h/", False),
]


@pytest.mark.parametrize(("hosts", "url", "allowed"), ALLOWED)
def test_only_the_hosts_that_the_environment_lists_are_called(monkeypatch, hosts, url, allowed):
    monkeypatch.setenv("RL_REWARDS_ALLOWED_HOSTS", hosts)
    if allowed:
        Http(url)
    else:
        with pytest.raises(ValueError, match="RL_REWARDS_ALLOWED_HOSTS"):
            Http(url)


def test_a_host_that_is_not_allowed_is_named_with_the_files_line(tmp_path, monkeypatch):
    monkeypatch.setenv("RL_REWARDS_ALLOWED_HOSTS", "rewards.example.com")
    path = tmp_path / "rubric.yaml"
    path.write_text("rewards:\n- name: r\n  score:\n    http: https://other.example.com/x\n")
    with pytest.raises(RubricFileError, match=r"rubric.yaml:4: rewards\[0\].score.http: url must be of a host in RL_REWARDS_ALLOWED_HOSTS"):
        load_rubric(path)


def test_a_certificate_that_nobody_vouches_for_is_refused(service, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl, which is not installed")
    files = [str(tmp_path / name) for name in ("key.pem", "certificate.pem")]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", files[0], "-out", files[1]]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    server = service(lambda body, n: {"reward": 1.0})
    server.socket = context.wrap_socket(server.socket, server_side=True)
    [result] = results(Http(server.url.replace("http:", "https:"), retries=0), "x")
    assert result.outcome is Outcome.ERROR and "CERTIFICATE_VERIFY_FAILED" in result.error and not server.seen


# Options


def test_a_label_is_openrlhfs():
    with pytest.raises(ValueError, match="label is an option of form openrlhf"):
        Http("http://h/", label="answer")


def test_a_missing_label_costs_its_row(service):
    server = service(lambda body, n: {"rewards": [1] * len(body["query"])})
    found = results(Http(server.url, form="openrlhf", label="gold"), "a")
    assert "no reference 'gold'" in found[0].error and not server.seen


def test_it_travels_to_other_processes_and_through_files(tmp_path):
    scorer = Http("http://h/x?y=1", form="openrlhf", label="answer", headers_env={"x-a": "A"}, repeatable=False)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    Rubric([Reward("r", scorer)]).save(tmp_path / "r.yaml")
    assert load_rubric(tmp_path / "r.yaml").rewards[0].score == scorer
