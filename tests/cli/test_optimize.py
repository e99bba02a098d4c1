"""`rl-rewards optimize`: real searches, one of them killed, on the toy server and on the embedded policy."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from toy_server import RUBRIC, serving, toy

pytest.importorskip("openai")

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "recipes/policies/arithmetic"
COMMAND = [sys.executable, "-m", "rl_rewards.cli"]
PARTS = ["--train-rows", 36, "--validation-rows", 36, "--test-rows", 36]


@pytest.fixture
def toy_place(place, write_rows):
    (place / "rubric.yaml").write_text(RUBRIC)
    write_rows("questions.jsonl", toy.rows(108))
    return place


@pytest.fixture
def server():
    with serving() as (url, numbers):
        yield url, numbers


def toy_model(url):
    return ["--data", "questions.jsonl", "--model", "toy", "--base-url", url]


def candidates(directory="prompt.yaml.search"):
    return [json.loads(line) for line in Path(directory, "candidates.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("optimizer", ["random_few_shot", "gepa"])
def test_the_prompt_that_is_found_earns_more_in_evaluate(toy_place, run, server, optimizer):
    pytest.importorskip("gepa")
    reflection = ["--reflection-model", "toy-reflector", "--reflection-base-url", server[0]] if optimizer == "gepa" else []
    told = run(
        "optimize", "rubric.yaml", *toy_model(server[0]), "--optimizer", optimizer, "--budget", 700, "--out", "prompt.yaml", *PARTS, *reflection
    )
    assert told.exit_code == 0, told.stderr
    found = yaml.safe_load(Path("prompt.yaml").read_text())
    search = found["search"]
    assert found.keys() == ({"system", "search"} if optimizer == "gepa" else {"examples", "search"})
    assert search["completions"] <= 700 and search["test"]["rows"] == 36
    after = search["test"]["after"]
    assert after["low"] < after["mean"] or after["mean"] == 1.0
    assert "Test: 36 rows that the search did not read" in told.stdout
    evaluate = ["evaluate", "rubric.yaml", "questions.jsonl", *toy_model(server[0])[2:], "--seed", 0, "--json", "out.json"]
    means = []
    for prompt in ([], ["--prompt", "prompt.yaml"]):
        run(*evaluate, *prompt)
        means.append(json.loads(Path("out.json").read_text())["score"]["mean"])
    assert means[1] > means[0] + 0.1


@pytest.mark.parametrize("optimizer", ["random_few_shot", "gepa"])
def test_a_search_that_was_killed_goes_on_and_finds_the_same(toy_place, optimizer):
    """Nothing is completed twice, and the candidates are those of a search that was left alone."""
    pytest.importorskip("gepa")
    victim, environment = [], {**os.environ, "PYTHONPATH": str(ROOT)}

    def kill(number):
        if number == 150:
            os.kill(victim[0].pid, signal.SIGKILL)

    def command(url, out):
        reflection = ["--reflection-model", "toy-reflector", "--reflection-base-url", url] if optimizer == "gepa" else []
        options = ["--budget", "300", "--optimizer", optimizer, "--concurrency", "1", *map(str, PARTS), *reflection]
        return [*COMMAND, "optimize", "rubric.yaml", *toy_model(url), "--out", out, *options]

    with serving(kill) as (url, numbers):
        victim.append(subprocess.Popen(command(url, "killed.yaml"), env=environment, stderr=subprocess.DEVNULL))
        assert victim[0].wait() == -signal.SIGKILL and not Path("killed.yaml").exists()
        kept = sum('"key": "text/' in line for line in Path("killed.yaml.search/journal.jsonl").read_text().splitlines())
        assert 100 <= kept < 150
        before = numbers[0]
        told = subprocess.run(command(url, "killed.yaml"), env=environment, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        again = numbers[0] - before
        assert "going on from killed.yaml.search" in told.stderr
        subprocess.run(command(url, "whole.yaml"), env=environment, check=True, capture_output=True)
        whole = numbers[0] - before - again
    assert Path("killed.yaml").read_text() == Path("whole.yaml").read_text()
    assert candidates("killed.yaml.search") == candidates("whole.yaml.search")
    assert again + kept <= whole  # a reflection's reply is kept, too


def test_a_finished_search_asks_nothing_when_it_is_started_again(toy_place, run, server):
    arguments = ["optimize", "rubric.yaml", *toy_model(server[0]), "--budget", 200, "--out", "prompt.yaml", *PARTS]
    run(*arguments)
    asked, found = server[1][0], Path("prompt.yaml").read_text()
    assert run(*arguments).exit_code == 0
    assert server[1][0] == asked and Path("prompt.yaml").read_text() == found
    told = run(*arguments, "--seed", 1)
    assert told.exit_code == 2 and "other work" in told.stderr and "seed was 0, is 1" in told.stderr and "prompt.yaml.search" in told.stderr


def test_no_test_row_is_read_before_the_search_is_over(toy_place, run, server):
    told = run("optimize", "rubric.yaml", *toy_model(server[0]), "--budget", 200, "--out", "prompt.yaml", *PARTS)
    assert told.exit_code == 0
    rows = [
        line.split('"key": "text/')[1].split('"')[0].split("/")
        for line in Path("prompt.yaml.search/journal.jsonl").read_text().splitlines()
        if '"key": "text/' in line
    ]
    order = [row for _, row, _ in rows]
    tested = order[-36:]
    assert len(set(tested)) == 36 and min(map(order.index, tested)) >= len(order) - 72


def test_trackers_show_the_search_and_nothing_twice(toy_place, run, server, monkeypatch):
    pytest.importorskip("wandb")
    pytest.importorskip("trackio")
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "TRACKIO_DIR": str(toy_place / "trackio")}.items():
        monkeypatch.setenv(name, value)
    code = "import sys\nfrom rl_rewards.cli import app\napp(sys.argv[1:])"
    arguments = ["optimize", "rubric.yaml", *toy_model(server[0]), "--budget", "200", "--out", "prompt.yaml", *map(str, PARTS)]
    command = [sys.executable, "-c", code, *arguments, "--report-to", "wandb", "--report-to", "trackio", "--run-name", "toy"]
    for _ in range(2):
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    found = candidates()
    (database,) = (toy_place / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        logged = [(step, json.loads(metrics)) for step, metrics in connection.execute("SELECT step, metrics FROM metrics ORDER BY step")]
    logged = [(step, metrics) for step, metrics in logged if "candidate/mean" in metrics]
    assert [(step, metrics["candidate/mean"]) for step, metrics in logged] == [(each["completions"], each["mean"]) for each in found]
    assert {"best/mean", "best/lower_bound", "candidate/rewards/correct", "candidates", "completions"} <= logged[-1][1].keys()
    files = sorted(toy_place.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2 and files[0].read_bytes().count(b"candidate/mean") >= len(found)
    assert b"candidate/mean" not in files[1].read_bytes()  # the second time nothing was left to log


def test_the_embedded_policy_is_searched_without_a_hub(place, run, server):
    arguments = ["optimize", ROOT / "recipes/rubrics/arithmetic.yaml", "--data", f"{ROOT}/recipes/arithmetic.py:train", "--model", POLICY]
    rows = ["--train-rows", 8, "--validation-rows", 8, "--test-rows", 4]
    told = run(*arguments, "--budget", 40, "--max-tokens", 24, "--out", "prompt.yaml", *rows)
    assert told.exit_code == 0, told.stderr
    assert yaml.safe_load(Path("prompt.yaml").read_text())["search"]["completions"] <= 40
    pytest.importorskip("gepa")
    told = run(
        *arguments,
        "--budget",
        40,
        "--max-tokens",
        24,
        "--out",
        "gepa.yaml",
        *rows,
        "--optimizer",
        "gepa",
        "--reflection-model",
        "toy-reflector",
        "--reflection-base-url",
        server[0],
    )
    assert told.exit_code == 0, told.stderr
    assert yaml.safe_load(Path("gepa.yaml").read_text())["system"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "100", "--optimizer", "gpea"], "gpea"),
        (["--budget", "0"], "budget"),
        (
            ["--budget", "100", "--optimizer", "gepa", "--nb-max-examples", "2"],
            "--nb-max-examples is an option of random_few_shot, and --optimizer is gepa",
        ),
        (["--budget", "100", "--minibatch-size", "2"], "--minibatch-size is an option of gepa, and --optimizer is random_few_shot"),
        (
            ["--budget", "100", "--optimizer", "gepa", "--reflection-base-url", "http://localhost:1/v1"],
            "--reflection-base-url needs --reflection-model",
        ),
        (["--budget", "100", "--nb-min-examples", "4"], "nb_min_examples must be at most nb_max_examples, got 4 and 3"),
        (["--budget", "100", "--test-rows", "108"], "must be at most the 108 rows that there are"),
        (["--budget", "40", "--optimizer", "gepa", *map(str, PARTS)], "a budget for gepa must be at least 42 completions"),
        (["--budget", "100", "--report-to", "tensorboard"], "--report-to must be wandb or trackio, got 'tensorboard'"),
        (["--budget", "100", "--prompt", "rubric.yaml"], "rewards: unknown; allowed are system, instructions, examples, search"),
    ],
)
def test_what_cannot_run_says_why(toy_place, run, server, arguments, words):
    told = run("optimize", "rubric.yaml", *toy_model(server[0]), "--out", "prompt.yaml", *arguments)
    assert told.exit_code == 2 and words in " ".join(told.stderr.replace("│", " ").split()) and "Traceback" not in told.stderr
    assert server[1] == [0]


def test_too_few_rows_and_a_directory_that_is_not_there(toy_place, run, write_rows, server):
    write_rows("questions.jsonl", toy.rows(2))
    told = run("optimize", "rubric.yaml", *toy_model(server[0]), "--budget", 100, "--out", "prompt.yaml")
    assert told.exit_code == 2 and "each part must have a row, got none for train, validation, test of 2 rows" in told.stderr
    told = run("optimize", "rubric.yaml", *toy_model(server[0]), "--budget", 100, "--out", "nowhere/prompt.yaml")
    assert told.exit_code == 2 and "nowhere: No such directory" in told.stderr
