"""A ReinforcementTuningSpec as the rubric of the GRPO recipe: its hyperparameters are defaults of TRL's arguments."""

import pytest
from trl import GRPOConfig, ModelConfig

from recipes.grpo import RecipeArguments
from rl_rewards.formats.vertex import spec_arguments
from rl_rewards.trl.arguments import parse_arguments
from tests.formats.test_vertex_config import written
from tests.formats.vertex_cases import string

SPEC = {
    "singleRewardConfig": string("EXACT_MATCH", "{{references.answer}}"),
    "trainingDatasetUri": "gs://bucket/train.jsonl",
    "hyperParameters": {
        "epochCount": "2",
        "learningRateMultiplier": 2,
        "adapterSize": "ADAPTER_SIZE_THIRTY_TWO",
        "batchSize": 8,
        "samplesPerPrompt": 4,
        "evaluateInterval": 10,
        "checkpointInterval": "5",
        "maxOutputTokens": 512,
        "thinkingLevel": "HIGH",
    },
}


def parsed(path, *more):
    arguments = ["--rubric", str(path), "--output_dir", "out", "--dataset", "d.jsonl", "--use_cpu", "--bf16", "false", *more]
    return parse_arguments((RecipeArguments, GRPOConfig, ModelConfig), arguments, defaults=spec_arguments)


def test_what_trl_has_is_mapped_and_the_rest_is_listed(tmp_path, capsys):
    recipe, args, model = parsed(written(tmp_path, SPEC))
    assert (args.num_train_epochs, args.learning_rate, args.max_completion_length) == (2, 2e-6, 512)
    assert (args.num_generations, args.per_device_train_batch_size, args.gradient_accumulation_steps, args.generation_batch_size) == (4, 4, 8, 32)
    assert (args.save_strategy, args.save_steps, args.eval_strategy) == ("steps", 5, "no")
    assert (model.use_peft, model.lora_r, recipe.dataset) == (True, 32, "d.jsonl")
    listed = capsys.readouterr().err.splitlines()
    assert [line.partition(": not mapped: ")[2].split()[0] for line in listed] == ["trainingDatasetUri", "evaluateInterval", "thinkingLevel"]


def test_the_command_line_wins_and_an_eval_dataset_is_evaluated_on(tmp_path, capsys):
    _, args, model = parsed(written(tmp_path, SPEC), "--learning_rate", "0.5", "--eval_dataset", "e.jsonl", "--lora_r=8")
    assert (args.learning_rate, model.lora_r, args.eval_strategy, args.eval_steps) == (0.5, 8, "steps", 10)
    assert "evaluateInterval" not in capsys.readouterr().err


def test_prompts_of_a_step_are_divided_among_processes(tmp_path, monkeypatch, capsys):
    path = written(tmp_path, SPEC)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert spec_arguments({"rubric": str(path)})["gradient_accumulation_steps"] == 2
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert "gradient_accumulation_steps" not in spec_arguments({"rubric": str(path)})
    assert "batchSize 8 cannot be divided among 3 processes" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["rewards: []\n", '{"rewardName": "r"}', None])
def test_another_rubric_file_says_nothing_of_the_run(tmp_path, content):
    path = tmp_path / "rubric.yaml" if content is None else written(tmp_path, content, "rubric.yaml")
    assert spec_arguments({"rubric": str(path)}) == {} == spec_arguments({})
