"""The rubric through TRL's own trainers: real generations, real steps, real logs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

import pandas as pd
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.scripts import grpo

from rl_rewards import EvaluateResult, MetricResult, Reward, RewardError, Rubric, reward_function
from rl_rewards.checks import RubricDataError
from rl_rewards.trl import reward_functions
from tests import forked

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "recipes" / "policies" / "arithmetic"

CHAT = Dataset.from_dict(
    {
        "prompt": [[{"role": "user", "content": f"What is {a} + 1?"}] for a in range(8)],
        "answer": [str(a + 1) for a in range(8)],
        "task": ["even", "odd"] * 4,
    }
)
PLAIN = CHAT.remove_columns("prompt").add_column("prompt", [f"What is {a} + 1?" for a in range(8)])


@reward_function
def letters(response: str):
    return EvaluateResult(len(response) / 100, "counted", {"digits": MetricResult(sum(c.isdigit() for c in response) / 10)})


RUBRIC = Rubric(
    (
        Reward("correct", {"string_match": {"equals": "{{references.answer}}"}}, {"tag": "answer"}),
        Reward("odd_only", letters, weight=0.5, when={"task": "odd"}, clip=(0, 0.25)),
        Reward("letters", letters, weight=0),
    )
)
RATES = ("unparsed_rate", "error_rate", "timeout_rate", "skipped_rate", "clipped_rate")
STATISTICS = ("min", "max", "seconds")


def train(output_dir, rubric, dataset=CHAT, config=GRPOConfig, trainer=GRPOTrainer, functions=None, **options):
    settings = {
        "per_device_train_batch_size": 4,
        "num_generations": 2,
        "max_completion_length": 8,
        "max_steps": 2,
        "logging_steps": 1,
        "learning_rate": 1e-4,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "reward_weights": rubric.reward_weights if rubric else None,
        "beta": 0.0,
        **options,
    }
    keywords = {key: settings.pop(key) for key in ("eval_dataset", "rollout_func", "callbacks") if key in settings}
    trainer = trainer(
        model=AutoModelForCausalLM.from_pretrained(POLICY, dtype="float32"),
        processing_class=AutoTokenizer.from_pretrained(POLICY, padding_side="left"),
        reward_funcs=functions or rubric.reward_funcs,
        args=config(output_dir=str(output_dir), **settings),
        train_dataset=dataset,
        **keywords,
    )
    trainer.train()
    return [row for row in trainer.state.log_history if "reward" in row], trainer


def expected_keys(rubric):
    return {f"rewards/{r.name}/{key}" for r in rubric for key in ("mean", "std", *RATES, *STATISTICS)} | {
        "rewards/odd_only/components/digits",
        "rewards/letters/components/digits",
    }


@pytest.mark.parametrize(
    ("dataset", "config", "trainer"),
    [(CHAT, GRPOConfig, GRPOTrainer), (PLAIN, GRPOConfig, GRPOTrainer), (CHAT, RLOOConfig, RLOOTrainer), (PLAIN, RLOOConfig, RLOOTrainer)],
    ids=["GRPO conversational", "GRPO standard", "RLOO conversational", "RLOO standard"],
)
def test_every_key_of_every_reward_is_logged_on_every_step(tmp_path, dataset, config, trainer):
    log, _ = train(tmp_path, RUBRIC, dataset, config, trainer)
    assert len(log) == 2
    for row in log:
        assert expected_keys(RUBRIC) <= set(row)
        assert row["rewards/letters/mean"] > 0 and row["rewards/letters/seconds"] > 0
        assert row["rewards/odd_only/max"] is None or row["rewards/odd_only/max"] <= 0.25
        assert row["rewards/letters/error_rate"] == 0


def test_the_completions_table_holds_what_was_parsed_and_why(tmp_path):
    train(tmp_path, RUBRIC, log_completions=True, num_completions_to_print=1)
    tables = sorted((tmp_path / "completions").glob("*.parquet"))
    assert tables
    table = pd.read_parquet(tables[0])
    assert {"correct", "odd_only", "letters", "rewards/detail"} <= set(table) and not any("/" in name for name in set(table) - {"rewards/detail"})
    assert all("letters: counted" in detail.splitlines() for detail in table["rewards/detail"])
    assert any(line.startswith("correct: ") for detail in table["rewards/detail"] for line in detail.splitlines())


def test_the_tables_of_two_rubrics_do_not_mix(tmp_path):
    @reward_function
    def explained(response):
        return {"score": float(len(response)), "reason": "length"}

    functions = [*Rubric([Reward("alone", letters)]).reward_funcs, explained]
    train(tmp_path, None, functions=functions, log_completions=True, num_completions_to_print=1)
    table = pd.read_parquet(sorted((tmp_path / "completions").glob("*.parquet"))[0])
    assert set(table["alone/detail"]) == {"alone: counted"} and set(table["explained/detail"]) == {"explained: length"}


def test_functions_that_are_given_one_by_one_have_one_table(tmp_path):
    train(tmp_path, None, functions=[Reward("alone", letters), letters], log_completions=True, num_completions_to_print=1)
    table = pd.read_parquet(sorted((tmp_path / "completions").glob("*.parquet"))[0])
    assert set(table["rewards/detail"]) == {"alone: counted\nletters: counted"}


def test_evaluation_batches_are_scored_and_logged_too(tmp_path):
    _, trainer = train(tmp_path, RUBRIC, eval_dataset=CHAT, eval_strategy="steps", eval_steps=2, per_device_eval_batch_size=4)
    rows = [row for row in trainer.state.log_history if "eval_reward" in row]
    assert rows and {f"eval_{key}" for key in expected_keys(RUBRIC)} <= set(rows[0])


def test_the_policy_is_updated_by_the_rewards(tmp_path):
    before = AutoModelForCausalLM.from_pretrained(POLICY, dtype="float32").state_dict()
    _, trainer = train(tmp_path, RUBRIC)
    assert any((before[name] != value).any() for name, value in trainer.model.state_dict().items())


def misbehaving(value):
    """A reward that misbehaves on every other completion."""
    calls = iter(range(10**6))

    @reward_function
    def function(response):
        return value() if next(calls) % 2 else 1.0

    return function


def raises():
    raise RuntimeError("the scorer broke")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (raises, "the scorer broke"),
        (lambda: float("nan"), "a finite number, got nan"),
        (lambda: float("inf"), "a finite number, got inf"),
        (lambda: "1.0", "got '1.0'"),
        (lambda: {"reason": "no score"}, "needs 'score'"),
    ],
    ids=["raises", "NaN", "inf", "a string", "a dict without a score"],
)
def test_a_scorer_that_misbehaves_is_counted_and_training_goes_on(tmp_path, value, reason):
    rubric = Rubric((Reward("good", letters), Reward("bad", misbehaving(value))))
    seen = []
    functions = reward_functions(rubric, lambda batch, result: seen.append(result))
    log, trainer = train(tmp_path, rubric, functions=functions)
    assert [row["rewards/bad/error_rate"] for row in log] == [0.5, 0.5] and log[0]["rewards/bad/mean"] == 1.0
    assert all(row["grad_norm"] == row["grad_norm"] for row in log), "no NaN reaches the gradient"
    assert any(reason in (result.error or "") for result in seen[0].columns["bad"].results)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (reward_function(lambda **kwargs: raises()), "the scorer broke"),
        (reward_function(lambda completions, **kwargs: [1.0], mode="batch"), "returned 1 results for a batch of 4"),
    ],
    ids=["always raises", "too few values"],
)
def test_a_reward_that_fails_on_every_row_stops_the_run_with_its_name(tmp_path, function, reason):
    rubric = Rubric((Reward("good", letters), Reward("bad", function)), error_window=2, error_min_rows=8)
    with pytest.raises(RewardError, match=f"'bad' failed on 8 of 8 rows over the last 2 batches.*{reason}"):
        train(tmp_path, rubric)


def test_weights_that_a_callback_changes_stop_the_run_since_failures_of_a_metric_would_be_trained_on_as_zeros(tmp_path):
    class Changes(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            self.trainer.reward_weights.fill_(1.0)

    class Trainer(GRPOTrainer):
        def __init__(self, **parts):
            super().__init__(**parts)
            changes = Changes()
            changes.trainer = self
            self.add_callback(changes)

    with pytest.raises(RewardError, match=r"reward_weights differ, .*'odd_only' 1 instead of 0.5, 'letters' 1 instead of 0"):
        train(tmp_path, RUBRIC, trainer=Trainer)


def test_a_missing_column_stops_the_run_before_the_first_update(tmp_path):
    steps = []
    rubric = Rubric((Reward("r", {"string_match": {"equals": "{{references.solution}}"}}),))
    functions = reward_functions(rubric, lambda batch, result: steps.append(batch.step))
    with pytest.raises(RubricDataError, match=r"reward 'r' needs 'solution'; it has \['answer', 'prompt', 'task'\]"):
        train(tmp_path, rubric, functions=functions)
    assert steps == []


def test_a_row_without_a_reference_is_an_error_and_never_a_full_score(tmp_path):
    dataset = CHAT.remove_columns("answer").add_column("answer", ["", None, "  ", "", None, "", "", ""])
    rubric = Rubric(
        (Reward("correct", {"string_match": {"equals": "{{references.answer}}"}}, weight=1.0), Reward("letters", letters)), max_error_rate=1.0
    )
    with pytest.raises(RubricDataError, match="reward 'correct'"):
        train(tmp_path, rubric, dataset)


def scripted(*texts):
    """A rollout that says these texts in turn."""

    def rollout(prompts, trainer):
        tokenizer = trainer.processing_class
        said = [texts[i % len(texts)] for i in range(len(prompts))]
        ids = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in said]
        prompt_ids = [tokenizer.apply_chat_template(p, add_generation_prompt=True, return_dict=True)["input_ids"] for p in prompts]
        return {"prompt_ids": prompt_ids, "completion_ids": ids, "logprobs": [[-1.0] * len(one) for one in ids]}

    return rollout


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_empty_and_odd_completions_are_scored_like_any_other(tmp_path, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    seen = []
    functions = reward_functions(RUBRIC, lambda batch, result: seen.extend(zip(result.samples, result.columns["correct"].results)))
    train(tmp_path, RUBRIC, functions=functions, rollout_func=scripted("", "a\x00b", "<answer>" * 50, " " * 60))
    said = {sample.response for sample, _ in seen}
    assert {"", "a\x00b", "<answer>" * 50} <= said
    assert {result.outcome.value for _, result in seen} == {"unparsed"} and {result.score for _, result in seen} == {0.0}


def test_a_lone_reward_and_a_decorated_function_train_too(tmp_path):
    log, _ = train(tmp_path, None, functions=[Reward("alone", letters), letters])
    assert {"rewards/alone/components/digits", "rewards/letters/components/digits"} <= set(log[0])


RANKS = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import test_trainers as t
from rl_rewards import *
import os
rank = int(os.environ["RANK"])

@reward_function
def uneven(response):
    return EvaluateResult(1.0, metrics={{f"only_rank_{{rank}}": 0.5, "both": float(rank)}})

rubric = Rubric((Reward("uneven", uneven), Reward("letters", t.letters)))
log, trainer = t.train({out!r}, rubric, max_steps=2)
assert trainer.accelerator.num_processes == 2
if rank == 0:
    keys = {{k: v for k, v in log[-1].items() if "components" in k}}
    assert keys["rewards/uneven/components/only_rank_0"] == 0.5 and keys["rewards/uneven/components/only_rank_1"] == 0.5, keys
    assert keys["rewards/uneven/components/both"] == 0.5, keys
    Path({out!r}, "done").write_text("two ranks")
"""


@pytest.mark.torchrun
def test_ranks_may_log_different_components(tmp_path):
    script = tmp_path / "ranks.py"
    script.write_text(RANKS.format(root=str(ROOT), tests=str(ROOT / "tests" / "trl"), out=str(tmp_path / "out")))
    forked.run_ranks(2, script)
    assert (tmp_path / "out" / "done").read_text() == "two ranks"


REWARDS_MODULE = """
from rl_rewards import Reward, Rubric, reward_function
rubric = Rubric((
    Reward("correct", {"string_match": {"equals": "{{references.answer}}"}}, {"tag": "answer"}),
    Reward("tags", {"regex_match": {"pattern": "<answer>"}}),
    Reward("metric", {"regex_match": {"pattern": "<think>"}}, weight=0),
))
correct, tags, metric = rubric.reward_funcs
"""


@pytest.mark.slow
@pytest.mark.parametrize(("functions", "refusal"), [("correct, my_rewards.tags", None), ("metric", "'metric' 1 instead of 0")])
def test_trls_own_command_line_takes_reward_functions_by_name_and_trains_on_no_metric(tmp_path, functions, refusal):
    (tmp_path / "my_rewards.py").write_text(REWARDS_MODULE)
    CHAT.to_json(tmp_path / "data.jsonl")
    (tmp_path / "config.yaml").write_text(
        f"""
model_name_or_path: {POLICY}
datasets:
  - path: json
    data_files: {tmp_path / "data.jsonl"}
reward_funcs: [my_rewards.{functions}]
output_dir: {tmp_path / "out"}
max_steps: 1
logging_steps: 1
per_device_train_batch_size: 4
num_generations: 2
max_completion_length: 8
use_cpu: true
bf16: false
gradient_checkpointing: false
report_to: none
save_strategy: "no"
"""
    )
    if refusal is not None:
        result = forked.Run(grpo.__file__, "--config", tmp_path / "config.yaml", directory=tmp_path).finish()  # the script that the command launches
        assert result.returncode != 0 and refusal in result.stderr and "grad_norm" not in result.stdout
        return
    command = [Path(sys.executable).parent / "trl", "grpo", "--config", tmp_path / "config.yaml"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "rewards/correct/unparsed_rate" in result.stdout and "rewards/tags/seconds" in result.stdout
