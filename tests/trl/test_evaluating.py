"""A rubric's aggregates in TRL's evaluations: once over all rows of all processes, before early stopping and the best checkpoint read them."""

import json
import os
import sqlite3
from collections import defaultdict

import pytest

pytest.importorskip("trl")

from datasets import Dataset
from transformers import TrainerCallback

from rl_rewards import RewardError
from rl_rewards.trl.evaluating import check_aggregates
from tests import forked
from tests.trl.evaluated_run import GENERATIONS, prompts, rubric, run

PROMPTS = 7


def recomputed(folder, step):
    """pass@4 and mean of reward `even` from the rows as they were scored, without those that fill up the last batches."""
    ranks = []
    for file in sorted(folder.glob("rank*.jsonl")):
        ranks.append([rows for at, rows in map(json.loads, file.read_text().splitlines()) if at == step])
    rows = [row for batches in zip(*ranks) for batch in batches for row in batch][: PROMPTS * GENERATIONS]
    problems = defaultdict(list)
    for prompt, score in rows:
        problems[json.dumps(prompt)].extend([] if score is None else [score])
    full = [scores for scores in problems.values() if len(scores) >= GENERATIONS]
    scores = [score for each in problems.values() for score in each]
    return sum(map(max, full)) / len(full) if full else None, sum(scores) / len(scores)


def check(folder, history):
    evaluations = [entry for entry in history if "eval_runtime" in entry]
    assert [entry["step"] for entry in evaluations] == [0, 1, 2]
    for entry in evaluations:
        best, mean = recomputed(folder, entry["step"])
        assert entry["eval_rewards/even/pass@4"] == (None if best is None else pytest.approx(best, abs=1e-12))
        assert entry["eval_rewards/even/mean"] == pytest.approx(mean, abs=1e-12)
        assert {"eval_rewards/even/pass^2", "eval_rewards/correct/maj@4", "eval_rewards/even/auc"} <= entry.keys()
    return evaluations


@pytest.mark.slow
def test_in_one_process(tmp_path):
    trainer = run(tmp_path, metric_for_best_model="eval_rewards/even/pass@4")
    evaluations = check(tmp_path, trainer.state.log_history)
    assert trainer.state.best_metric == max(entry["eval_rewards/even/pass@4"] for entry in evaluations[1:])  # transformers keeps none of before
    again = trainer.evaluate()
    assert (
        again["eval_rewards/even/pass@4"] is not None
        and trainer.state.log_history[-1]["eval_rewards/even/pass@4"] == again["eval_rewards/even/pass@4"]
    )
    several = trainer.evaluate({"small": prompts(2), "large": prompts(4)})
    assert {"eval_small_rewards/even/pass@4", "eval_large_rewards/even/pass@4"} <= several.keys()


@pytest.mark.torchrun
@pytest.mark.slow
def test_in_two_processes_and_in_a_tracker(tmp_path):
    pytest.importorskip("trackio")
    forked.run_ranks(2, "tests/trl/evaluated_run.py", tmp_path, environment={**os.environ, "TRACKIO_DIR": str(tmp_path)})
    (first, best), (second, other) = (json.loads((tmp_path / f"log{rank}.json").read_text()) for rank in (0, 1))
    here, there = check(tmp_path, first), check(tmp_path, second)
    ours = [key for key in here[0] if "@" in key or "^" in key or key.endswith(("/mean", "/auc"))]
    assert [[entry[key] for key in ours] for entry in here] == [[entry[key] for key in ours] for entry in there] and best == other
    logged = [json.loads(text) for (text,) in sqlite3.connect(tmp_path / "metrics.db").execute("select metrics from metrics")]
    tracked = [entry["eval/rewards/even/pass@4"] for entry in logged if "eval/runtime" in entry]
    assert tracked == [entry["eval_rewards/even/pass@4"] for entry in here]


class Worse(TrainerCallback):
    """Makes the metric fall from one evaluation to the next, in the dict that everyone reads."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "eval_rewards/even/pass@1" in logs:
            logs["eval_rewards/even/pass@1"] = -float(state.global_step)


@pytest.mark.slow
def test_early_stopping_and_the_best_checkpoint_read_them(tmp_path):
    from transformers import EarlyStoppingCallback

    options = {"metric_for_best_model": "eval_rewards/even/pass@1", "load_best_model_at_end": True, "save_strategy": "steps", "save_steps": 1,
               "max_steps": 6, "eval_on_start": False, "num_generations_eval": 1, "per_device_eval_batch_size": 4}  # fmt: skip
    trainer = run(tmp_path, callbacks=[EarlyStoppingCallback(2), Worse()], **options)
    assert trainer.state.global_step == 3  # the best at step 1, then two that are worse
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-1")
    # k = 4 has no number with one completion to a prompt, which is None in the log and stops nothing.
    assert all(entry["eval_rewards/even/pass@4"] is None for entry in trainer.state.log_history if "eval_runtime" in entry)


class Trainer:
    """As much of a trainer as is checked."""

    def __init__(self, best, greater=True, generations=4):
        self.num_generations_eval, self.eval_dataset = generations, Dataset.from_dict({"prompt": ["q"]})
        self.args = type("Args", (), {"metric_for_best_model": best, "greater_is_better": greater})


@pytest.mark.parametrize("best", [None, "eval_loss", "eval_reward", "eval_rewards/even/mean", "rewards/even/pass@4", "eval_rewards/even/std",
                                  "eval_small_rewards/even/pass@4", "eval_rewards/even/error_rate", "eval_rewards/even/components/pass"])  # fmt: skip
def test_a_metric_of_the_evaluation_may_choose_the_best_model(best):
    check_aggregates(rubric(), Trainer(best))


@pytest.mark.parametrize(
    ("best", "greater", "generations", "message"),
    [
        ("eval_rewards/even/pass@5", True, 4, "did you mean 'eval_rewards/even/pass@4'?"),
        ("eval_rewards/evn/pass@4", True, 4, "did you mean 'eval_rewards/even/pass@4'?"),
        ("eval_rewards/even/pass@4", False, 4, "greater_is_better must be True"),
        ("eval_rewards/even/pass@4", True, 2, "needs as many completions to a prompt, got num_generations_eval 2"),
        ("rewards/even/pass@1-pass^1", True, 4, "greater_is_better must be False"),
        ("rewards/even/mixed", True, 4, "of which more or less is better"),
    ],
)
def test_a_best_model_that_is_chosen_by_nothing_or_the_wrong_way_round_is_refused(best, greater, generations, message):
    import dataclasses

    ours = dataclasses.replace(rubric(), aggregates=[*rubric().aggregates, {"gap_at_k": "even"}, {"solved": "even"}])
    with pytest.raises(RewardError) as raised:
        check_aggregates(ours, Trainer(best, greater, generations))
    assert message in str(raised.value)
