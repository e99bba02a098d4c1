"""One real run of the recipe with W&B (offline) and trackio, read back from the files they wrote."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
import yaml

pytest.importorskip("trl")
pytest.importorskip("wandb")
pytest.importorskip("trackio")

from rl_rewards import load_rubric
from tests import forked
from tests.recording.wandb_file import wandb_records

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "recipes" / "configs" / "arithmetic.yaml"
RATES = ("unparsed_rate", "error_rate", "timeout_rate", "skipped_rate", "clipped_rate")
STEPS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a run of three steps that reported to both trackers."""
    directory = tmp_path_factory.mktemp("run")
    config = yaml.safe_load(CONFIG.read_text()) | {
        "output_dir": str(directory / "out"),
        "max_steps": STEPS,
        "logging_steps": 1,
        "per_device_train_batch_size": 32,
        "num_generations": 4,
        "eval_dataset": None,
        "report_to": ["wandb", "trackio"],
        "log_completions": True,
        "num_completions_to_print": 1,
        "save_strategy": "no",
        "run_name": "tracked",
    }
    (directory / "config.yaml").write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
    environment = {
        **os.environ,
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(directory),
        "WANDB_SILENT": "true",
        "TRACKIO_DIR": str(directory / "trackio"),
        "PYTHONPATH": str(ROOT),
    }
    forked.run("recipes/grpo.py", "--config", directory / "config.yaml", environment=environment)
    return directory


def expected_keys():
    """What must be there for every reward, whether it is trained on or a metric."""
    rewards = load_rubric(ROOT / "recipes" / "rubrics" / "arithmetic.yaml").rewards
    keys = {f"train/rewards/{reward.name}/{key}" for reward in rewards for key in ("mean", "std", *RATES, "min", "max", "seconds")}
    return rewards, keys | {f"train/rewards/tags/components/{tag}" for tag in COMPONENTS}


COMPONENTS = ("think", "answer")


def test_wandb_has_every_reward_rate_and_component_on_every_step(run):
    (file,) = run.glob("wandb/offline-run-*/*.wandb")
    rows = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in wandb_records(file)
        if record.WhichOneof("record_type") == "history"
    ]
    steps = [row for row in rows if "train/reward" in row]
    assert len(steps) == STEPS
    _, keys = expected_keys()
    for row in steps:
        assert keys <= set(row), sorted(keys - set(row))


def test_wandb_has_the_completions_table(run):
    tables = sorted(run.glob("wandb/offline-run-*/files/media/table/completions_*.table.json"))
    assert tables
    table = json.loads(tables[0].read_text())
    rewards, _ = expected_keys()
    assert {reward.name for reward in rewards} | {"rewards/detail"} <= set(table["columns"])
    detail = table["columns"].index("rewards/detail")
    assert any(row[detail].startswith("correct: ") for row in table["data"]) and len(table["data"]) == 32


def test_trackio_has_every_reward_rate_and_component_and_the_table(run):
    (file,) = (run / "trackio").glob("*.db")
    with sqlite3.connect(file) as database:
        rows = [json.loads(metrics) for (metrics,) in database.execute("SELECT metrics FROM metrics")]
    steps = [row for row in rows if "train/reward" in row]
    assert len(steps) == STEPS
    rewards, keys = expected_keys()
    for row in steps:
        assert keys <= set(row), sorted(keys - set(row))
    tables = [row["completions"] for row in rows if "completions" in row]
    assert tables and {reward.name for reward in rewards} | {"rewards/detail"} <= set(tables[0]["_value"][0])
