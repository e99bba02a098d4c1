"""recipes/grpo.py: real runs of it, and everything that it refuses before a model is loaded."""

import json
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("trl")
pytest.importorskip("peft")

import pandas as pd
from datasets import Dataset

from recipes import arithmetic, grpo
from rl_rewards import RewardError, load_rubric
from rl_rewards.checks import RubricDataError
from rl_rewards.loading import LoadError
from rl_rewards.recording import RecordError
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.tables.readers import TableError, read_rows
from rl_rewards.trl.arguments import ArgumentsError, parse_arguments
from rl_rewards.trl.runs import load_prompts
from rl_rewards.user_errors import one_line_errors
from tests.recipes import launch

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parents[2]
RUBRIC = "recipes/rubrics/arithmetic.yaml"
REWARDS = ["correct", "format", "length", "tags", "sums", "differences"]
ROWS = [{"prompt": f"What is {a} + 1?", "answer": str(a + 1), "task": "addition"} for a in range(4)]


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_run_leaves_its_record_and_is_not_trained_on_when_finished(tmp_path):
    file = launch.config("grpo", tmp_path, max_steps=2, eval_dataset="recipes.arithmetic:test", num_generations_eval=1)
    output = launch.run("grpo", file)
    assert "Evaluation on 310 held-out prompts" in output and "before" in output and "Rewards of this run, training" in output
    out = tmp_path / "out"
    assert {"rewards.parquet", "rewards.png", "report.html", "model.safetensors", "checkpoint-2"} <= {path.name for path in out.iterdir()}
    record = pd.read_parquet(out / "rewards.parquet")
    assert set(record["reward"]) == set(REWARDS)
    assert f"the run's report: {out}/report.html" in output and "Trainer&#x27;s log" in (out / "report.html").read_text()
    assert "holds a finished run of 2 steps" in launch.run_forked("grpo", file)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "rewards.parquet"), record)


def test_run_that_was_killed_goes_on_from_its_last_checkpoint_with_nothing_lost(tmp_path):
    file = launch.config("grpo", tmp_path, max_steps=6, save_steps=2, per_device_train_batch_size=16)
    out = tmp_path / "out"
    launch.run_and_kill("grpo", file, 3)
    assert not (out / "checkpoint-6").exists()
    (out / "checkpoint-5").mkdir()  # as a kill during saving leaves it: without the trainer's state
    assert f"going on from {out}/checkpoint-" in launch.run_forked("grpo", file)
    record = pd.read_parquet(out / "rewards.parquet")
    assert record.groupby(["step", "reward"]).size().to_dict() == {(step, reward): 16 for step in range(1, 7) for reward in REWARDS}


def test_lora_trains_an_adapter_on_a_local_file(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    lora = {"use_peft": True, "lora_target_modules": "all-linear"}
    output = launch.run_forked("grpo", launch.config("grpo", tmp_path, max_steps=1, dataset=str(tmp_path / "rows.jsonl"), report=False, **lora))
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "out" / "report.html").exists() and "report.html" not in output


def test_a_prompt_file_is_put_before_every_row_in_training_and_evaluation(tmp_path):
    example = {"prompt": "1 + 1?", "completion": "<think>1 + 1 = 2</think><answer>2</answer>"}
    (tmp_path / "prompt.yaml").write_text(yaml.safe_dump({"instructions": "Add.", "examples": [example]}))
    arithmetic.test().select(range(8)).to_json(tmp_path / "held_out.jsonl")
    options = {"max_steps": 1, "eval_dataset": str(tmp_path / "held_out.jsonl"), "prompt": str(tmp_path / "prompt.yaml")}
    launch.run_forked("grpo", launch.config("grpo", tmp_path, num_generations_eval=1, **options))
    prompts = set(pd.read_parquet(tmp_path / "out" / "rewards.parquet")["prompt"])
    assert all("Add." in prompt and "1 + 1?" in prompt for prompt in map(str, prompts))


def test_a_prompt_file_changes_no_other_column(tmp_path):
    (tmp_path / "prompt.yaml").write_text("system: Be.\n")
    (tmp_path / "data.jsonl").write_text("".join(json.dumps({"prompt": "q", "answer": value}) + "\n" for value in (12, 0.5, "x", {"a": 1})))
    plain, put = (load_prompts(str(tmp_path / "data.jsonl"), None, "train", prompt) for prompt in (None, str(tmp_path / "prompt.yaml")))
    assert put["answer"] == plain["answer"] == [12, 0.5, "x", {"a": 1}]
    assert put["prompt"] == [[{"role": "system", "content": "Be."}, {"role": "user", "content": "q"}]] * 4


def test_error_is_a_line_not_a_traceback(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    file = launch.config("grpo", tmp_path, dataset=str(tmp_path / "empty.jsonl"))
    (run,) = launch.start("grpo", file)
    finished = run.finish()
    assert finished.returncode == 2
    assert finished.stderr.strip().splitlines()[-1] == f"error: {tmp_path}/empty.jsonl: the dataset file is empty: it has no rows"
    assert "Traceback" not in finished.stderr


COMMAND_LINES = {
    "nothing at all": ([], "error: the following arguments are required: --dataset"),
    "no config": (["--config", "nope.yaml"], "error: config file nope.yaml: No such file or directory"),
    "no config, with an equals sign": (["--config=nope.yaml"], "error: config file nope.yaml: No such file or directory"),
    "config without a name": (["--config"], "error: --config needs the name of a file"),
    "config that is no YAML": (["--config", "CHANGELOG.md"], "error: CHANGELOG.md:"),
    "unknown flag": (["--rubrik", "x", "--dataset", "y"], "unknown argument --rubrik; did you mean --rubric?"),
    "neither": (
        ["--dataset", "y", "--use_cpu", "true", "--bf16", "false", "--model_name_or_path", "z"],
        "either --rubric or --reward-endpoint must be given",
    ),
    "both": (
        ["--config", "recipes/configs/arithmetic.yaml", "--reward-endpoint", "http://127.0.0.1:9/v1/evaluations/x"],
        "either --rubric or --reward-endpoint must be given, got both",
    ),
    "endpoint without an id": (
        ["--dataset", "y", "--use_cpu", "true", "--bf16", "false", "--reward-endpoint", "http://127.0.0.1:9/evaluate"],
        "must be an address such as http://127.0.0.1:8000/v1/evaluations/ID",
    ),
    "endpoint that is away": (
        ["--dataset", "y", "--use_cpu", "true", "--bf16", "false", "--reward-endpoint", "http://127.0.0.1:9/v1/evaluations/x"],
        "gives no answer",
    ),
    "another one": (["--config", f"recipes/configs/{'arithmetic'}.yaml", "--rewards", "x"], "error: unknown argument --rewards"),
    "wrong value": (["--config", "recipes/configs/arithmetic.yaml", "--learning_rate", "fast"], "invalid float value: 'fast'"),
    "a tracker that there is not": (["--config", "recipes/configs/arithmetic.yaml", "--report_to", "wandbb"], "got 'wandbb'; did you mean wandb?"),
    "sizes that do not fit": (["--config", "recipes/configs/arithmetic.yaml", "--num_generations", "7"], "must be divisible by num_generations (7)"),
    "no rubric": (["--config", "recipes/configs/arithmetic.yaml", "--rubric", "nope.yaml"], "error: nope.yaml: No such file or directory"),
    "no model": (
        ["--config", "recipes/configs/arithmetic.yaml", "--model_name_or_path", "./no_model"],
        "error: --model_name_or_path './no_model' must",
    ),
    "hub that cannot be reached": (["--config", "recipes/configs/arithmetic.yaml", "--dataset", "no/such"], "error: 'no/such' is no data file"),
    "path with a dot": (
        ["--config", "recipes/configs/arithmetic.yaml", "--dataset", "recipes.arithmetic.train"],
        "did you mean 'recipes.arithmetic:train'?",
    ),
}


@pytest.mark.parametrize("arguments, message", COMMAND_LINES.values(), ids=COMMAND_LINES)
def test_wrong_command_line_is_a_line(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", ["grpo.py", *arguments, *(["--output_dir", str(tmp_path)] if arguments and "--config" not in arguments else [])])
    with pytest.raises(SystemExit) as stopped, one_line_errors():
        grpo.main()
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert stopped.value.code == 2 and message in told


def test_config_with_an_unknown_key_names_the_nearest(tmp_path, monkeypatch):
    file = launch.config("grpo", tmp_path, learning_rat=3)
    with pytest.raises(ArgumentsError, match="unknown argument 'learning_rat'; did you mean learning_rate?"):
        parse_arguments((grpo.RecipeArguments, grpo.GRPOConfig, grpo.ModelConfig), ["--config", str(file)])


@pytest.fixture
def files(tmp_path):
    """Files with something wrong in each."""
    (tmp_path / "file").write_text("")
    (tmp_path / "typo.yaml").write_text(Path(RUBRIC).read_text().replace("weight: 0.3", "wieght: 0.3"))
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text('{"prompt": "x"')
    (tmp_path / "twice.jsonl").write_text('{"prompt": "x", "answer": "1", "answer": "2", "task": "addition"}\n')
    (tmp_path / "words.jsonl").write_text('{"prompt": "x", "answer": "seven", "task": "addition"}\n' * 3)
    (tmp_path / "number.yaml").write_text("rewards: [{name: a, score: {number_match: answer}}]")
    (tmp_path / "routed.yaml").write_text("rewards: [{name: a, when: {task: addition}, score: {string_match: answer}}]")
    (tmp_path / "metrics.yaml").write_text("rewards: [{name: a, weight: 0, score: {number_match: answer}}]")
    (tmp_path / "header.csv").write_text("prompt,answer,task\n")
    (tmp_path / "nothing.py").write_text("from recipes import arithmetic\ndef rows(): return arithmetic.train().select([])\n")
    dataset = Dataset.from_list(ROWS)
    dataset.remove_columns("answer").to_parquet(tmp_path / "no_answer.parquet")
    dataset.remove_columns("prompt").to_parquet(tmp_path / "no_prompt.parquet")
    dataset.map(lambda row: {"task": "algebra"}).to_parquet(tmp_path / "algebra.parquet")
    return tmp_path


REFUSED = {
    "empty file": ("dataset: FILES/empty.jsonl", TableError, "empty.jsonl: the dataset file is empty"),
    "file without rows": ("dataset: FILES/header.csv", TableError, "header.csv: the dataset file is empty"),
    "empty dataset": ("dataset: FILES/nothing.py:rows", RubricDataError, "the dataset is empty"),
    "broken file": ("dataset: FILES/broken.jsonl", TableError, "1 row cannot be read: row 1: not JSON"),
    "no dataset file": ("dataset: nowhere.jsonl", FileNotFoundError, "nowhere.jsonl"),
    "a key twice": ("dataset: FILES/twice.jsonl", TableError, "an object must have each key once, got 'answer' more than once"),
    "references of no use": (
        "{dataset: FILES/words.jsonl, rubric: FILES/number.yaml}",
        RubricDataError,
        "cannot use the reference of any row; row 1: the reference is not a number",
    ),
    "metrics alone": ("rubric: FILES/metrics.yaml", RubricDataError, "some reward must have a weight other than 0"),
    "no prompt": ("dataset: FILES/no_prompt.parquet", RubricDataError, "needs a column 'prompt'; it has ['answer', 'task']"),
    "no reference": ("dataset: FILES/no_answer.parquet", RubricDataError, "reward 'correct' needs 'answer'"),
    "no reference in the test": ("eval_dataset: FILES/no_answer.parquet", RubricDataError, "reward 'correct' needs 'answer'"),
    "task that no reward handles": (
        "{dataset: FILES/algebra.parquet, rubric: FILES/routed.yaml}",
        RubricDataError,
        "no reward handles task = 'algebra' (4 rows)",
    ),
    "unknown function": ("dataset: recipes.arithmetic:trian", LoadError, "did you mean 'train'?"),
    "unknown module": ("dataset: recipes.arithmetics:train", LoadError, "cannot import 'recipes.arithmetics'"),
    "typo in the rubric": ("rubric: FILES/typo.yaml", RubricFileError, "did you mean 'weight'?"),
    "weights outside the rubric": ("reward_weights: [1.0]", RewardError, "reward_weights are the rubric's"),
    "unwritable output": ("output_dir: FILES/file/out", RecordError, "cannot be written"),
}


@pytest.mark.parametrize("changes, error, message", REFUSED.values(), ids=REFUSED)
def test_refused_before_the_model_is_loaded(changes, error, message, files, monkeypatch):
    # A model that does not exist: were it looked for first, the error would be another.
    changes = {"model_name_or_path": "no_model"} | yaml.safe_load(changes.replace("FILES", str(files)))
    monkeypatch.setattr(sys, "argv", ["grpo.py", "--config", str(launch.config("grpo", files, **changes))])
    with pytest.raises(error) as caught:
        grpo.main()
    assert message in str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet", ".csv"])
def test_dataset_files_of_every_format_load_alike(tmp_path, suffix):
    file = tmp_path / f"rows{suffix}"
    dataset = Dataset.from_list(ROWS)
    if suffix == ".json":
        file.write_text(json.dumps(ROWS))
    else:
        {".jsonl": dataset.to_json, ".parquet": dataset.to_parquet, ".csv": dataset.to_csv}[suffix](file)
    loaded = load_prompts(str(file), None, "train")
    assert [{key: str(value) for key, value in row.items()} for row in loaded] == ROWS


AS_WRITTEN = ["007", "042", "1.50", "1e5", "N/A", "None", "null", "nan", "12", "0.5", "2024-01-02", "2024-01-02T03:04:05", str(2**70), "true", ""]


@pytest.mark.parametrize("values", [AS_WRITTEN, *([value] * 3 for value in AS_WRITTEN), [*map(str, range(50)), ""]], ids=str)
def test_csv_trains_on_what_is_written(tmp_path, values):
    file = tmp_path / "rows.csv"
    file.write_text("prompt,answer\n" + "".join(f"q,{value}\n" for value in values))
    assert list(load_prompts(str(file), None, "train")["answer"]) == values == [row.values["answer"] for row in read_rows(file)]


VALUES_OF_JSON = {
    "integers with a gap": [12, None, 7],
    "an integer beside a fraction": [12, 0.5],
    "a number beside text": [12, "12", "x"],
    "dates": ["2024-01-02", "2024-01-03"],
    "dates and times": ["2024-01-02T03:04:05", "2024-01-02T03:04:05Z"],
    "objects of different fields": [{"a": 1}, {"b": [1, 2]}, {}],
    "lists of different things": [[1, "a"], [], None],
    "truth values": [True, False],
    "truth values beside numbers": [True, 1, 0],
    "large integers": [2**62, -(2**62)],
    "nothing": [None, None],
}


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("values", VALUES_OF_JSON.values(), ids=VALUES_OF_JSON)
def test_json_trains_on_what_is_written(tmp_path, values, suffix):
    rows, file = [{"prompt": "q", "answer": value} for value in values], tmp_path / f"rows{suffix}"
    file.write_text(json.dumps(rows) if suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows))
    loaded = list(load_prompts(str(file), None, "train")["answer"])
    assert repr(loaded) == repr(values) == repr([row.values["answer"] for row in read_rows(file)])


def test_integers_beyond_64_bits_train_as_text(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"prompt": "q", "answer": value}) + "\n" for value in (2**70, 1)))
    assert list(load_prompts(str(file), None, "train")["answer"]) == [str(2**70), "1"]


def test_values_keep_their_type_however_far_apart_they_stand(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"prompt": "q", "answer": i if i < 9000 else i + 0.5}) + "\n" for i in range(9100)))
    answers = list(load_prompts(str(file), None, "train")["answer"])
    assert answers[:2] == [0, 1] and type(answers[0]) is int and answers[-1] == 9099.5


@pytest.mark.parametrize("name", ["arithmetic", "smollm2_booking", "smollm2_reasoning", "qwen_gsm8k_gpu"])
def test_configs_are_written_to_the_flags_that_trl_has(name):
    classes = (grpo.RecipeArguments, grpo.GRPOConfig, grpo.ModelConfig)
    # On the CPU, so that a config for GPUs parses where there are none.
    recipe, args, model = parse_arguments(classes, ["--config", f"recipes/configs/{name}.yaml", "--use_cpu", "true", "--bf16", "false"])
    assert load_rubric(recipe.rubric).columns <= {"answer", "task", "entry", "booking", "held_out"}
    assert args.generation_batch_size % args.num_generations == 0
    assert isinstance(args.learning_rate, float) and model.model_name_or_path
