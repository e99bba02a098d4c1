"""What the recipes have in common: loading prompts, going on from a checkpoint, and showing how rewards fare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from rich.console import Console
from rich.table import Table
from transformers import ProgressCallback, TrainerState

from rl_rewards.checks import RubricDataError
from rl_rewards.generation import load_prompt, prompt_of
from rl_rewards.tables.datasets import load_dataset

__all__ = ["RewardProgress", "contiguous_head", "evaluate_before_and_after", "last_checkpoint", "load_prompts", "unfinished_checkpoint"]


def load_prompts(name: str, config: str | None, split: str, prompt: str | None = None) -> Dataset:
    """The dataset that an argument names, with its values as they are written.

    Args:
        prompt: a prompt file, as `rl-rewards optimize` writes it, that is put before every row's prompt; these are messages then.

    Raises:
        RubricDataError: when it has no column `prompt`.
        OSError, RubricFileError: when the prompt file cannot be read, or is none.
    """
    put = None if prompt is None else load_prompt(prompt)
    dataset = load_dataset(name, config, split)
    if "prompt" not in dataset.column_names:
        raise RubricDataError(f"dataset {name!r} needs a column 'prompt'; it has {sorted(dataset.column_names)}")
    if put is None:
        return dataset
    asked = [put.apply(prompt_of({"prompt": each})) for each in dataset["prompt"]]
    return dataset.remove_columns("prompt").add_column("prompt", asked)  # pyright: ignore[reportCallIssue] - the other columns stay as they are


def last_checkpoint(output_dir: str) -> Path | None:
    """The newest complete checkpoint. One that a kill cut short has no trainer state, which is written last."""
    complete = [path for path in Path(output_dir).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def unfinished_checkpoint(args: Any) -> Path | None:
    """The checkpoint that a run goes on from: the one that is asked for, else the output directory's newest; None for a new run.

    Raises:
        SystemExit: with status 0, when the run is finished already; transformers would train a step too many.
    """
    named = args.resume_from_checkpoint
    checkpoint = Path(named) if named else last_checkpoint(args.output_dir)
    if checkpoint is None:
        return None
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if state.global_step >= (args.max_steps if args.max_steps > 0 else state.max_steps):
        if args.process_index == 0:
            print(f"{args.output_dir} holds a finished run of {state.global_step} steps; to train anew, remove it or give another --output_dir")
        raise SystemExit(0)
    return checkpoint


class RewardProgress(ProgressCallback):
    """The trainer's progress bar, with the rewards in its log lines instead of all that TRL logs."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        shown = {key.removeprefix("rewards/").removesuffix("/mean"): value for key, value in (logs or {}).items() if _is_reward_mean(key)}
        if self.training_bar is not None and shown:
            numbers = "  ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
            self.training_bar.write(f"step {state.global_step:>5}  {numbers}")


def _is_reward_mean(key: str) -> bool:
    return key == "reward" or (key.startswith("rewards/") and key.endswith("/mean"))


def evaluate_before_and_after(trainer: Any, rewards: Iterable[str], size: int) -> None:
    """Evaluate a trained policy and print each reward's mean beside that of the evaluation before training.

    Args:
        trainer: trained with `eval_on_start`, so that its log has the evaluation before.
        rewards: the rewards' names.
        size: prompts of the evaluation dataset.
    """
    before = next((entry for entry in trainer.state.log_history if "eval_reward" in entry), {})
    after = trainer.evaluate()
    if trainer.is_world_process_zero():
        Console().print(_before_and_after(before, after, rewards, size))


def _before_and_after(before: Mapping[str, float], after: Mapping[str, float], rewards: Iterable[str], size: int) -> Table:
    title = f"Evaluation on {size} held-out prompts"
    table = Table(title=title, title_justify="left", min_width=len(title))
    for heading in ("reward", "before", "after"):
        table.add_column(heading, justify="left" if heading == "reward" else "right")
    for name, key in [*((name, f"eval_rewards/{name}/mean") for name in rewards), ("total", "eval_reward")]:
        # A reward that applied to no prompt of the evaluation has no mean.
        means = ["-" if (mean := metrics.get(key)) is None else f"{mean:.3f}" for metrics in (before, after)]
        table.add_row(name, *means, style="bold" if name == "total" else None)
    return table


def contiguous_head(model: Any) -> None:
    """Let the output layer of a model read contiguous hidden states: the numbers are the same, and LoRA is quicker on a CPU.

    Trainers slice the completion's states off the prompt's. Of such a slice and frozen weights, as LoRA leaves them, torch 2.13 makes a batched
    product, for which a CPU copies the weights once for each row. Forward and backward of SmolLM2-135M (16 rows of 110 tokens, bfloat16, LoRA on
    the upper half) take 6.9 processor seconds in place of 9.7.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(_contiguous)


def _contiguous(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0].contiguous(), *inputs[1:])
