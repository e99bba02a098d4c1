"""What failures of a reward cost a policy: GRPO without failures, with failures left out, and with failures taken for zeros.

    python scripts/bench/failures_learning.py [--share 0.2] [--seeds 3] [--steps 40] [--only KIND SEED]

The embedded arithmetic policy and its rubric, whose reward `correct` (weight 0.6) fails on a share of the rows, drawn by chance. Prints the
accuracy on the held-out questions, each asked twice, sampled, and the mean over seeds with its standard error. One run a process.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ppo_runs import EMBEDDED, RUBRIC, TOKENS, arithmetic, sampled, scored
from transformers import AutoModelForCausalLM, AutoTokenizer

from rl_rewards import EvaluateResult, Outcome, Rubric, load_rubric
from rl_rewards.scorers.base import Scorer, configured

KINDS = {"clean": "without failures", "left out": "failures are left out (on_error: skip)", "zeros": "failures are zeros (on_error: 0)"}


@configured
class Failing(Scorer):
    """Another scorer, behind a server that is down for a share of the rows."""

    of: Any
    share: float

    @property
    def traits(self):
        return dataclasses.replace(self.of.traits, pure=False)

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> list[Any]:
        results = self.of.score(samples, answers)
        for place, result in enumerate(results):
            if CHANCE.random() < self.share:
                results[place] = EvaluateResult.failure(Outcome.ERROR, "the server is down")
        return results


CHANCE = random.Random(0)


def rubric_of(kind: str, share: float) -> Rubric:
    rubric = load_rubric(RUBRIC)
    if kind == "clean":
        return rubric
    correct = rubric["correct"]
    failing = dataclasses.replace(correct, score=Failing(correct.score, share), on_error="skip" if kind == "left out" else 0.0)
    return dataclasses.replace(rubric, rewards=tuple(failing if reward is correct else reward for reward in rubric))


def run(kind: str, seed: int, share: float, steps: int) -> dict[str, float]:
    from trl import GRPOConfig, GRPOTrainer

    CHANCE.seed(seed)
    rubric = rubric_of(kind, share)
    with tempfile.TemporaryDirectory() as folder:
        args = GRPOConfig(
            folder, seed=seed, per_device_train_batch_size=128, num_generations=16, max_steps=steps, max_completion_length=TOKENS, temperature=1.0,
            learning_rate=7e-4, lr_scheduler_type="linear", adam_beta2=0.99, beta=0.0, use_cpu=True, bf16=False, gradient_checkpointing=False,
            report_to="none", save_strategy="no", disable_tqdm=True, logging_steps=steps, reward_weights=rubric.reward_weights,
        )  # fmt: skip
        model, tokenizer = (
            AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype="float32"),
            AutoTokenizer.from_pretrained(EMBEDDED, padding_side="left"),
        )
        trainer = GRPOTrainer(model, rubric.reward_funcs, args, train_dataset=arithmetic.train(), processing_class=tokenizer)
        trainer.train()
    reward, accuracy = scored(load_rubric(RUBRIC), sampled(trainer.model, tokenizer))
    return {"accuracy": accuracy, "reward": reward, "error_rate": trainer.state.log_history[0]["rewards/correct/error_rate"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.2, help="of the rows, on which `correct` fails")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", nargs=2, metavar=("KIND", "SEED"), help="one run, its result as JSON on the last line")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run(options.only[0], int(options.only[1]), options.share, options.steps)))
        return
    print(f"held-out accuracy after {options.steps} steps of 128 completions, `correct` failing on {options.share:.0%} of the rows")
    for kind, title in KINDS.items():
        found = []
        for seed in range(options.seeds):
            command = [sys.executable, __file__, "--share", str(options.share), "--steps", str(options.steps), "--only", kind, str(seed)]
            found.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]))
        accuracies = [result["accuracy"] for result in found]
        error = stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else float("nan")
        seeds = " ".join(f"{accuracy:.3f}" for accuracy in accuracies)
        rate = mean(result["error_rate"] for result in found)
        print(f"  {title:40} {mean(accuracies):.3f} ± {error:.3f}  ({seeds})  failures {rate:.1%}", flush=True)


if __name__ == "__main__":
    main()
