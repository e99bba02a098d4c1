"""Fireworks' evaluators on loopback: a service that keeps what it is sent, and refuses whatever is not as documented."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

KEY = "fw_loopback_key_0123456789"
ACCOUNT = "acme"


class EvaluatorService(ThreadingHTTPServer):
    """The service.

    Attributes:
        evaluators: id -> its fields.
        archives: id -> bytes that were uploaded.
        seen: (method, path, body) of each request, in order.
        gaps: moments in which an evaluator that was there is not.
        refuse: (method, part of a path) -> (status, body) that it answers instead; once each where `once` is set.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.evaluators, self.archives, self.seen, self.refuse, self.builds = {}, {}, [], {}, ["BUILDING", "ACTIVE"]
        self.problems = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def calls(self):
        return [f"{method} {path}" for method, path, _ in self.seen]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_PATCH(self):
        self._answer("PATCH")

    def do_PUT(self):
        self._answer("PUT")

    def do_DELETE(self):
        self.server.problems.append("DELETE: an evaluator must never be deleted")
        self._answer("DELETE")

    def log_message(self, *args):
        pass

    def _answer(self, method):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if method == "PUT":
            return self._uploaded(raw)
        body = json.loads(raw) if raw else None
        self.server.seen.append((method, self.path, body))
        for (wanted, part), reply in self.server.refuse.items():
            if wanted == method and part in self.path:
                return self._send(*reply)
        if self.headers.get("authorization") != f"Bearer {KEY}":
            return self._send(401, {"code": 16, "message": "the key is unknown"})
        if raw and self.headers.get("content-type") != "application/json":
            self.server.problems.append(f"{method} {self.path}: content-type {self.headers.get('content-type')}")
        return self._send(*self._call(method, self.path, body))

    def _call(self, method, path, body):
        if method == "GET" and path == "/verifyApiKey":
            return 200, {}
        found = re.fullmatch(rf"/v1/accounts/{ACCOUNT}/(evaluators|evaluatorsV2)(?:/([a-z0-9-]+))?(:\w+)?(?:\?(.*))?", path)
        if not found:
            return 404, {"message": f"no such path: {path}"}
        collection, name, verb, query = found.groups()
        evaluators = self.server.evaluators
        if method == "POST" and name is None:
            name, fields = body["evaluatorId"], body["evaluator"]
            self._check(fields, v2=collection == "evaluatorsV2")
            if name in evaluators:
                return 409, {"code": 6, "message": "evaluator already exists"}
            evaluators[name] = fields
            return 200, {"name": f"accounts/{ACCOUNT}/evaluators/{name}", "state": "ACTIVE" if collection == "evaluators" else "BUILDING", **fields}
        if name not in evaluators:
            return 404, {"code": 5, "message": "not found"}
        if method == "GET":
            state = self.server.builds.pop(0) if len(self.server.builds) > 1 else self.server.builds[0]
            return 200, {"name": f"accounts/{ACCOUNT}/evaluators/{name}", "state": state, "status": {"message": "pip failed"}}
        if method == "PATCH":
            self._check(body, v2=query == "prepareCodeUpload=true")
            evaluators[name] = body
            return 200, {"name": f"accounts/{ACCOUNT}/evaluators/{name}", **body}
        if verb == ":getUploadEndpoint":
            [(file, size)] = body["filenameToSize"].items()
            assert size.isdigit()
            return 200, {"filenameToSignedUrls": {file: f"{self.server.url}/upload/{name}?signature=not-to-be-shown"}}
        if verb == ":validateUpload":
            if name not in self.server.archives:
                return 400, {"message": "nothing was uploaded"}
            return 200, {}
        return 405, {}

    def _check(self, fields, v2):
        """Note what is not as the API has it."""
        for field in ("displayName", "description", "criteria", "requirements"):
            if field not in fields:
                self.server.problems.append(f"the evaluator has no {field}")
        for criterion in fields["criteria"]:
            snippets = criterion["codeSnippets"]
            if criterion["type"] != "CODE_SNIPPETS" or snippets["language"] != "python":
                self.server.problems.append(f"criterion {criterion}")
            if not v2 and "evaluate" not in snippets["fileContents"]["main.py"]:
                self.server.problems.append("no evaluate in main.py")
            if v2 and (snippets["entryFunc"] != "evaluate" or not fields.get("entryPoint", "").endswith("main.py::evaluate")):
                self.server.problems.append("no entry point")

    def _uploaded(self, raw):
        self.server.seen.append(("PUT", self.path.partition("?")[0], len(raw)))
        if self.headers.get("authorization") is not None:
            self.server.problems.append("the key went to the storage")
        if self.headers.get("content-type") != "application/octet-stream" or "signature=" not in self.path:
            self.server.problems.append("PUT: content-type or signature")
        if reply := self.server.refuse.get(("PUT", "")):
            return self._send(*reply)
        self.server.archives[self.path.partition("?")[0].rpartition("/")[2]] = raw
        return self._send(200, {})

    def _send(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        if self.path == "/verifyApiKey":
            self.send_header("x-fireworks-account-id", ACCOUNT)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def fireworks(monkeypatch, tmp_path):
    """The service, with credentials for it in the environment; what was not as documented fails the test."""
    server = EvaluatorService()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for name, value in {"FIREWORKS_API_KEY": KEY, "FIREWORKS_ACCOUNT_ID": ACCOUNT, "FIREWORKS_API_BASE": server.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield server
    server.shutdown()
    server.server_close()
    assert server.problems == []
