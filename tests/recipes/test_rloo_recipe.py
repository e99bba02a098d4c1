"""recipes/rloo.py: a real run of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

import pandas as pd

from recipes import rloo
from tests.recipes import launch

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parents[2]


def test_run_leaves_its_record_and_goes_on_from_its_checkpoint(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    for steps in (1, 2):
        file = launch.config("rloo", tmp_path, save_steps=1, max_steps=steps)
        monkeypatch.setattr(sys, "argv", ["rloo.py", "--config", str(file)])
        rloo.main()
    assert "going on from" in capsys.readouterr().out
    record = pd.read_parquet(tmp_path / "out" / "rewards.parquet")
    assert record.groupby("step").size().to_dict() == {1: 8 * 6, 2: 8 * 6}


def test_the_recipe_is_grpos_with_another_trainer():
    bodies = {name: (ROOT / f"recipes/{name}.py").read_text().partition("@dataclass")[2] for name in ("grpo", "rloo")}
    assert bodies["rloo"].replace("RLOOConfig", "GRPOConfig").replace("RLOOTrainer", "GRPOTrainer") == bodies["grpo"]
