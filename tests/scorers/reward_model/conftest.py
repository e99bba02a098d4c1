"""Tiny reward models, saved as checkpoints."""

import json

import pytest
from tiny_reward_models import make_model, make_tokenizer


@pytest.fixture
def checkpoint(tmp_path):
    """Saves a model and a tokenizer; returns the directory."""

    def save(model=None, tokenizer=None, name="rm", code=None, auto_map=None):
        directory = tmp_path / name
        (make_model() if model is None else model).save_pretrained(directory)
        (make_tokenizer() if tokenizer is None else tokenizer).save_pretrained(directory)
        if code is not None:
            (directory / "modeling_custom.py").write_text(code)
            config = json.loads((directory / "config.json").read_text())
            (directory / "config.json").write_text(json.dumps({**config, "auto_map": auto_map}))
        return str(directory)

    return save


@pytest.fixture(autouse=True)
def _forget_loaded_models():
    yield
    from rl_rewards.scorers.reward_model.loaded import unload

    unload()
