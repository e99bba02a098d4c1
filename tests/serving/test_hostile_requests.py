"""What a careless client or an attacker sends, for every contract: a 4xx that says what is wrong, and a server that goes on."""

import json
import socket

import httpx
import pytest
from raw_http import exchange, request

BODY = {"sample": {"output_text": "<answer>42</answer>"}, "item": {"answer": "42"}}
GOOD = json.dumps(BODY).encode()
POST = b"POST /grade HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(autouse=True)
def _goes_on(sums):
    yield
    assert sums.post("/grade", BODY).json() == {"score": 1.5} and sums.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_http", id="http2"),
        pytest.param(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" * 10, 400, "invalid_http", id="tls"),
        pytest.param(b"GET /heal\x00thz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_http", id="nul in the path"),
        pytest.param(b"FOO /grade HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_http", id="unknown method"),
        pytest.param(POST + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n", 431, "too_large", id="a header of 70 kB"),
        pytest.param(POST + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n", 431, "too_large", id="a header of 1 MB"),
        pytest.param(POST + b"".join(b"X-%d: b\r\n" % i for i in range(20_000)) + b"\r\n", 431, "too_large", id="20,000 headers"),
        pytest.param(POST + b"X: " + b"a" * 500_000, 431, "too_large", id="a head without an end"),
        pytest.param(POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}", 400, "invalid_http", id="two lengths"),
        pytest.param(POST + b"Content-Length: -5\r\n\r\n{}", 400, "invalid_http", id="a negative length"),
        pytest.param(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "invalid_http", id="length and chunks"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "invalid_http", id="a wrong chunk"),
        pytest.param(POST + b"Content-Length: 1000000000000\r\n\r\n{}", 413, "too_large", id="a length of a terabyte"),
        pytest.param(POST + b"\r\n", 400, "invalid_json", id="no body"),
        pytest.param(request("POST", "/grade", GOOD, "Content-Type: text/plain"), 415, "invalid_content_type", id="text/plain"),
        pytest.param(request("POST", "/grade", GOOD, "Content-Type: application/x-www-form-urlencoded"), 415, "invalid_content_type", id="a form"),
        pytest.param(request("POST", "/grade", GOOD, "Content-Type: application/jsonx"), 415, "invalid_content_type", id="nearly JSON"),
        pytest.param(request("POST", "/grade", GOOD, "Content-Encoding: gzip"), 415, "invalid_content_encoding", id="gzip"),
        pytest.param(request("POST", "/grade", GOOD, "Connection: Upgrade", "Upgrade: h2c"), 400, "invalid_upgrade", id="upgrade to HTTP/2"),
        pytest.param(request("GET", "/grade", b"", "Connection: Upgrade", "Upgrade: websocket"), 405, "method_not_allowed", id="websocket"),
        *(pytest.param(request(method, "/grade"), 405, "method_not_allowed", id=method) for method in ("OPTIONS", "GET", "PUT", "DELETE", "TRACE")),
        pytest.param(request("POST", "/healthz", b"{}"), 405, "method_not_allowed", id="POST /healthz"),
        pytest.param(request("POST", "//grade", GOOD), 404, "not_found", id="two slashes"),
        pytest.param(request("OPTIONS", "*"), 404, "not_found", id="OPTIONS *"),
        pytest.param(request("POST", "/grade?rubric=sums&rubric=other", GOOD), 400, "invalid_query", id="an argument twice"),
        pytest.param(request("POST", "/grade?rubric=..%2Fsums", GOOD), 404, "unknown_rubric", id="a path for a rubric"),
    ],
)
def test_a_request_that_is_not_right_is_a_4xx_with_its_reason(sums, raw, status, code):
    found, body, _ = exchange(sums.port, raw)
    assert (found, json.loads(body)["error"]["code"]) == (status, code), body


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fetc%2fpasswd", "..", "%2e%2e", "", "sums/", "sums%00", "sums.yaml", "SUMS", "%ff", "x" * 5000, "../sums", "%2fetc%2fpasswd", "~root"],
)
def test_an_evaluation_that_does_not_exist_is_a_404_however_it_is_written(sums, name):
    body = {"samples": [{"prompt": "?", "completion": "<answer>42</answer>", "answer": "42"}]}
    status, reply, _ = exchange(sums.port, request("POST", f"/v1/evaluations/{name}", body))
    assert status == 404 and json.loads(reply)["error"]["code"] in ("unknown_rubric", "not_found")
    assert exchange(sums.port, request("POST", "/v1/evaluations/sums", body))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        request("POST", "/grade", GOOD),
        request("POST", "/grade", GOOD, version="1.0"),
        request("POST", "/grade", GOOD, "Content-Type: application/json; charset=utf-8"),
        request("POST", "/grade", GOOD, "Content-Type: application/problem+json"),
        POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD),
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n",
        request("POST", "http://elsewhere/grade", GOOD),
    ],
    ids=["plain", "http10", "charset", "json suffix", "chunks", "chunks of a byte", "absolute"],
)
def test_what_is_unusual_and_right_is_answered(sums, raw):
    status, body, _ = exchange(sums.port, raw)
    assert (status, json.loads(body)) == (200, {"score": 1.5})


def test_pipelined_requests_are_answered_in_their_order(sums):
    bodies = [{"sample": {"output_text": f"<answer>{n}</answer>"}, "item": {"answer": "7"}} for n in range(200)]
    with socket.create_connection(("127.0.0.1", sums.port), timeout=300) as connection:
        connection.sendall(b"".join(request("POST", "/grade", body) for body in bodies) + request("POST", "/grade", GOOD, "Connection: close"))
        received = b""
        while more := connection.recv(1 << 16):
            received += more
    scores = [json.loads(part.partition(b"}")[0] + b"}")["score"] for part in received.split(b"\r\n\r\n")[1:]]
    assert scores == [1.5 if n == 7 else 0.5 for n in range(200)] + [1.5]


def test_a_connection_that_is_reset_in_the_middle_of_its_body_harms_nobody(sums):
    for size in (0, 1, 30, len(GOOD) - 1):
        connection = socket.create_connection(("127.0.0.1", sums.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # a reset, and no farewell
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD[:size])
        connection.close()
    assert exchange(sums.port, POST + b"Content-Length: 50\r\n\r\n{", half_close=True)[0] is None


@pytest.mark.parametrize("requests", [1, 3])
def test_a_caller_that_will_send_no_more_still_gets_the_answers_to_what_it_sent(sums, requests):
    whole = request("POST", "/grade", BODY, "Content-Type: application/json")
    with socket.create_connection(("127.0.0.1", sums.port), timeout=300) as connection:
        connection.sendall(whole * requests)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while more := connection.recv(1 << 16):  # until the server closes
            received += more
    assert received.count(b'{"score":') == received.count(b"HTTP/1.1 200 OK") == requests
    assert received.count(b"connection: close") <= 1  # none where the last answer went out before the end was read


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("rewrad=correct", 400, "no argument 'rewrad'; did you mean 'reward'?"),
        ("Rubric=sums", 400, "did you mean 'rubric'?"),
        ("rewards=correct", 400, "did you mean 'reward'?"),
        ("reward=", 404, "no reward ''"),
        ("reward=correct&alt=json", 200, None),
    ],
)
def test_an_argument_that_is_nearly_one_of_ours_is_refused_and_a_gateways_is_not(sums, query, status, said):
    reply = httpx.post(f"{sums.url}/grade?{query}", json=BODY, timeout=300)
    assert reply.status_code == status and (said is None or said in reply.json()["error"]["message"])


@pytest.mark.parametrize(
    ("path", "body", "where", "said"),
    [
        ("/evaluate", {"mesages": []}, "/messages", "messages is required, got the fields ['mesages']; is it 'mesages'?"),
        ("/evaluate", {}, "/messages", "messages is required, got no field"),
        (
            "/evaluate",
            {"messages": [{"role": "assistant", "content": 5}]},
            "/messages/0/content",
            "content must be text, null or a list of parts, got int",
        ),
        ("/grade", {"sample": {"output_text": None}, "item": {}}, "/sample/output_text", "output_text or output_tools, got null"),
    ],
)
def test_an_error_names_what_must_be_there_and_what_is(sums, path, body, where, said):
    error = httpx.post(sums.url + path, json=body, timeout=300).json()["error"]
    assert error["pointer"] == where and said in error["message"]


CONTRACTS = ["/", "/evaluate", "/get_reward", "/verify", "/grade", "/lambda", "/v1/score", "/v1/evaluations/sums"]
TEXTS = {
    "invalid UTF-8": b'{"sample": {"output_text": "\xe9"}}',
    "UTF-16": json.dumps(BODY).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "NaN": b'{"samples": [NaN]}',
    "Infinity": b'{"item": {"answer": -Infinity}}',
    "1e999": b'{"item": {"answer": 1e999}}',
    "a key twice": b'{"query": ["a"], "query": ["b"]}',
    "a key twice, deep": b'[{"messages": [{"role": "user", "role": "assistant"}]}]',
    "lists 201 deep": b"[" * 201 + b"]" * 201,
    "objects 900 deep": b'{"a":' * 900 + b"1" + b"}" * 900,
    "lists 100,000 deep": b"[" * 100_000,
    "10,000 digits": b"9" * 10_000,
    "two texts": GOOD + GOOD,
    "half a text": GOOD[:-1],
}


@pytest.mark.parametrize("path", CONTRACTS)
def test_what_is_no_json_or_means_two_things_is_a_400_for_every_contract(sums, path):
    for what, text in TEXTS.items():
        reply = sums.client.post(path, content=text)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["pointer"]) == (400, "invalid_json", ""), (what, reply.text)
        assert len(reply.content) < 1000


T = "<answer>42</answer>"
GYM = {"responses_create_params": {"input": "?"}, "response": {"output": []}}


def gym(*items):
    return {**GYM, "response": {"output": list(items)}}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/evaluate", {"messages": [{"role": "assistant", "content": 3}]}, "/messages/0/content"),
        ("/evaluate", {"messages": [{"role": "assistant", "content": [3]}]}, "/messages/0/content/0"),
        ("/evaluate", {"messages": [{"role": "assistant", "content": [{"type": "text", "text": 3}]}]}, "/messages/0/content/0/text"),
        ("/evaluate", {"messages": [{"role": "assistant", "content": T, "tool_calls": 3}]}, "/messages/0/tool_calls"),
        ("/evaluate", {"messages": [{"role": "assistant", "content": T, "tool_calls": ["x"]}]}, "/messages/0/tool_calls/0"),
        ("/evaluate", {"messages": "[" * 100_000}, "/messages"),
        ("/evaluate", {"messages": [{"role": "assistant", "content": T, "reasoning_content": 1}]}, "/messages/0/reasoning_content"),
        ("/verify", gym(3), "/response/output/0"),
        ("/verify", gym({"type": ["message"]}), "/response/output/0/type"),
        ("/verify", gym({"type": "message", "role": 3}), "/response/output/0/role"),
        ("/verify", gym({"type": "message", "content": 3}), "/response/output/0/content"),
        ("/verify", gym({"type": "message", "content": [{"text": 3}]}), "/response/output/0/content/0/text"),
        ("/verify", gym({"type": "reasoning", "summary": 3}), "/response/output/0/summary"),
        # values that are nothing, and yet of a wrong type
        ("/verify", gym({"type": "reasoning", "summary": {}}), "/response/output/0/summary"),
        ("/verify", gym({"type": "message", "content": {}}), "/response/output/0/content"),
        ("/verify", gym({"type": "message", "content": [{"text": []}]}), "/response/output/0/content/0/text"),
        ("/verify", gym({"type": "message", "content": [{"text": None, "refusal": 0}]}), "/response/output/0/content/0/refusal"),
        ("/grade", {"sample": {"output_text": [], "output_tools": [{}]}, "item": {}}, "/sample/output_text"),
        ("/grade", {"sample": {"output_text": T, "output_tools": {}}, "item": {}}, "/sample/output_tools"),
        ("/lambda", [{"messages": [{"role": "assistant", "content": T}], "metadata": []}], "/0/metadata"),
        ("/verify", gym({"type": "function_call_output", "output": 3}), "/response/output/0/output"),
        ("/verify", {**GYM, "responses_create_params": {"input": [{"content": [7]}]}}, "/responses_create_params/input/0/content/0"),
        ("/grade", {"sample": {"output_tools": "x"}, "item": {}}, "/sample/output_tools"),
        ("/grade", {"sample": {"output_tools": [3]}, "item": {}}, "/sample/output_tools/0"),
        ("/grade", {"sample": {"output_text": ["x"]}, "item": {}}, "/sample/output_text"),
        ("/lambda", [{"messages": [{"role": "assistant", "content": {"text": T}}]}], "/0/messages/0/content"),
        ("/lambda", {"body": "[NaN]"}, "/body"),
        ("/lambda", {"body": "[" * 100_000}, "/body"),
        ("/lambda", {"body": json.dumps({"body": "[]"})}, "/body"),
        (
            "/v1/score",
            {"samples": [{"prompt": "?", "completion": T}, {"messages": [{"role": "assistant", "content": 3}]}]},
            "/samples/1/messages/0/content",
        ),
        ("/v1/score", {"samples": [{"prompt": "?", "completion": T, "completion_ids": [1, "x"]}]}, "/samples/0/completion_ids"),
        ("/v1/score", {"samples": [{"prompt": "?", "completion": T, "completion_ids": "12"}]}, "/samples/0/completion_ids"),
        ("/v1/score", {"samples": [{"prompt": "?", "completion": T}], "rubric": 3}, "/rubric"),
    ],
)
def test_a_value_that_no_reward_could_read_is_refused_with_its_place_and_not_scored(sums, path, body, pointer):
    reply = sums.post(path, body)
    assert reply.status_code in (400, 422) and reply.json()["error"]["pointer"] == pointer, reply.text


@pytest.mark.parametrize("text", ["\ud800<answer>42</answer>", "\x00<answer>42</answer>", "\U0010ffff" * 1000 + "<answer>42</answer>"])
def test_strange_letters_of_the_policy_are_scored(sums, text):
    reply = sums.client.post("/grade", content=json.dumps({"sample": {"output_text": text}, "item": {"answer": "42"}}))
    assert reply.status_code == 200 and reply.json()["score"] in (1.0, 1.5), reply.text


def test_ten_thousand_samples_in_a_request_are_answered_each_and_health_meanwhile(sums):
    rows = [{"prompt": "?", "completion": f"<answer>{n}</answer>", "answer": "7"} for n in range(10_000)]
    reply = httpx.post(sums.url + "/v1/score", json={"samples": rows}, timeout=300)
    assert [row["scores"]["correct"] for row in reply.json()["results"]] == [float(n == 7) for n in range(10_000)]
