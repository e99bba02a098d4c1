import os
import shutil
import subprocess
import sys

import peft
import pytest
import torch
import transformers as hf
from tiny_reward_models import make_model, make_tokenizer
from transformers.integrations import deepspeed
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from rl_rewards.models.checkpoint import NoScoreHeadError
from rl_rewards.models.sharding import outside_sharding
from rl_rewards.scorers.reward_model import RewardModel
from rl_rewards.types import Sample

ROWS = [Sample("Hi", text, text) for text in ("yes", "no, never", "well")]


def scores(scorer):
    return [result.score for result in scorer.score(ROWS, [row.response for row in ROWS])]


@pytest.fixture
def adapted(tmp_path):
    """A causal language model, an adapter with a score head on it, and what the two score together."""
    make_model(hf.AutoModelForCausalLM.from_config).save_pretrained(tmp_path / "base")
    make_tokenizer().save_pretrained(tmp_path / "base")
    base = hf.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=1)
    targets = {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["score"]}
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, init_lora_weights=False, **targets)
    model = peft.get_peft_model(base, config).eval()
    model.save_pretrained(tmp_path / "adapter")
    expected = []
    for row in ROWS:
        text = make_tokenizer().apply_chat_template(row.conversation, tokenize=False)
        with torch.no_grad():
            expected.append(model(torch.tensor([make_tokenizer()(text, add_special_tokens=False)["input_ids"]])).logits.item())
    return str(tmp_path / "base"), str(tmp_path / "adapter"), expected


def test_an_adapter_brings_its_score_head_to_a_language_model(adapted):
    base, adapter, expected = adapted
    assert scores(RewardModel(base, adapter=adapter)) == pytest.approx(expected, abs=1e-4)


def test_an_adapters_directory_alone_is_enough(adapted):
    _, adapter, expected = adapted
    assert scores(RewardModel(adapter)) == pytest.approx(expected, abs=1e-4)


def test_an_adapter_without_a_head_does_not_make_up_for_one(tmp_path):
    make_model(hf.AutoModelForCausalLM.from_config).save_pretrained(tmp_path / "base")
    make_tokenizer().save_pretrained(tmp_path / "base")
    base = hf.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"])
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    with pytest.raises(NoScoreHeadError, match="score.weight"):
        RewardModel(str(tmp_path / "base"), adapter=str(tmp_path / "adapter")).load()


class Zero3:
    def is_zero3(self):
        return True


def test_under_zero_3_and_fsdp_the_whole_model_is_loaded_and_the_run_goes_on_as_before(monkeypatch):
    config = Zero3()
    monkeypatch.setattr(deepspeed, "_hf_deepspeed_config_weak_ref", None)
    deepspeed.set_hf_deepspeed_config(config)
    monkeypatch.setenv("FSDP_CPU_RAM_EFFICIENT_LOADING", "true")
    with outside_sharding():
        assert not is_deepspeed_zero3_enabled()
        assert os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "false"
    assert is_deepspeed_zero3_enabled()
    assert os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "true"


def test_outside_a_sharded_run_nothing_is_left_behind(monkeypatch):
    monkeypatch.delenv("FSDP_CPU_RAM_EFFICIENT_LOADING", raising=False)
    with outside_sharding():
        pass
    assert not is_deepspeed_zero3_enabled() and "FSDP_CPU_RAM_EFFICIENT_LOADING" not in os.environ


def test_a_rubric_with_a_reward_model_is_read_without_torch():
    code = "import sys; from rl_rewards.scorers import scorer; scorer({'reward_model': 'some/model'}); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_the_hub_token_is_not_shown():
    assert "secret" not in repr(RewardModel("some/model", token="secret"))


@pytest.mark.parametrize("options", [{"device_map": "auto"}, {"device": "cpu"}, {"attn_implementation": "eager"}, {"share_prefixes": False}])
def test_where_and_how_it_is_computed_changes_no_score(tmp_path, options):
    make_model().save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    assert scores(RewardModel(str(tmp_path), **options)) == pytest.approx(scores(RewardModel(str(tmp_path))), abs=1e-4)


def test_a_trainers_autocast_does_not_reach_the_reward_model(tmp_path):
    make_model().save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    outside = scores(RewardModel(str(tmp_path)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert scores(RewardModel(str(tmp_path))) == outside


def test_options_of_quantisation_reach_transformers(tmp_path):
    make_model().save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="Unknown quantization type, got imagined"):
        RewardModel(str(tmp_path), quantization={"quant_method": "imagined"}).load()


def test_a_model_whose_files_are_written_again_is_loaded_again(checkpoint):
    scorer = RewardModel(checkpoint(make_model(seed=0)))
    first, model = scores(scorer), scorer.load()
    assert scorer.load() is model
    checkpoint(make_model(seed=1))
    assert scorer.load() is not model and scores(scorer) != first
    assert scores(RewardModel(scorer.model)) == scores(scorer)


def test_a_model_whose_files_are_gone_stays_as_it_was_loaded(checkpoint):
    scorer = RewardModel(checkpoint())
    first = scores(scorer)
    shutil.rmtree(scorer.model)
    assert scores(scorer) == first


def test_a_relative_path_is_the_model_of_the_working_directory(checkpoint, tmp_path, monkeypatch):
    found = []
    for seed, name in enumerate(("one", "other")):
        checkpoint(make_model(seed=seed), name=f"{name}/rm")
        monkeypatch.chdir(tmp_path / name)
        found.append(scores(RewardModel("./rm")))
    assert found[0] != found[1]
