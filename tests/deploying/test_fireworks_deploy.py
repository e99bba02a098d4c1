"""Evaluators on a loopback service that checks every request: made, replaced in place, refused."""

import io
import json
import tarfile

import pytest
from evaluator_service import ACCOUNT, KEY
from typer.testing import CliRunner

from rl_rewards.cli import app
from rl_rewards.compat.reward_kit.evaluation import create_evaluation, preview_evaluation
from rl_rewards.deploying import fireworks_deploy
from rl_rewards.deploying.fireworks import FireworksError
from rl_rewards.user_errors import UserError

ONE = f"/v1/accounts/{ACCOUNT}/evaluators/overlap"


def deploy(folder, *flags):
    """`rl-rewards deploy --target fireworks` of a folder."""
    return CliRunner().invoke(app, ["deploy", "--id", "overlap", "-m", f"relevance={folder}", "--target", "fireworks", *flags])


def files_of(evaluator):
    [criterion] = evaluator["criteria"]
    return criterion["codeSnippets"]["fileContents"]


def test_every_file_and_requirement_is_sent(fireworks, relevance):
    done = deploy(relevance, "--display-name", "Overlap", "--description", "shared words")
    assert done.exit_code == 0, done.stderr
    assert f"deployed: accounts/{ACCOUNT}/evaluators/overlap, ACTIVE" in done.stdout
    [(method, path, body)] = fireworks.seen
    assert (method, path, body["evaluatorId"]) == ("POST", f"/v1/accounts/{ACCOUNT}/evaluators", "overlap")
    sent = body["evaluator"]
    assert (sent["displayName"], sent["description"], sent["requirements"]) == ("Overlap", "shared words", "numpy>=1\nhttpx>=0.20")
    assert files_of(sent) == {str(path.relative_to(relevance)): path.read_text() for path in relevance.rglob("*") if path.suffix in (".py", ".txt")}
    assert sent["multiMetrics"] is True and sent["rollupSettings"] == {"skipRollup": True}


def test_one_that_is_there_is_replaced_in_place_and_only_when_forced(fireworks, relevance):
    assert deploy(relevance).exit_code == 0
    again = deploy(relevance)
    assert again.exit_code == 2 and "is there already; --force" in again.stderr and "409" in again.stderr
    (relevance / "data" / "stop.txt").write_text("is\n")
    assert deploy(relevance, "--force").exit_code == 0
    assert fireworks.calls[-2:] == [f"GET {ONE}", f"PATCH {ONE}"]
    assert files_of(fireworks.evaluators["overlap"])["data/stop.txt"] == "is\n"


def test_force_makes_one_that_is_not_there(fireworks, relevance):
    assert deploy(relevance, "--force").exit_code == 0
    assert fireworks.calls == [f"GET {ONE}", f"POST /v1/accounts/{ACCOUNT}/evaluators"]


def test_one_that_somebody_makes_meanwhile_is_replaced(fireworks, relevance):
    fireworks.refuse = {("GET", "overlap"): (404, {}), ("POST", "/evaluators"): (409, {"message": "exists"})}
    fireworks.evaluators["overlap"] = {}
    assert deploy(relevance, "--force").exit_code == 0
    assert fireworks.calls[-1] == f"PATCH {ONE}"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"message": "the key is unknown"}, "HTTP 401: .*the key is unknown"),
        (403, {"message": "admin role required"}, "HTTP 403: .*admin role required"),
        (400, {"message": "bad criteria"}, "HTTP 400: .*bad criteria"),
        (500, {"message": "boom"}, "HTTP 500: .*boom"),
    ],
)
def test_a_refusal_has_the_status_and_what_the_service_said(fireworks, relevance, status, body, message):
    fireworks.refuse = {("POST", "/evaluators"): (status, body)}
    with pytest.raises(FireworksError, match=message) as refused:
        create_evaluation("overlap", [f"relevance={relevance}"], target="fireworks")
    assert KEY not in str(refused.value)
    assert len(fireworks.seen) == 1  # the fate of a 5xx is not known, so that the same is not made twice


def test_v2_uploads_an_archive_and_waits_for_its_build(fireworks, relevance, monkeypatch):
    monkeypatch.setattr(fireworks_deploy, "_POLL", 0.01)
    (relevance / "data" / "table.bin").write_bytes(b"\xff\xfe\0")  # which JSON could not hold
    done = deploy(relevance, "--api", "v2", "--force")
    assert done.exit_code == 0, done.stderr
    made = f"/v1/accounts/{ACCOUNT}/evaluatorsV2"
    assert fireworks.calls == [
        *(
            f"GET {ONE}",
            f"POST {made}",
            f"POST {ONE}:getUploadEndpoint",
            "PUT /upload/overlap",
            f"POST {ONE}:validateUpload",
            f"GET {ONE}",
            f"GET {ONE}",
        ),
    ]
    assert fireworks.evaluators["overlap"]["entryPoint"] == "relevance/main.py::evaluate"
    archive = tarfile.open(fileobj=io.BytesIO(fireworks.archives["overlap"]))
    names = {f"relevance/{name}" for name in ("main.py", "scoring.py", "data/stop.txt", "data/table.bin", "requirements.txt")}
    assert set(archive.getnames()) == names | {"requirements.txt"}
    assert archive.extractfile("relevance/data/table.bin").read() == b"\xff\xfe\0"
    assert archive.extractfile("requirements.txt").read() == b"numpy>=1\nhttpx>=0.20\n"
    assert deploy(relevance, "--api", "v2", "--force").exit_code == 0
    assert f"PATCH {ONE}?prepareCodeUpload=true" in fireworks.calls


def test_a_build_that_fails_is_an_error_with_its_reason(fireworks, relevance):
    fireworks.builds = ["BUILD_FAILED"]
    done = deploy(relevance, "--api", "v2")
    assert done.exit_code == 2 and "could not build the evaluator 'overlap': pip failed" in done.stderr


def test_an_upload_that_fails_shows_no_signature(fireworks, relevance):
    fireworks.refuse = {("PUT", ""): (503, {})}
    done = deploy(relevance, "--api", "v2")
    assert done.exit_code == 2 and "HTTP 503; the evaluator has no new code" in done.stderr and "not-to-be-shown" not in done.stderr


def test_v1_refuses_a_file_that_is_no_text_by_name(fireworks, relevance):
    (relevance / "data" / "table.bin").write_bytes(b"\xff\xfe\0")
    done = deploy(relevance)
    assert done.exit_code == 2 and "data/table.bin: must be UTF-8 text" in done.stderr and "--api v2" in done.stderr and not fireworks.seen


def test_a_rubric_is_sent_with_a_function_that_scores_with_it(fireworks, project, tmp_path, monkeypatch):
    done = CliRunner().invoke(app, ["deploy", "rubrics/rubric.yaml", "--id", "overlap", "--target", "fireworks"])
    assert done.exit_code == 0, done.stderr
    sent = fireworks.evaluators["overlap"]
    assert {"main.py", "deployment.json", "files/rubrics/rubric.yaml", "files/helpers/words.py"} <= set(files_of(sent))
    assert sent["requirements"].startswith("rl_rewards==")
    for name, content in files_of(sent).items():  # what the service would run
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_text(content)
    space = {"__file__": str(tmp_path / "there" / "main.py")}
    exec((tmp_path / "there" / "main.py").read_text(), space)
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "<answer>red</answer>"}]
    result = space["evaluate"](messages=turns, ground_truth={"answer": "red"})
    assert (result["score"], result["metrics"]["exact"]["score"]) == (2.0, 1.0)
    with pytest.raises(RuntimeError, match="exact"):
        space["evaluate"](messages=turns)  # without a reference there is no score, and no zero


@pytest.mark.parametrize("force", [False, True])
def test_a_dry_run_shows_the_requests_without_the_key_and_makes_none(fireworks, relevance, force):
    done = deploy(relevance, "--dry-run", *(["--force"] if force else []))
    assert done.exit_code == 0 and KEY not in done.stdout and not fireworks.seen
    planned = json.loads(done.stdout)["requests"]
    assert [each["method"] for each in planned] == (["GET", "POST", "PATCH"] if force else ["POST"])
    assert all(each["headers"]["authorization"] == "Bearer ***" for each in planned)
    assert deploy(relevance).exit_code == 0
    assert fireworks.seen[0][2] == next(each for each in planned if each["method"] == "POST")["body"]


def test_without_a_key_nothing_is_sent(fireworks, relevance, monkeypatch):
    monkeypatch.delenv("FIREWORKS_API_KEY")
    done = deploy(relevance)
    assert done.exit_code == 2 and "FIREWORKS_API_KEY" in done.stderr and "auth.ini" in done.stderr and not fireworks.seen
    assert deploy(relevance, "--dry-run").exit_code == 0


def test_credentials_come_from_the_file_and_the_account_from_the_service(fireworks, relevance, monkeypatch, tmp_path):
    for name in ("FIREWORKS_API_KEY", "FIREWORKS_ACCOUNT_ID"):
        monkeypatch.delenv(name)
    home = tmp_path / "home" / ".fireworks"
    home.mkdir(parents=True)
    (home / "auth.ini").write_text(f"[fireworks]\napi_key = {KEY}\n")
    assert deploy(relevance).exit_code == 0
    assert fireworks.calls == ["GET /verifyApiKey", f"POST /v1/accounts/{ACCOUNT}/evaluators"]


def test_a_script_deploys_with_a_key_of_its_own(fireworks, relevance, monkeypatch):
    monkeypatch.delenv("FIREWORKS_API_KEY")
    result = create_evaluation("overlap", [f"relevance={relevance}"], "", force=True, account_id=ACCOUNT, api_key=KEY)
    assert result["name"] == f"accounts/{ACCOUNT}/evaluators/overlap"


def test_code_and_a_remote_server_are_deployed_as_folders(fireworks):
    create_evaluation("overlap", python_code_to_evaluate="def evaluate(messages, **kwargs):\n    return 1.0\n", target="fireworks")
    assert fireworks.evaluators["overlap"]["criteria"][0]["name"] == "default_code_criterion"
    create_evaluation("overlap", remote_url="http://127.0.0.1:9", force=True, target="fireworks")
    sent = fireworks.evaluators["overlap"]
    assert "http://127.0.0.1:9/evaluate" in files_of(sent)["main.py"] and sent["requirements"].startswith("rl_rewards==")


def test_a_preview_there_is_the_services_answer_and_a_failure_no_score(fireworks, relevance, tmp_path):
    samples = tmp_path / "samples.jsonl"
    samples.write_text('{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n')
    fireworks.refuse = {
        ("POST", "previewEvaluator"): (200, {"totalSamples": 1, "totalRuntimeMs": "7", "results": [{"success": True, "score": 0.25}]})
    }
    preview = preview_evaluation([f"relevance={relevance}"], sample_file=str(samples), target="fireworks")
    assert (preview.total_samples, preview.total_runtime_ms, preview.results[0].score) == (1, 7, 0.25)
    fireworks.refuse = {("POST", "previewEvaluator"): (500, {"message": "no capacity"})}
    with pytest.raises(UserError, match="500.*no capacity"):
        preview_evaluation([f"relevance={relevance}"], sample_file=str(samples), target="fireworks")
