"""`rl-rewards preview --remote fireworks` against a loopback service that checks every request."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from rl_rewards.cli import app
from rl_rewards.deploying.credentials import CredentialsError, fireworks_credentials

KEY = "fw_a-secret-key-of-nobody"
MAIN = "from words import find\ndef evaluate(messages, **kwargs):\n    return find()\n"
SAMPLES = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]} for text in ("one", "two")]
PATH = "/v1/accounts/me/evaluators:previewEvaluator"
ANSWER = {
    "totalSamples": 2,
    "totalRuntimeMs": "1234",
    "results": [
        {"success": True, "score": 0.25, "perMetricEvals": {"relevance": {"score": 0.25, "reason": "a quarter"}}},
        {"success": True, "score": 0.75, "perMetricEvals": {"relevance": 0.75}},
    ],
}


class Fireworks(ThreadingHTTPServer):
    """The service. Answers what `replies` has for a path: (status, body), a list of them in turn."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies, self.seen = {}, []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.seen.append((self.command, self.path, self.headers, body))
        reply = self.server.replies.get(self.path, (404, {"error": "no such route"}))
        status, body, *headers = reply.pop(0) if isinstance(reply, list) else reply
        if self.headers["Authorization"] != f"Bearer {KEY}":
            status, body = 401, {"error": "who are you?"}
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **(headers[0] if headers else {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, *args):
        pass


@pytest.fixture
def fireworks(monkeypatch):
    server = Fireworks()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("FIREWORKS_API_BASE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("FIREWORKS_API_KEY", KEY)
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "me")
    server.replies[PATH] = (200, ANSWER)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def preview(tmp_path, monkeypatch):
    """Runs `rl-rewards preview --remote fireworks` on a folder with a helper and requirements."""
    folder = tmp_path / "metrics" / "relevance"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "words.py").write_text("def find():\n    return 1.0\n")
    (folder / "requirements.txt").write_text("numpy>=1\n")
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in SAMPLES))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    arguments = ["preview", "--metrics-folders", "relevance=./metrics/relevance", "--samples", "./samples.jsonl", "--remote", "fireworks"]
    return lambda *more: CliRunner().invoke(app, [*arguments, *more])


def test_the_service_gets_all_files_and_its_answer_is_shown(fireworks, preview):
    result = preview()
    assert result.exit_code == 0, result.stderr
    for piece in ("0.25", "0.75", "a quarter", "2 of 2 samples answered, 1234 ms"):
        assert piece in result.stdout
    [(method, path, headers, body)] = fireworks.seen
    assert (method, path) == ("POST", PATH)
    assert headers["Authorization"] == f"Bearer {KEY}" and headers["Content-Type"] == "application/json"
    assert [json.loads(sample) for sample in body["sampleData"]] == SAMPLES and body["maxSamples"] == 2
    evaluator = body["evaluator"]
    assert evaluator["multiMetrics"] is True and evaluator["rollupSettings"] == {"skipRollup": True} and evaluator["requirements"] == "numpy>=1"
    [criterion] = evaluator["criteria"]
    assert (criterion["type"], criterion["name"], criterion["codeSnippets"]["language"]) == ("CODE_SNIPPETS", "relevance", "python")
    assert criterion["codeSnippets"]["fileContents"] == {
        "main.py": MAIN,
        "words.py": "def find():\n    return 1.0\n",
        "requirements.txt": "numpy>=1\n",
    }
    assert KEY not in result.stdout + result.stderr


def test_json_has_the_answer_as_it_came(fireworks, preview):
    answer = json.loads(preview("--json").stdout)
    assert [(result["score"], result["success"]) for result in answer["results"]] == [(0.25, True), (0.75, True)]
    assert (answer["total_samples"], answer["total_runtime_ms"], answer["sent"]) == (2, 1234, 2)


@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (403, {"error": {"message": "admin role required"}}, ["HTTP 403", "admin role required"]),
        (400, "the code does not parse", ["HTTP 400", "the code does not parse"]),
        (404, "", ["HTTP 404"]),
        (500, {"error": "broken"}, ["HTTP 500", "broken", "failed 3 times"]),
        (200, "<html>", ["not JSON"]),
        (200, {"results": None}, ["must have a list of results"]),
        (200, [1], ["must have a list of results"]),
        (403, f"the key {KEY} is blocked", ["HTTP 403", "the key *** is blocked"]),
    ],
)
def test_a_failure_is_an_error_with_status_and_body_and_never_a_score(fireworks, preview, status, body, shown):
    fireworks.replies[PATH] = (status, body)
    result = preview()
    assert result.exit_code == 2 and result.stdout == ""
    assert all(piece in result.stderr for piece in shown) and "Traceback" not in result.stderr
    assert KEY not in result.stderr and "0.75" not in result.stderr


@pytest.mark.parametrize(
    ("results", "shown"),
    [
        ([{"success": False, "score": 0.0, "error": "boom"}, ANSWER["results"][1]], "boom"),
        ([{"success": True}, ANSWER["results"][1]], "-"),
        ([{"success": True, "score": "high"}, ANSWER["results"][1]], "-"),
        ([ANSWER["results"][0]], "1 of 2 samples answered"),
        ([], "0 of 2 samples answered"),
    ],
)
def test_an_answer_without_every_score_is_shown_with_status_1(fireworks, preview, results, shown):
    fireworks.replies[PATH] = (200, {**ANSWER, "results": results})
    result = preview()
    assert result.exit_code == 1 and shown in result.stdout


def test_a_failure_that_passes_is_tried_again(fireworks, preview):
    fireworks.replies[PATH] = [(503, "busy"), (200, ANSWER)]
    assert preview().exit_code == 0 and len(fireworks.seen) == 2


def test_no_server_is_an_error(fireworks, preview, monkeypatch):
    monkeypatch.setenv("FIREWORKS_API_BASE", "http://127.0.0.1:9")
    result = preview()
    assert result.exit_code == 2 and "ConnectError" in result.stderr and result.stdout == ""


def test_an_account_that_is_not_named_is_asked_for(fireworks, preview, monkeypatch):
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID")
    fireworks.replies["/verifyApiKey"] = (200, {}, {"x-fireworks-account-id": "me"})
    assert preview().exit_code == 0
    assert [(method, path) for method, path, _, _ in fireworks.seen] == [("GET", "/verifyApiKey"), ("POST", PATH)]
    del fireworks.replies["/verifyApiKey"]
    result = preview()
    assert result.exit_code == 2 and "HTTP 404; set FIREWORKS_ACCOUNT_ID" in result.stderr


def test_a_mistake_in_the_code_is_found_before_anything_is_sent(fireworks, preview, tmp_path):
    (tmp_path / "metrics" / "relevance" / "main.py").write_text("def evaluate(messages:\n")
    result = preview()
    assert result.exit_code == 2 and "main.py:1: SyntaxError" in result.stderr and not fireworks.seen


def test_a_file_that_is_no_text_cannot_be_sent(fireworks, preview, tmp_path):
    (tmp_path / "metrics" / "relevance" / "model.bin").write_bytes(b"\xff\xfe")
    result = preview()
    assert result.exit_code == 2 and "model.bin: the service takes files of UTF-8 text" in result.stderr and not fireworks.seen


def test_rows_of_other_forms_are_sent_as_conversations(fireworks, preview, tmp_path):
    (tmp_path / "samples.jsonl").write_text('{"prompt": "q", "completion": "one", "gold": 1}\n{"instruction": "q", "response": "two"}\n')
    assert preview().exit_code == 0
    sent = [json.loads(sample) for sample in fireworks.seen[0][3]["sampleData"]]
    assert sent == [{**SAMPLES[0], "gold": 1}, SAMPLES[1]]


def test_a_folder_without_a_main_is_not_sent(fireworks, preview, tmp_path):
    (tmp_path / "metrics" / "relevance" / "main.py").unlink()
    (tmp_path / "metrics" / "relevance" / "checks.py").write_text("from rewardkit import criteria\ncriteria.file_exists('a')\n")
    result = preview()
    assert result.exit_code == 2 and "the service calls `evaluate` of a main.py" in result.stderr and not fireworks.seen


@pytest.mark.parametrize("name", ["FIREWORKS_API_KEY", None])
def test_without_a_key_nothing_is_sent(fireworks, preview, monkeypatch, name):
    monkeypatch.setenv("FIREWORKS_API_KEY", "") if name is None else monkeypatch.delenv(name)
    result = preview()
    assert result.exit_code == 2 and "FIREWORKS_API_KEY" in result.stderr and not fireworks.seen


STORED = [
    ("[fireworks]\napi_key = stored-key-1\naccount_id = acme\n", "stored-key-1", "acme"),
    ("api_key=stored-key-1\n", "stored-key-1", None),
    ("# api_key = commented-out\n; api_key = commented-out\n[x]\napi_key = 'stored-key-1'\naccount_id = \"acme\"\n", "stored-key-1", "acme"),
    ("\ufeffapi_key = stored-key-1\n", "stored-key-1", None),
]


@pytest.mark.parametrize(("text", "key", "account"), STORED)
def test_credentials_are_read_from_the_file_where_the_environment_has_none(tmp_path, monkeypatch, text, key, account):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("FIREWORKS_API_KEY", "FIREWORKS_ACCOUNT_ID", "FIREWORKS_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".fireworks").mkdir()
    (tmp_path / ".fireworks" / "auth.ini").write_text(text)
    found = fireworks_credentials()
    assert (found.key.reveal(), found.account, found.base_url) == (key, account, "https://api.fireworks.ai")
    assert key not in repr(found)
    monkeypatch.setenv("FIREWORKS_API_KEY", " 'env-key-12' ")
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "env")
    assert (fireworks_credentials().key.reveal(), fireworks_credentials().account) == ("env-key-12", "env")
    assert (fireworks_credentials("given-key-3", "given").key.reveal(), fireworks_credentials("given-key-3", "given").account) == (
        "given-key-3",
        "given",
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FIREWORKS_API_KEY", "schlüssel-1", "visible ASCII"),
        ("FIREWORKS_API_BASE", "ftp://x", "must begin with http"),
        ("FIREWORKS_API_BASE", "https://u:p@x", "no user or password"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused(tmp_path, monkeypatch, name, value, message):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FIREWORKS_API_KEY", "a-key-of-mine")
    monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError, match=message) as raised:
        fireworks_credentials()
    assert name == "FIREWORKS_API_BASE" or value not in str(raised.value)
