"""A team's ReinforcementTuningSpec and data set of Vertex AI train a model with TRL as they are."""

import json

import pytest
import yaml

from rl_rewards.recording.reader import read_record
from tests.formats.vertex_cases import composite, string
from tests.recipes import launch


@pytest.mark.slow
def test_a_spec_and_its_data_set_train_as_they_are(tmp_path):
    lines = [
        {
            "contents": [{"role": "user", "parts": [{"text": f"{i}+2="}]}],
            "references": {"answer": str(i + 2)},
            "systemInstruction": {"parts": [{"text": "Add."}]},
        }
        for i in range(8)
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rewards = composite(
        (string("EXACT_MATCH", "{{references.answer}}", "right", extract="[0-9]+"), 2), (string("REGEX_CONTAINS", "[0-9]", "digits"), 1)
    )
    hyper = {"stepCount": "1", "batchSize": 2, "samplesPerPrompt": 4, "maxOutputTokens": 8, "thinkingLevel": "HIGH"}
    spec = {"trainingDatasetUri": str(tmp_path / "train.jsonl"), "hyperParameters": hyper, "compositeRewardConfig": rewards}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    mine = ("model_name_or_path", "output_dir", "use_cpu", "bf16", "report_to", "activation_checkpointing", "logging_steps")
    settings = yaml.safe_load(launch.config("grpo", tmp_path).read_text())
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({name: settings[name] for name in mine} | {"rubric": str(tmp_path / "spec.json")}))
    launch.run_forked("grpo", file)
    rows = read_record(tmp_path / "out").table().to_pylist()
    assert len(rows) == 2 * 2 * 4  # rewards, prompts, samples of each
    assert {row["reward"] for row in rows} == {"right", "digits"}
