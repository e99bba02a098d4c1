"""A GRPO run with evaluations, as a script: evaluated_run.py FOLDER; under torchrun in several processes.

Writes `log.json` (the trainer's history) and `rank<N>.jsonl` (each evaluated row as its process scored it).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, EarlyStoppingCallback
from trl import GRPOConfig, GRPOTrainer

from rl_rewards import EvaluateResult, Reward, Rubric, reward_function
from rl_rewards.trl import reward_functions

POLICY = Path(__file__).parents[2] / "recipes" / "policies" / "arithmetic"
GENERATIONS = 4


@reward_function
def even(response: str):
    """Right for an even number of letters, and no score for every seventh length: a failure of ours."""
    return EvaluateResult.failure("error", "cannot be scored") if len(response) % 7 == 3 else EvaluateResult(float(len(response) % 2 == 0))


def rubric() -> Rubric:
    return Rubric(
        [Reward("even", even, on_error="skip"), Reward("correct", {"number_match": "answer"}, weight=0.5)],
        aggregates=[{"pass_at_k": {"reward": "even", "k": [1, 4]}}, {"pass_hat_k": {"reward": "even", "k": 2}}, {"maj_at_k": {"reward": "correct", "k": 4}},
                    {"auc": {"reward": "even", "label": "odd_answer"}}],
    )  # fmt: skip


def prompts(count: int) -> Dataset:
    rows = [{"prompt": [{"role": "user", "content": f"What is {i % 10} + {i // 10}?"}], "answer": str(i % 10 + i // 10), "odd_answer": i % 2 == 1}
            for i in range(count)]  # fmt: skip
    return Dataset.from_list(rows)


def run(folder: Path, prompts_evaluated: int = 7, callbacks: list | None = None, **options: object) -> GRPOTrainer:
    """Train two steps, evaluating before, after each and on demand. Seven prompts of four rows leave the last batch of eight short."""
    rank = int(os.environ.get("RANK", 0))

    def record(context, evaluation):
        if not context.training:
            with open(folder / f"rank{rank}.jsonl", "a") as file:
                file.write(
                    json.dumps(
                        [context.step, [[sample.prompt, score] for sample, score in zip(evaluation.samples, evaluation.columns["even"].scores)]]
                    )
                    + "\n"
                )

    ours = rubric()
    settings = dict(
        per_device_train_batch_size=4, num_generations=2, per_device_eval_batch_size=8, num_generations_eval=GENERATIONS, max_completion_length=8,
        max_steps=2, logging_steps=1, learning_rate=1e-4, save_strategy="no", report_to="none", use_cpu=True, bf16=False, beta=0.0,
        gradient_checkpointing=False, disable_tqdm=True, reward_weights=ours.reward_weights, eval_strategy="steps", eval_steps=1, eval_on_start=True,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(POLICY, dtype="float32"),
        processing_class=AutoTokenizer.from_pretrained(POLICY, padding_side="left"),
        reward_funcs=reward_functions(ours, record=record),
        args=GRPOConfig(output_dir=str(folder), **{**settings, **options}),
        train_dataset=prompts(16),
        eval_dataset=prompts(prompts_evaluated),
        callbacks=callbacks or [EarlyStoppingCallback(3)] * ("metric_for_best_model" in options),
    )
    trainer.train()
    return trainer


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    trainer = run(folder, metric_for_best_model="eval_rewards/even/pass@4", report_to="trackio", project="metrics")
    name = f"log{trainer.accelerator.process_index}.json"
    (folder / name).write_text(json.dumps([trainer.state.log_history, trainer.state.best_metric]))
