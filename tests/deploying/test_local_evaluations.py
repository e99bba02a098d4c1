"""Evaluations in a directory: versions, what a reader sees meanwhile, the server that is replaced, and a scorer that asks it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from deployed_row import ROW
from typer.testing import CliRunner

from rl_rewards import Outcome, Sample
from rl_rewards.cli import app
from rl_rewards.compat.reward_kit.evaluation import create_evaluation, preview_evaluation
from rl_rewards.deploying.bundle import bundle_of_folders
from rl_rewards.deploying.endpoint import EndpointError, load_endpoint, load_rewards
from rl_rewards.deploying.evaluation_id import DeployError
from rl_rewards.deploying.local import Registry
from rl_rewards.deploying.local_server import running_server, serve_directory, stop_server
from rl_rewards.recording.provenance import difference, rubric_text
from tests.free_ports import free_port


@pytest.fixture
def registry(tmp_path):
    """A directory of evaluations; its server ends with the test."""
    registry = Registry(tmp_path / "evaluations")
    yield registry
    if registry.directory.is_dir():
        stop_server(registry.directory)


def test_versions_are_kept_and_one_is_current(registry, relevance):
    bundle = bundle_of_folders([f"relevance={relevance}"])
    first, new = registry.register(bundle, "overlap", "Overlap", "")
    assert (first.version, new, first.name) == (1, True, "accounts/local/evaluators/overlap")
    with pytest.raises(DeployError, match="is there already, version 1 of .*--force"):
        registry.register(bundle, "overlap", "Overlap", "")
    assert registry.register(bundle, "overlap", "Overlap", "", force=True) == (first, False)  # nothing has changed
    (relevance / "data" / "stop.txt").write_text("is\n")
    second, new = registry.register(bundle_of_folders([f"relevance={relevance}"]), "overlap", "Overlap", "", force=True)
    assert (second.version, new, registry.versions("overlap"), registry.get("overlap")) == (2, True, [1, 2], second)
    assert (registry.place("overlap", 1) / "files/metrics/relevance/data/stop.txt").read_text() == "is a the\n"
    with pytest.raises(DeployError, match="no such version; there are \\[1, 2\\]"):
        registry.place("overlap", 3)
    with pytest.raises(DeployError, match="no evaluation 'other'; there are \\['overlap'\\]"):
        registry.place("other")


def test_a_reader_finds_a_whole_version_at_every_moment(registry, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "main.py").write_text("def evaluate(messages, **kwargs):\n    return 0.0\n")
    registry.register(bundle_of_folders([f"m={folder}"]), "busy", "", "")
    stop, seen = threading.Event(), []

    def read():
        while not stop.is_set():
            deployment = registry.get("busy")
            assert (registry.place("busy") / "files/metrics/m/main.py").is_file()
            seen.append(deployment.version)

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        for number in range(1, 6):
            (folder / "main.py").write_text(f"def evaluate(messages, **kwargs):\n    return {number}.0\n")
            registry.register(bundle_of_folders([f"m={folder}"]), "busy", "", "", force=True)
        stop.set()
        reader.result()
    assert seen == sorted(seen) and registry.versions("busy") == [1, 2, 3, 4, 5, 6]
    assert not list((registry.directory / "busy").glob(".partial_*"))


def test_deployments_of_many_at_once_are_a_version_each(registry, relevance):
    bundle = bundle_of_folders([f"relevance={relevance}"])
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: registry.register(bundle, "overlap", f"name {number}", "", force=True), range(8)))
    assert sorted(deployment.version for deployment, _ in made) == list(range(1, 9))


def test_what_a_killed_deployment_left_is_removed(registry, relevance):
    (registry.directory / "overlap" / ".partial_x").mkdir(parents=True)
    assert registry.ids == []
    registry.register(bundle_of_folders([f"relevance={relevance}"]), "overlap", "", "")
    assert not (registry.directory / "overlap" / ".partial_x").exists()


def test_an_evaluation_that_cannot_be_loaded_is_named(registry, relevance):
    from rl_rewards.deploying.local import deployments_in

    registry.register(bundle_of_folders([f"relevance={relevance}"]), "overlap", "", "")
    (registry.place("overlap") / "files/metrics/relevance/scoring.py").unlink()
    with pytest.raises(DeployError, match="the evaluation 'overlap' cannot be loaded: .*scoring"):
        deployments_in(registry.directory)


def deploy(registry, *arguments):
    return CliRunner().invoke(app, ["deploy", *arguments, "--directory", str(registry.directory)])


@pytest.mark.slow
def test_deployed_served_asked_and_replaced_without_a_gap(registry, relevance, project):
    done = deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--port", "0", "--json")
    assert done.exit_code == 0, done.stderr
    endpoint = json.loads(done.stdout)["endpoint"]
    rubric = load_endpoint(endpoint)
    [result] = rubric.evaluate([Sample.from_row(ROW)]).columns["overlap"].results
    assert (result.score, {name: part.score for name, part in result.metrics.items()}) == (0.5, {"relevance": 0.5, "relevance/overlap": 0.5})

    stop, answers, first = threading.Event(), [], threading.Event()

    def ask():  # as a trainer does: a connection that ends with the old process is tried again
        while not stop.is_set():
            try:
                answers.append(httpx.post(endpoint, json={"samples": [ROW]}, timeout=300).json()["results"][0]["score"])
            except httpx.TransportError as error:
                answers.append(type(error).__name__)
            first.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert first.wait(300)
    (relevance / "data" / "stop.txt").write_text("what is\n")  # now the score is 1
    before = running_server(registry.directory)
    assert deploy(registry, "rubrics/rubric.yaml", "--id", "project").exit_code == 0
    assert deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--force").exit_code == 0
    stop.set()
    asking.join()
    after = running_server(registry.directory)
    assert after.pid != before.pid and after.port == before.port
    scores = [answer for answer in answers if isinstance(answer, float)]
    assert scores[0] == 0.5 and set(scores) <= {0.5, 1.0} and "ConnectError" not in answers

    assert load_endpoint(endpoint).evaluate([Sample.from_row(ROW)]).totals() == [1.0]
    [changed] = rubric.evaluate([Sample.from_row(ROW)]).columns["overlap"].results  # a run that began with version 1
    assert changed.score is None and changed.failed and "must be the one that the run began with" in changed.error
    kept, now = (rubric_text(each, registry.directory) for each in (rubric, load_endpoint(endpoint)))
    assert registry.get("overlap").digest in now and "version" in difference(kept, now)  # so a resumed run is refused
    other = load_endpoint(endpoint.replace("overlap", "project"))
    assert other.columns == {"answer"}
    good, wrong, without = (Sample.from_row({**ROW, "answer": answer}, i) for i, answer in enumerate(["red", "blue", None]))
    column = other.evaluate([good, wrong, without]).columns["project"]
    assert column.scores == [1.5, 0.5, None]  # its function imports a module of the deployment's when it is called
    assert column.results[2].outcome is Outcome.ERROR and "reward 'correct'" in column.results[2].error

    unchanged = deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--force")
    assert "unchanged" in unchanged.stdout and running_server(registry.directory).pid == after.pid
    ended = deploy(registry, "--stop")
    assert f"ended: process {after.pid}" in ended.stdout and running_server(registry.directory) is None
    [result] = other.evaluate([good]).columns["project"].results
    assert result.failed  # and never a zero


def test_a_server_that_cannot_load_leaves_the_one_that_runs(registry, relevance, tmp_path):
    registry.register(bundle_of_folders([f"relevance={relevance}"]), "overlap", "", "")
    (registry.place("overlap") / "files/metrics/relevance/scoring.py").unlink()
    with pytest.raises(DeployError, match="the server of .* ended with status 2: .*'overlap' cannot be loaded"):
        serve_directory(registry.directory, port=0)
    assert running_server(registry.directory) is None


def test_a_port_that_another_program_has_is_named_before_anything_is_registered(registry, relevance):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 2 and "cannot be listened at" in done.stderr and "--port 0" in done.stderr and not registry.ids


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--id", "Bad_Id"), "did you mean 'bad-id'?"),
        ((), "Missing option '--id'"),
        (("--id", "x", "--target", "cloudrun"), "--target"),
        (("--id", "x", "--target", "fireworks"), "--directory goes with --target local or cloud-run, got fireworks"),
    ],
)
def test_a_wrong_command_line_is_a_line(registry, relevance, arguments, message):
    done = deploy(registry, "-m", f"relevance={relevance}", *arguments)
    assert done.exit_code == 2 and message in done.stderr and not registry.ids


def test_without_serving_the_command_to_serve_is_shown(registry, relevance):
    done = deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--no-serve")
    assert done.exit_code == 0 and f"serve it: rl-rewards serve {registry.directory}" in done.stdout
    planned = deploy(registry, "--id", "overlap", "-m", f"relevance={relevance}", "--dry-run")
    assert json.loads(planned.stdout)["replaces"] == 1 and registry.versions("overlap") == [1]


def test_a_script_previews_and_deploys(registry, relevance, tmp_path, capsys):
    result = create_evaluation("overlap", [f"relevance={relevance}"], display_name="Overlap", directory=str(registry.directory), serve=False)
    assert (result["name"].split("/")[-1], result["version"], result["displayName"]) == ("overlap", 1, "Overlap")
    samples = tmp_path / "samples.jsonl"
    samples.write_text(json.dumps(ROW) + "\n" + json.dumps({"messages": [{"role": "user", "content": "is"}, {"role": "assistant", "content": "x"}]}))
    preview = preview_evaluation([f"relevance={relevance}"], sample_file=str(samples))
    assert [(each.index, each.success, each.score) for each in preview.results] == [(0, True, 0.5), (1, False, None)]  # the second divides by zero
    assert "ZeroDivisionError" in preview.results[1].per_metric_evals["relevance"]["reason"]
    preview.display()
    assert "sample 2: no score (failed)" in capsys.readouterr().out
    with pytest.raises(ValueError, match="sample_file or huggingface_dataset"):
        preview_evaluation([f"relevance={relevance}"])


@pytest.mark.parametrize(
    ("rubric", "endpoint", "message"),
    [
        (None, None, "got neither"),
        ("a.yaml", "http://127.0.0.1:9/v1/evaluations/x", "got both"),
        (None, "ftp://x/v1/evaluations/x", "must begin with http"),
        (None, "http://127.0.0.1:9/v1/evaluations/", "must be an address such as"),
        (None, "http://127.0.0.1:9/v1/evaluations/x", "gives no answer"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused(rubric, endpoint, message):
    with pytest.raises(EndpointError, match=message):
        load_rewards(rubric, endpoint)


@pytest.mark.slow
def test_a_server_says_which_evaluations_there_are_and_asks_for_its_key(registry, relevance, monkeypatch):
    registry.register(bundle_of_folders([f"relevance={relevance}"]), "overlap", "", "")
    monkeypatch.setenv("RL_REWARDS_API_KEYS", "0123456789abcdef-key")
    server = serve_directory(registry.directory, port=free_port())
    with pytest.raises(EndpointError, match="needs another key \\(HTTP 401\\): set the environment variable RL_REWARDS_API_KEY"):
        load_endpoint(server.endpoint("overlap"))
    monkeypatch.setenv("RL_REWARDS_API_KEY", "0123456789abcdef-key")
    assert load_endpoint(server.endpoint("overlap")).evaluate([Sample.from_row(ROW)]).totals() == [0.5]
    with pytest.raises(EndpointError, match="HTTP 404: .*no rubric 'nothing'; there are"):
        load_endpoint(server.endpoint("nothing"))
