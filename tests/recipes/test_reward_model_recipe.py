"""Preferences, a reward model trained on them, and a policy trained on that."""

import json
import random
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

from transformers import AutoTokenizer

from recipes import arithmetic, preferences
from recipes.reward_model import PreferencesError, load, main, samples
from rl_rewards import scorers
from tests import forked

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parents[2]
CONFIGS, RUBRIC = ROOT / "recipes" / "configs", ROOT / "recipes" / "rubrics" / "arithmetic_reward_model.yaml"
CONFIG = CONFIGS / "arithmetic_reward_model.yaml"
FORMAT = re.compile(r"<think>[^<]+</think><answer>\d+</answer>")


def flags(options):
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A file with the first 32 test pairs."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = preferences.test().select(range(32))
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory):
    """Two steps of LoRA: the run's directory and what it printed."""
    directory = tmp_path_factory.mktemp("run") / "rm"
    lora = {"use_peft": True, "lora_target_modules": "all-linear", "lora_r": 4}
    steps = {"max_steps": 2, "save_steps": 1, "per_device_train_batch_size": 8, "disable_tqdm": True}
    options = {"dataset": pairs, "eval_dataset": pairs, "output_dir": directory, **lora, **steps}
    return directory, forked.run("recipes/reward_model.py", "--config", CONFIG, *flags(options)), options


def test_chosen_responses_are_better_by_the_rules():
    rng = random.Random(7)
    for question in arithmetic.warm_start():
        chosen, rejected = preferences.pair(question, rng)
        for response in (chosen, rejected):
            numbers = re.findall(r"\d+", response.text)
            assert (numbers[-1] == question.answer) is response.right
            assert bool(FORMAT.fullmatch(response.text)) is response.keeps_format
        assert (chosen.right, chosen.keeps_format) > (rejected.right, rejected.keeps_format)


def test_half_of_the_pairs_differ_in_nothing_but_the_number():
    rng = random.Random(7)
    pairs = [preferences.pair(question, rng) for question in arithmetic.warm_start()]
    twins = sum(re.sub(r"\d+", "#", chosen.text) == re.sub(r"\d+", "#", rejected.text) for chosen, rejected in pairs)
    assert 0.45 < twins / len(pairs) < 0.7


def test_train_pairs_hold_no_test_question():
    asked = {row["content"] for prompt in preferences.train()["prompt"] for row in prompt}
    held_out = {row["content"] for prompt in preferences.test()["prompt"] for row in prompt}
    assert asked == {row["prompt"][0]["content"] for row in arithmetic.train()}
    assert held_out == {row["prompt"][0]["content"] for row in arithmetic.test()}
    assert not asked & held_out


def test_score_is_read_at_the_end_of_the_turn():
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "recipes" / "policies" / "arithmetic")
    row = preferences.test()[0]
    ids = tokenizer.apply_chat_template(row["prompt"] + row["chosen"])["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(
    "row, prompt, response",
    [
        (
            {"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "a"}]},
            [{"role": "user", "content": "q"}],
            "a",
        ),
        ({"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, [{"role": "user", "content": "q"}], "a"),
        ({"prompt": "q", "chosen": "a"}, "q", "a"),
        ({"chosen": "q a"}, None, "q a"),
    ],
)
def test_pairs_of_every_form_that_the_trainer_takes_become_samples(row, prompt, response):
    (sample,) = samples([row], "chosen")
    assert (sample.prompt, sample.response) == (prompt, response)


def test_dataset_without_preferences_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(PreferencesError, match="'chosen' and 'rejected'"):
        load("recipes.arithmetic:test", None, "train")
    with pytest.raises(FileNotFoundError, match="none.jsonl"):
        load(str(tmp_path / "none.jsonl"), None, "train")


def test_scorer_ranks_the_held_out_pairs_as_the_trainer_did(trained):
    _, printed, _ = trained
    ((trainer, scorer),) = re.findall(r"ranked right: ([\d.]+) by the trainer, ([\d.]+) by the scorer", printed)
    assert trainer == scorer


def test_scorer_ranks_plain_text_as_the_trainer_did(tmp_path, monkeypatch, capsys):
    file, rows = tmp_path / "pairs.jsonl", preferences.test().select(range(32))
    text = [{"prompt": row["prompt"][0]["content"], **{side: row[side][0]["content"] for side in ("chosen", "rejected")}} for row in rows]
    file.write_text("\n".join(map(json.dumps, text)))
    options = {"dataset": file, "eval_dataset": file, "output_dir": tmp_path / "rm", "max_steps": 2, "per_device_train_batch_size": 8}
    monkeypatch.setattr(sys, "argv", ["reward_model.py", "--config", str(CONFIG), *flags(options)])
    main()
    ((trainer, scorer),) = re.findall(r"ranked right: ([\d.]+) by the trainer, ([\d.]+) by the scorer", capsys.readouterr().out)
    assert trainer == scorer


def test_adapter_holds_its_head_and_its_tokenizer_and_scores(trained):
    directory, _, _ = trained
    assert (directory / "adapter_model.safetensors").is_file() and (directory / "tokenizer.json").is_file()
    made = scorers.scorer({"reward_model": str(directory)})
    held_out = samples(preferences.test().select(range(4)), "chosen")
    assert len({result.score for result in made.score(held_out, [sample.response for sample in held_out])}) == 4


def test_finished_run_is_not_trained_again(trained, monkeypatch, capsys):
    _, _, options = trained
    monkeypatch.setattr(sys, "argv", ["reward_model.py", "--config", str(CONFIG), *flags(options)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
    assert "holds a finished run of 2 steps" in capsys.readouterr().out


def test_policy_trains_on_it_beside_rules(trained, tmp_path):
    directory, _, _ = trained
    rubric, rows = tmp_path / "rubric.yaml", tmp_path / "rows.jsonl"
    rubric.write_text(RUBRIC.read_text().replace("./runs/arithmetic_reward_model", str(directory)))
    rows.write_text("\n".join(json.dumps(row) for row in arithmetic.test().select(range(8))))
    small = {"max_steps": 1, "logging_steps": 1, "per_device_train_batch_size": 16, "num_generations": 4, "save_strategy": "no"}
    small |= {"per_device_eval_batch_size": 8, "num_generations_eval": 1, "disable_tqdm": True}
    options = {"rubric": rubric, "output_dir": tmp_path / "out", "dataset": rows, "eval_dataset": rows, **small}
    forked.run("recipes/grpo.py", "--config", CONFIGS / "arithmetic.yaml", *flags(options))
    import pandas

    rows = pandas.read_parquet(tmp_path / "out" / "rewards.parquet")
    preferred = rows[rows["reward"] == "preferred"]
    assert len(preferred) >= 16 and preferred["score"].between(0, 1).all()
