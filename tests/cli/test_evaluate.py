"""`rl-rewards evaluate`: real models complete real prompts, and what they write is scored."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from toy_server import RUBRIC, serving, toy

pytest.importorskip("openai")

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "recipes/policies/arithmetic"
COMMAND = [sys.executable, "-m", "rl_rewards.cli"]
ROWS = toy.rows(36)


@pytest.fixture
def toy_place(place, write_rows, monkeypatch):
    (place / "rubric.yaml").write_text(RUBRIC)
    write_rows("questions.jsonl", ROWS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    return place


@pytest.fixture
def server():
    with serving() as (url, numbers):
        yield url, numbers


def read(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def journals(place):
    return list((place / "cache").rglob("*.jsonl"))


def test_n_completions_to_each_prompt_are_scored_and_kept(toy_place, run, server):
    url, numbers = server
    told = run(
        "evaluate",
        "rubric.yaml",
        "questions.jsonl",
        "--model",
        "toy",
        "--base-url",
        url,
        "--n",
        3,
        "--save",
        "out.jsonl",
        "--json",
        "out.json",
        "--seed",
        0,
    )
    assert (told.exit_code, numbers) == (0, [108])
    rows = read("out.jsonl")
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in ROWS for _ in range(3)]
    assert [row["sample"] for row in rows[:4]] == [0, 1, 2, 0]
    answers = [toy.answer([{"role": "user", "content": row["prompt"]}], sample) for row in ROWS for sample in range(3)]
    assert [row["completion"] for row in rows] == answers
    right = [float(f"<answer>{row['answer']}</answer>" == row["completion"]) for row in rows]
    assert [row["score"] for row in rows] == right and {row["outcomes"]["correct"] for row in rows} == {"scored"}
    numbers = json.loads(Path("out.json").read_text())
    mean = numbers["numbers"]["rewards/correct/mean"]
    assert numbers["score"]["mean"] == mean["value"] == pytest.approx(sum(right) / 108)
    assert mean["low"] < mean["value"] < mean["high"] and (mean["rows"], numbers["score"]["rows"]) == (108, 108)
    assert (numbers["prompts"], numbers["completions"], numbers["n"], numbers["finish_reasons"]) == (36, 108, 3, {"stop": 108})
    assert "108 completions to 36 prompts" in told.stdout and "correct" in told.stdout
    assert not list(toy_place.glob(".*completions*")) and not journals(toy_place)


def test_aggregates_of_the_rubric_are_computed_over_the_completions_to_each_prompt(toy_place, run, server):
    Path("rubric.yaml").write_text(RUBRIC + "aggregates:\n- {pass_at_k: {reward: correct, k: [1, 4]}}\n")
    arguments = ["evaluate", "rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", server[0], "--seed", 0, "--json", "out.json"]
    assert run(*arguments, "--n", 4).exit_code == 0
    numbers = json.loads(Path("out.json").read_text())["numbers"]
    right = [[f"<answer>{row['answer']}</answer>" == toy.answer([{"role": "user", "content": row["prompt"]}], i) for i in range(4)] for row in ROWS]
    assert numbers["rewards/correct/pass@4"]["value"] == pytest.approx(sum(map(any, right)) / 36)
    assert numbers["rewards/correct/pass@1"]["value"] == pytest.approx(sum(map(sum, right)) / 144)
    told = run(*arguments, "--n", 2)
    assert (
        "need 4 completions to each prompt, and --n is 2" in told.stderr
        and json.loads(Path("out.json").read_text())["numbers"]["rewards/correct/pass@4"]["value"] is None
    )


def test_saved_rows_can_be_scored_again_and_parquet_holds_the_same(toy_place, run, server):
    run("evaluate", "rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", server[0], "--save", "out.parquet", "--seed", 0)
    assert run("score", "rubric.yaml", "out.parquet", "--out", "again.jsonl").exit_code == 0
    rows, again = pq.read_table("out.parquet").to_pylist(), read("again.jsonl")
    assert [(row["completion"], row["score"]) for row in rows] == [(row["completion"], row["score"]) for row in again]


def test_a_prompt_is_put_before_every_row(toy_place, run, server):
    rules = " ".join(rule for rule, _ in toy.RULES.values())
    Path("prompt.yaml").write_text(json.dumps({"system": rules}))
    told = run(
        "evaluate", "rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", server[0], "--prompt", "prompt.yaml", "--save", "out.jsonl"
    )
    rows = read("out.jsonl")
    assert told.exit_code == 0 and {row["score"] for row in rows} == {1.0}
    assert rows[0]["prompt"] == ROWS[0]["prompt"] and rows[0]["asked"][0] == {"role": "system", "content": rules}


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--save", "out.jsonl"], []])
def test_what_was_killed_goes_on_and_repeats_nothing(toy_place, options):
    victim = []

    def kill(number):
        if number == 20:
            os.kill(victim[0].pid, signal.SIGKILL)

    with serving(kill) as (url, numbers):
        model = ["--model", "toy", "--base-url", url, "--concurrency", "2"]
        command = [*COMMAND, "evaluate", "rubric.yaml", "questions.jsonl", *model, "--n", "2", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        victim.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        assert victim[0].wait() == -signal.SIGKILL
        (journal,) = [*toy_place.glob(".out.jsonl.completions.jsonl"), *journals(toy_place)]
        kept = [entry["key"] for entry in read(journal)[1:]]
        assert 15 <= len(kept) < 20
        before = numbers[0]
        told = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        assert f"{len(kept)} of 72 completions were there from before" in told.stderr
        assert numbers[0] - before == 72 - len(kept)
    assert not journal.exists()
    if options:
        rows = read("out.jsonl")
        assert len(rows) == 72 and len({(row["prompt"], row["answer"], row["sample"]) for row in rows}) >= 60


def test_a_line_that_a_kill_cut_short_is_asked_again(toy_place, run, server):
    url, numbers = server
    arguments = ["evaluate", "rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", url, "--state", "state.jsonl", "--limit", 4]
    rows = Path("bad.yaml")
    rows.write_text("rewards:\n- {name: correct, on_error: raise, score: {string_match: '{{references.nowhere}}'}}\n")
    assert run("evaluate", "bad.yaml", *arguments[2:]).exit_code == 2  # scoring fails: the completions stay
    assert numbers == [4]
    content = Path("state.jsonl").read_bytes()
    Path("state.jsonl").write_bytes(content[:-10])
    told = run(*arguments)
    assert told.exit_code == 0 and "3 of 4 completions were there from before" in told.stderr and numbers == [5]


def test_a_state_of_other_work_is_not_taken(toy_place, run, server):
    Path("bad.yaml").write_text("rewards:\n- {name: correct, on_error: raise, score: {string_match: '{{references.nowhere}}'}}\n")
    arguments = ["questions.jsonl", "--model", "toy", "--base-url", server[0], "--state", "state.jsonl"]
    run("evaluate", "bad.yaml", *arguments)
    told = run("evaluate", "rubric.yaml", *arguments, "--n", 2)
    assert (
        told.exit_code == 2 and "state.jsonl: holds the finished part of other work: n was 1, is 2; remove it, or give another --state" in told.stderr
    )


def test_calls_that_failed_are_counted_and_asked_again_by_the_same_command(toy_place, run):
    with serving() as (url, numbers):
        answer = toy.answer

        def failing(messages, seed=0):
            if failing.on and messages[-1]["content"] == ROWS[3]["prompt"]:
                raise ConnectionResetError
            return answer(messages, seed)

        failing.on = True
        arguments = [
            "evaluate",
            "rubric.yaml",
            "questions.jsonl",
            "--model",
            "toy",
            "--base-url",
            url,
            "--limit",
            6,
            "--save",
            "out.jsonl",
            "--timeout",
            6,
        ]
        try:
            toy.answer = failing
            told = run(*arguments)
            assert told.exit_code == 1 and "1 completions failed; the same command tries them again" in told.stderr
            assert len(read("out.jsonl")) == 5
            failing.on = False
            before = numbers[0]
            told = run(*arguments)
        finally:
            toy.answer = answer
    assert told.exit_code == 0 and numbers[0] == before + 1 and len(read("out.jsonl")) == 6


def test_the_embedded_policy_is_evaluated_without_a_hub(place, run):
    arguments = ["evaluate", ROOT / "recipes/rubrics/arithmetic.yaml", f"{ROOT}/recipes/arithmetic.py:test", "--model", POLICY]
    told = run(*arguments, "--n", 2, "--limit", 16, "--max-tokens", 32, "--seed", 1, "--save", "out.jsonl", "--json", "out.json")
    assert told.exit_code == 0, told.stderr
    numbers, rows = json.loads(Path("out.json").read_text()), read("out.jsonl")
    assert numbers["numbers"]["rewards/length/mean"]["counted"] == 32  # token ids reach the rewards
    assert rows[0]["completion"][0]["role"] == "assistant" and rows[0]["completion_ids"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rubric.yaml", "nope.jsonl", "--model", "toy"], "nope.jsonl"),
        (["rubric.yaml", "questions.jsonl", "--model", "nowhere"], "the model 'nowhere' must be a directory with a model"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", "localhost"], "base_url must begin with http"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", "http://localhost:1/v1", "--api-key-env", "NO_KEY"], "'NO_KEY'"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--temperature", "-1"], "temperature: must be 0 or more, got -1"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--template-option", "thinking"], "must be NAME=VALUE"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--save", "out.csv"], "ends in .jsonl, .ndjson, .parquet"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--save", "nowhere/out.jsonl"], "nowhere: No such directory"),
        (["rubric.yaml", "questions.jsonl", "--model", "toy", "--prompt", "rubric.yaml"], "rewards: unknown; allowed are system"),
        (["rubric.yaml", "empty.jsonl", "--model", "toy"], "no rows to evaluate, 1 with problems"),
    ],
)
def test_what_cannot_run_says_why(toy_place, run, write_rows, arguments, words):
    write_rows("empty.jsonl", [{"question": "q"}])
    told = run("evaluate", *arguments)
    assert told.exit_code == 2 and words in told.stderr and "Traceback" not in told.stderr


def test_a_server_that_never_answers_fails_as_a_whole(toy_place, run):
    told = run("evaluate", "rubric.yaml", "questions.jsonl", "--model", "toy", "--base-url", "http://127.0.0.1:9/v1", "--timeout", 1, "--limit", 3)
    assert told.exit_code == 2 and "toy failed on all 3 prompts" in told.stderr
