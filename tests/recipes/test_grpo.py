"""recipes/grpo.py: real runs of it, and everything that it refuses before a model is loaded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("trl")
pytest.importorskip("peft")

import pandas as pd
from datasets import Dataset

from recipes import grpo
from rl_rewards import RewardError, load_rubric
from rl_rewards.checks import RubricDataError
from rl_rewards.loading import LoadError
from rl_rewards.recording import RecordError
from rl_rewards.rubric_files import RubricFileError
from tests.recipes import launch

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
    assert {"rewards.parquet", "rewards.png", "model.safetensors", "checkpoint-2"} <= {path.name for path in out.iterdir()}
    record = pd.read_parquet(out / "rewards.parquet")
    assert set(record["reward"]) == set(REWARDS)
    assert "holds a finished run of 2 steps" in launch.run("grpo", file)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "rewards.parquet"), record)


def test_run_that_was_killed_goes_on_from_its_last_checkpoint_with_nothing_lost(tmp_path):
    file = launch.config("grpo", tmp_path, max_steps=6, save_steps=2, per_device_train_batch_size=16)
    out = tmp_path / "out"
    launch.run_and_kill("grpo", file, 3)
    assert not (out / "checkpoint-6").exists()
    (out / "checkpoint-5").mkdir()  # as a kill during saving leaves it: without the trainer's state
    assert f"going on from {out}/checkpoint-" in launch.run("grpo", file)
    record = pd.read_parquet(out / "rewards.parquet")
    assert record.groupby(["step", "reward"]).size().to_dict() == {(step, reward): 16 for step in range(6) for reward in REWARDS}


def test_lora_trains_an_adapter_on_a_local_file(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    lora = {"use_peft": True, "lora_target_modules": "all-linear"}
    launch.run("grpo", launch.config("grpo", tmp_path, max_steps=1, dataset=str(tmp_path / "rows.jsonl"), **lora))
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_error_is_a_line_not_a_traceback(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    file = launch.config("grpo", tmp_path, dataset=str(tmp_path / "empty.jsonl"))
    finished = subprocess.run([sys.executable, "recipes/grpo.py", "--config", str(file)], capture_output=True, text=True)
    assert finished.returncode == 1
    assert finished.stderr.strip().splitlines()[-1].startswith("error: the dataset file") and "Traceback" not in finished.stderr


@pytest.fixture
def files(tmp_path):
    """Files with something wrong in each."""
    (tmp_path / "file").write_text("")
    (tmp_path / "typo.yaml").write_text(Path(RUBRIC).read_text().replace("weight: 0.3", "wieght: 0.3"))
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text('{"prompt": "x"')
    (tmp_path / "header.csv").write_text("prompt,answer,task\n")
    (tmp_path / "nothing.py").write_text("from recipes import arithmetic\ndef rows(): return arithmetic.train().select([])\n")
    dataset = Dataset.from_list(ROWS)
    dataset.remove_columns("answer").to_parquet(tmp_path / "no_answer.parquet")
    dataset.remove_columns("prompt").to_parquet(tmp_path / "no_prompt.parquet")
    dataset.map(lambda row: {"task": "algebra"}).to_parquet(tmp_path / "algebra.parquet")
    return tmp_path


REFUSED = {
    "empty file": ("dataset: FILES/empty.jsonl", RubricDataError, "empty.jsonl' is empty"),
    "file without rows": ("dataset: FILES/header.csv", RubricDataError, "header.csv' is empty"),
    "empty dataset": ("dataset: FILES/nothing.py:rows", RubricDataError, "the dataset is empty"),
    "broken file": ("dataset: FILES/broken.jsonl", RubricDataError, "cannot be read"),
    "no dataset file": ("dataset: nowhere.jsonl", RubricDataError, "there is no dataset file 'nowhere.jsonl'"),
    "no prompt": ("dataset: FILES/no_prompt.parquet", RubricDataError, "needs a column 'prompt'; it has ['answer', 'task']"),
    "no reference": ("dataset: FILES/no_answer.parquet", RubricDataError, "reward 'correct' needs 'answer'"),
    "no reference in the test": ("eval_dataset: FILES/no_answer.parquet", RubricDataError, "reward 'correct' needs 'answer'"),
    "task that no reward handles": ("dataset: FILES/algebra.parquet", RubricDataError, "no reward handles task = 'algebra' (4 rows)"),
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
    loaded = grpo.load(str(file), None, "train")
    assert [{key: str(value) for key, value in row.items()} for row in loaded] == ROWS


@pytest.mark.parametrize("name", ["arithmetic", "smollm2_reasoning", "qwen_gsm8k_gpu"])
def test_configs_are_written_to_the_flags_that_trl_has(name):
    parser = grpo.TrlParser((grpo.RecipeArguments, grpo.GRPOConfig, grpo.ModelConfig))
    # On the CPU, so that a config for GPUs parses where there are none.
    recipe, args, model = parser.parse_args_and_config(["--config", f"recipes/configs/{name}.yaml", "--use_cpu", "true", "--bf16", "false"])
    assert load_rubric(recipe.rubric).columns <= {"answer", "task", "entry"}
    assert args.generation_batch_size % args.num_generations == 0
    assert isinstance(args.learning_rate, float) and model.model_name_or_path
