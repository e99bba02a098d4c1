"""A run of a reward that fails on half of the rows, with both trackers: alerting_run.py OUTPUT_DIR MAX_STEPS."""

from __future__ import annotations

import sys

from rl_rewards import Reward, Rubric, reward_function
from tests.recording.tiny_run import CountedLetters, trainer


@reward_function
def moody(response: str, answer: str) -> float:
    if int(answer) % 2:
        raise OSError("the judge is away")
    return float(len(response))


if __name__ == "__main__":
    rubric = Rubric((Reward("letters", CountedLetters(), weight=0.0), Reward("moody", moody)))
    run = trainer(
        sys.argv[1],
        rubric,
        report_to=["wandb", "trackio"],
        run_name="alerts",
        per_device_train_batch_size=8,
        max_steps=int(sys.argv[2]),
        save_strategy="no",
        eval_strategy="no",
    )
    run.train()
