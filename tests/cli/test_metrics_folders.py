"""`--metrics-folders name=path ...` on every verb that scores, and `rl-rewards init`."""

import json
import subprocess
import sys

import pytest

from rl_rewards.cli.folder_options import one_flag_for_each_pair

# As the tutorial writes it, cut to what decides a score.
RELEVANCE = """
from typing import List, Dict, Optional
from reward_kit import reward_function, EvaluateResult, MetricResult, Message

@reward_function
def evaluate(messages: List[Message], original_messages: List[Message] = list(), **kwargs) -> EvaluateResult:
    print("a metric's own output")
    asked = set(messages[-2].content.lower().split()) - {"is", "the"}
    overlap = len(asked & set(messages[-1].content.lower().split())) / len(asked)
    metrics = {"keyword_overlap": MetricResult(score=overlap, reason=f"{overlap:.2f} of the words", is_score_valid=True)}
    return EvaluateResult(score=overlap, reason=f"Relevance score: {overlap:.2f}", metrics=metrics, is_score_valid=True)
"""
SAMPLES = [
    {
        "messages": [
            {"role": "user", "content": "What is machine learning?"},
            {"role": "assistant", "content": "Machine learning? It learns from data."},
        ]
    },
    {"messages": [{"role": "user", "content": "What is machine learning?"}, {"role": "assistant", "content": "There are many applications."}]},
]


@pytest.fixture
def metrics(place, write_rows):
    """A place with folders `relevance` and `brevity`, and samples.jsonl."""

    def write(name, code, **files):
        (place / "metrics" / name).mkdir(parents=True, exist_ok=True)
        for file, text in {"main.py": code, **files}.items():
            (place / "metrics" / name / file).write_text(text)

    write("relevance", RELEVANCE)
    write("brevity", "def evaluate(messages, **kwargs):\n    return float(len(messages[-1]['content']) < 30)\n")
    write_rows("samples.jsonl", SAMPLES)
    return write


TUTORIAL = ["--metrics-folders", "relevance=./metrics/relevance", "--samples", "./samples.jsonl"]


def test_the_tutorials_preview_runs_the_code_here_and_says_what_happened(run, metrics):
    result = run("preview", *TUTORIAL)
    assert result.exit_code == 0, result.stderr
    for piece in (
        "1. Machine learning?",
        "relevance",
        "0.6667",
        "scored",
        "seconds",
        "Relevance score: 0.67",
        "keyword_overlap",
        "all samples",
        "mean",
        "0.3333",
    ):
        assert piece in result.stdout
    result = run("preview", *TUTORIAL, "--json")
    samples = json.loads(result.stdout)["samples"]
    assert [round(sample["score"], 4) for sample in samples] == [0.6667, 0.0]
    told = samples[0]["rewards"]["relevance"]
    assert told["outcome"] == "scored" and 0 <= told["seconds"] < 60
    assert told["components"] == [{"name": "keyword_overlap", "score": pytest.approx(2 / 3), "reason": "0.67 of the words"}]


@pytest.mark.parametrize(
    "flags",
    [
        ["--metrics-folders", "relevance=metrics/relevance", "brevity=metrics/brevity"],
        ["--metrics-folders", "relevance=metrics/relevance", "--metrics-folders", "brevity=metrics/brevity"],
        ["-m", "relevance=metrics/relevance", "brevity=metrics/brevity"],
        ["--metrics-folders=relevance=metrics/relevance", "brevity=metrics/brevity"],
    ],
)
def test_several_folders_follow_one_flag_or_several(run, metrics, flags):
    result = run("preview", *flags, "--weights", "relevance=3", "brevity=0.5", "--samples", "samples.jsonl", "--json")
    [first, second] = json.loads(result.stdout)["samples"]
    assert result.exit_code == 0 and list(first["rewards"]) == ["relevance", "brevity"]
    assert (first["score"], second["score"]) == (pytest.approx(2.0), pytest.approx(0.5))


SPREAD = [
    ("-m a=x b=y -s f", "-m a=x -m b=y -s f"),
    ("--metrics-folders a=x data.jsonl", "--metrics-folders a=x data.jsonl"),
    ("--metrics-folders data.jsonl b=y", "--metrics-folders data.jsonl --metrics-folders b=y"),
    ("-m a=x /data/b=1.jsonl", "-m a=x /data/b=1.jsonl"),
    ("-m a=x -- b=y", "-m a=x -- b=y"),
    ("-m a=x --weights a=1 b=2", "-m a=x --weights a=1 --weights b=2"),
    ("-m a=x --key=b c=d", "-m a=x --key=b c=d"),
    ("-m", "-m"),
]


@pytest.mark.parametrize(("written", "spread"), SPREAD)
def test_a_flag_takes_the_pairs_that_follow_it(written, spread):
    assert one_flag_for_each_pair(written.split()) == spread.split()


def test_score_takes_folders_in_place_of_a_rubric(run, metrics, place):
    result = run("score", "--metrics-folders", "relevance=metrics/relevance", "brevity=metrics/brevity", "samples.jsonl", "--out", "out.jsonl")
    rows = [json.loads(line) for line in (place / "out.jsonl").read_text().splitlines()]
    assert result.exit_code == 0 and [row["scores"]["brevity"] for row in rows] == [0.0, 1.0]
    assert rows[0]["components"]["relevance"][0]["name"] == "keyword_overlap"


def test_audit_takes_folders_in_place_of_a_rubric(run, metrics):
    metrics("right", "def evaluate(messages, answer, **kwargs):\n    return float(messages[-1]['content'].strip() == answer)\n")
    result = run("audit", "--metrics-folders", "right=metrics/right", "--data", "data.jsonl", "--fail-on", "never", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["facts"]["rows"] == 3


def test_serve_has_the_folders_as_a_rubric(metrics, place):
    from rl_rewards.serving.run import ServeSettings

    one = ServeSettings("", folders=("relevance=metrics/relevance",)).rubrics()
    two = ServeSettings("", folders=("relevance=metrics/relevance", "brevity=metrics/brevity"), weights={"brevity": 2.0}).rubrics()
    assert list(one) == ["relevance"] and list(two) == ["metrics"] and two["metrics"].reward_weights == [1.0, 2.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["preview", "--samples", "samples.jsonl"], "Missing argument 'RUBRIC', or --metrics-folders name=path"),
        (["preview", "rubric.yaml", *TUTORIAL], "give either RUBRIC or --metrics-folders, got both"),
        (
            ["preview", "-m", "metrics/relevance", "-s", "samples.jsonl"],
            "must be written name=path, got 'metrics/relevance'; did you mean relevance=metrics/relevance?",
        ),
        (["preview", "-m", "a=metrics/none", "-s", "samples.jsonl"], "metrics/none: a metric folder must be a directory with a main.py"),
        (["preview", *TUTORIAL, "--no-code"], "is code, which must not be run here"),
        (["preview", *TUTORIAL, "--weights", "relevnce=1"], "did you mean 'relevance'?"),
        (["preview", *TUTORIAL, "--weights", "relevance=much"], "--weights must be name=number, each name once, got 'relevance=much'"),
        (["preview", *TUTORIAL, "--env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["preview", "-m", "relevance=metrics/relevance"], "Missing option '--samples', or --dataset"),
        (["preview", *TUTORIAL, "--dataset", "samples.jsonl"], "give either --samples or --dataset, got both"),
        (["preview", *TUTORIAL, "--prompt-key", "q"], "go with --dataset"),
        (["preview", "rubric.yaml", "-s", "data.jsonl", "--remote", "fireworks"], "--remote fireworks previews --metrics-folders"),
        (["score", "-m", "relevance=metrics/relevance", "-o", "x.jsonl"], "Missing argument 'DATA'"),
        (["score", "rubric.yaml", "data.jsonl", "--weights", "a=1", "-o", "x.jsonl"], "--weights goes with --metrics-folders"),
        (["audit", "--data", "data.jsonl"], "Missing argument 'RUBRIC'"),
        (["serve"], "Missing argument 'RUBRIC'"),
        (
            ["preview", "metrics/relevance", "-s", "samples.jsonl"],
            "got the directory 'metrics/relevance'; a metric folder is given as --metrics-folders relevance=metrics/relevance",
        ),
        (["preview", "-m", "a=metrics", "-s", "samples.jsonl"], "and it has brevity, relevance; did you mean metrics/brevity?"),
        (["preview", "--metrics-folders", "--samples", "samples.jsonl"], "'--metrics-folders' needs at least one name=path, got '--samples'"),
        (["preview", "-s", "samples.jsonl", "-m"], "'-m' needs at least one name=path, got nothing"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(run, metrics, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr


def test_a_mistake_in_a_folders_code_has_file_and_line(run, metrics):
    metrics("relevance", RELEVANCE.replace("kwargs) -> EvaluateResult:", "kwargs) -> EvaluateResult"))
    result = run("preview", *TUTORIAL)
    assert result.exit_code == 2 and "metrics/relevance/main.py:6: SyntaxError: expected ':'" in result.stderr


def test_a_metric_that_fails_ends_with_status_1_and_no_score(run, metrics):
    metrics("relevance", "def evaluate(messages, **kwargs):\n    return messages[-1]['contnet']\n")
    result = run("preview", *TUTORIAL, "--json")
    told = json.loads(result.stdout)["samples"][0]["rewards"]["relevance"]
    assert result.exit_code == 1 and (told["score"], told["outcome"]) == (None, "error") and "main.py:2 in evaluate" in told["reason"]


def test_a_metric_that_hangs_or_dies_costs_its_sample(run, metrics):
    code = "import os\ndef evaluate(messages, **kwargs):\n    if 'many' in messages[-1]['content']:\n        os._exit(3)\n    return 1.0\n"
    metrics("relevance", code)
    result = run("preview", *TUTORIAL, "--json")
    outcomes = [sample["rewards"]["relevance"]["outcome"] for sample in json.loads(result.stdout)["samples"]]
    assert result.exit_code == 1 and outcomes == ["scored", "crashed"]
    metrics("relevance", code.replace("os._exit(3)", "while True: pass"))
    result = run("preview", *TUTORIAL, "--timeout", "2", "--json")
    told = [sample["rewards"]["relevance"] for sample in json.loads(result.stdout)["samples"]]
    assert result.exit_code == 1 and [each["outcome"] for each in told] == ["scored", "timeout"] and told[1]["seconds"] >= 2


def test_a_metric_sees_the_variables_that_env_names_and_no_others(run, metrics, monkeypatch):
    monkeypatch.setenv("A_SETTING", "0.5")
    code = "import os\nSEEN = os.environ.get('A_SETTING')\ndef evaluate(messages, **kwargs):\n    return float(SEEN or 0)\n"
    for more, score in (([], 0.0), (["--env", "A_SETTING"], 0.5)):
        metrics("relevance", f"# {score}\n{code}")  # workers keep what they have imported
        assert json.loads(run("preview", *TUTORIAL, *more, "--json").stdout)["samples"][0]["score"] == score


def test_what_a_metric_prints_stays_out_of_the_json(metrics, place):
    result = subprocess.run(
        [sys.executable, "-m", "rl_rewards", "preview", *TUTORIAL, "--json"], cwd=place, capture_output=True, text=True, check=True
    )
    assert len(json.loads(result.stdout)["samples"]) == 2


ROWS = [{"question": "6 * 7?", "reply": "42", "gold": "42", "messages": "unused"}, {"question": "6 * 7?", "reply": "41", "gold": "42"}]
KEYS = "def evaluate(messages, ground_truth, **kwargs):\n    assert messages[0] == {'role': 'user', 'content': '6 * 7?'}, messages\n    return float(messages[-1]['content'] == ground_truth)\n"


@pytest.mark.parametrize(
    "names",
    [
        ("--dataset", "--prompt-key", "--response-key", "--key-map"),
        ("--huggingface-dataset", "--huggingface-prompt-key", "--huggingface-response-key", "--huggingface-key-map"),
    ],
)
@pytest.mark.parametrize("made", ["file", "hub"])
def test_a_datasets_columns_are_mapped(run, metrics, place, write_rows, monkeypatch, names, made):
    metrics("right", KEYS)
    write_rows("rows.jsonl", ROWS)
    if made == "hub":  # as the hub's client gives it, without the hub
        datasets = pytest.importorskip("datasets")
        rows = [{name: value for name, value in row.items() if name != "messages"} for row in ROWS]
        monkeypatch.setattr(
            datasets, "load_dataset", lambda name, config, split: {("acme/sums", "test"): datasets.Dataset.from_list(rows)}[name, split]
        )
    source = ["rows.jsonl"] if made == "file" else ["acme/sums", "--huggingface-split", "test"]
    arguments = [names[0], *source, names[1], "question", names[2], "reply", names[3], '{"gold": "ground_truth"}']
    result = run("preview", "--metrics-folders", "right=metrics/right", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    assert [sample["score"] for sample in json.loads(result.stdout)["samples"]] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt-key", "qestion", "--response-key", "reply"], "rows.jsonl:1: the row must have the column 'qestion' that was named, it has"),
        (["--prompt-key", "question"], "the row must have the column 'response'"),
        (["--key-map", "gold"], "the key map must be a JSON object"),
        (["--key-map", '{"gold": 1}'], "the key map must be a JSON object of names"),
        (["--key-map", '{"gold": "a", "reply": "a"}'], "a name of its own, got 'a' more than once"),
    ],
)
def test_a_key_map_that_does_not_fit_is_refused(run, metrics, write_rows, arguments, message):
    write_rows("rows.jsonl", ROWS)
    result = run("preview", "-m", "brevity=metrics/brevity", "--dataset", "rows.jsonl", *arguments)
    assert result.exit_code == 2 and message in result.stderr


@pytest.mark.parametrize(("kind", "name"), [("rubric", "sums"), ("folder", "my-metric")])
def test_init_makes_something_whose_test_and_preview_pass(run, place, kind, name):
    result = run("init", name, "--kind", kind)
    assert result.exit_code == 0
    commands = [line.strip().split() for line in result.stdout.partition("next:")[2].splitlines() if line.strip()]
    assert commands[0] == ["cd", name]
    for program, *arguments in commands[1:]:
        module = ["-m", "rl_rewards"] if program == "rl-rewards" else []
        ran = subprocess.run([sys.executable, *module, *arguments], cwd=place / name, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    [test] = (place / name).glob("test_*.py")
    assert (
        "passed"
        in subprocess.run(
            [sys.executable, "-m", "pytest", "-q", test.name, "-p", "no:cacheprovider"], cwd=place / name, capture_output=True, text=True
        ).stdout
    )


@pytest.mark.parametrize("name", ["a.b", "1st", "deep/er/x"])
def test_init_takes_every_name_that_a_reward_can_have(run, place, name):
    assert run("init", name, "--kind", "folder").exit_code == 0
    last = name.rpartition("/")[2]
    result = run("preview", "--metrics-folders", f"{last}={name}/metrics/{last}", "--samples", f"{name}/samples.jsonl", "--json")
    assert result.exit_code == 0 and len(json.loads(result.stdout)["samples"]) == 3


def test_init_makes_a_rubric_unless_told_otherwise(run, place):
    assert run("init", "new").exit_code == 0 and (place / "new" / "rubric.yaml").is_file() and (place / "new" / "samples.jsonl").is_file()


@pytest.mark.parametrize("kind", ["rubric", "folder"])
def test_init_overwrites_nothing(run, place, kind):
    (place / "new").mkdir()
    assert run("init", "new", "--kind", kind).exit_code == 0
    before = {path: path.read_bytes() for path in (place / "new").rglob("*") if path.is_file()}
    result = run("init", "new", "--kind", kind)
    assert result.exit_code == 2 and "must be a new directory or an empty one, and it has" in result.stderr
    assert {path: path.read_bytes() for path in (place / "new").rglob("*") if path.is_file()} == before
    (place / "file").write_text("mine")
    assert run("init", "file").exit_code == 2 and (place / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["a b", "-x=", "ü"])
def test_init_needs_a_name_that_a_reward_can_have(run, place, name):
    result = run("init", "--", name)
    assert result.exit_code == 2 and "a name must be of letters, digits" in result.stderr and not (place / name).exists()
