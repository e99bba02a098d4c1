"""Train a language model with RLOO, each completion's siblings as its baseline, on the rewards of a rubric file.

    accelerate launch recipes/rloo.py --config recipes/configs/arithmetic_rloo.yaml                  # two CPU cores, over a minute
    accelerate launch --config_file recipes/accelerate/zero2.yaml recipes/rloo.py --config ...       # or fsdp.yaml, zero3.yaml: many GPUs

Run it from the repository's root. A config file holds the arguments below and any field of TRL's RLOOConfig and ModelConfig; each can be
given on the command line too, and wins there. The recipe is recipes/grpo.py with another trainer: the reward functions are the same. When
RLOO, and when not: recipes/ALGORITHMS.md. Copy this file and change it.

The run leaves in its output directory: TRL's checkpoints, the trained model, rewards.parquet (one row per completion per reward) and
rewards.png. The same command goes on from the last checkpoint where a run was cut short.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))  # `accelerate launch` leaves the working directory out; `recipes.arithmetic:train` is found through it

from datasets import Dataset
from rich.console import Console
from rich.table import Table
from transformers import ProgressCallback, TrainerState
from trl import ModelConfig, RLOOConfig, RLOOTrainer, get_peft_config, get_quantization_config

from rl_rewards import RewardError, Rubric, load_rubric
from rl_rewards.checks import RubricDataError, check_dataset
from rl_rewards.recording import RunRecorder
from rl_rewards.tables.datasets import load_dataset
from rl_rewards.trl import RecordingCallback, check_trainer, reward_functions
from rl_rewards.trl.arguments import check_model, parse_arguments
from rl_rewards.user_errors import one_line_errors


@dataclass
class RecipeArguments:
    rubric: str = field(metadata={"help": "rubric file: what is rewarded"})
    dataset: str = field(
        metadata={"help": "what is trained on: id on the hub, .json / .jsonl / .parquet / .csv file, or module:function; needs a column `prompt`"}
    )
    dataset_config: str | None = field(default=None, metadata={"help": "configuration of a dataset on the hub"})
    dataset_split: str = field(default="train", metadata={"help": "split of a dataset on the hub"})
    eval_dataset: str | None = field(default=None, metadata={"help": "what is evaluated on before and after training, named like `dataset`"})
    eval_dataset_split: str = field(default="test", metadata={"help": "split of an evaluation dataset on the hub"})
    allow_changed_rubric: bool = field(default=False, metadata={"help": "go on with a run that began with another rubric"})
    push_record: bool = field(default=False, metadata={"help": "with push_to_hub: upload the record too, which holds prompts and references"})


def load(name: str, config: str | None, split: str) -> Dataset:
    """The dataset that an argument names, with its values as they are written."""
    dataset = load_dataset(name, config, split)
    if "prompt" not in dataset.column_names:
        raise RubricDataError(f"dataset {name!r} needs a column 'prompt'; it has {sorted(dataset.column_names)}")
    return dataset


def last_checkpoint(output_dir: str) -> Path | None:
    """The newest complete checkpoint. One that a kill cut short has no trainer state, which is written last."""
    complete = [path for path in Path(output_dir).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


class RewardProgress(ProgressCallback):
    """The trainer's progress bar, with the rewards in its log lines instead of all that TRL logs."""

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:
        shown = {key.removeprefix("rewards/").removesuffix("/mean"): value for key, value in (logs or {}).items() if is_reward_mean(key)}
        if self.training_bar is not None and shown:
            numbers = "  ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
            self.training_bar.write(f"step {state.global_step:>5}  {numbers}")


def is_reward_mean(key: str) -> bool:
    return key == "reward" or (key.startswith("rewards/") and key.endswith("/mean"))


def before_and_after(before: dict[str, float], after: dict[str, float], rubric: Rubric, size: int) -> Table:
    title = f"Evaluation on {size} held-out prompts"
    table = Table(title=title, title_justify="left", min_width=len(title))
    for heading in ("reward", "before", "after"):
        table.add_column(heading, justify="left" if heading == "reward" else "right")
    for name, key in [*((reward.name, f"eval_rewards/{reward.name}/mean") for reward in rubric), ("total", "eval_reward")]:
        # A reward that applied to no prompt of the evaluation has no mean.
        means = ["-" if (mean := metrics.get(key)) is None else f"{mean:.3f}" for metrics in (before, after)]
        table.add_row(name, *means, style="bold" if name == "total" else None)
    return table


def main() -> None:
    recipe, args, model = parse_arguments((RecipeArguments, RLOOConfig, ModelConfig))

    # Everything that can be wrong is looked at before the model is loaded.
    rubric = load_rubric(recipe.rubric)
    if args.reward_weights is not None:
        raise RewardError(f"reward_weights are the rubric's: set them in {recipe.rubric}, not in the config")
    args.reward_weights = rubric.reward_weights
    recorder = RunRecorder(args.output_dir, rubric, recipe.allow_changed_rubric, push=recipe.push_record)
    dataset = load(recipe.dataset, recipe.dataset_config, recipe.dataset_split)
    check_dataset(rubric, dataset)
    eval_dataset = None
    if recipe.eval_dataset is not None:
        eval_dataset = load(recipe.eval_dataset, recipe.dataset_config, recipe.eval_dataset_split)
        check_dataset(rubric, eval_dataset)
    check_trainer(rubric, args, args.world_size)
    checkpoint = args.resume_from_checkpoint or last_checkpoint(args.output_dir)
    if checkpoint is not None:
        state = TrainerState.load_from_json(str(Path(checkpoint, "trainer_state.json")))
        if state.global_step >= (args.max_steps if args.max_steps > 0 else state.max_steps):
            if args.process_index == 0:
                print(f"{args.output_dir} holds a finished run of {state.global_step} steps; to train anew, remove it or give another --output_dir")
            return

    check_model(model.model_name_or_path, model.model_revision)

    # Within train() and not before it: DeepSpeed and FSDP have the model ready only there. A resumed run has it in its log.
    args.eval_on_start = eval_dataset is not None and checkpoint is None

    args.model_init_kwargs = {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        **(args.model_init_kwargs or {}),
    }
    trainer = RLOOTrainer(
        model=model.model_name_or_path,
        reward_funcs=reward_functions(rubric, record=recorder.record),
        args=args,
        train_dataset=dataset,
        eval_dataset=eval_dataset,
        peft_config=get_peft_config(model),
        quantization_config=get_quantization_config(model),
        callbacks=[RecordingCallback(recorder)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(RewardProgress)

    if checkpoint is not None:
        trainer.accelerator.print(f"going on from {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.save_model(args.output_dir)
    if eval_dataset is not None:
        before = next((entry for entry in trainer.state.log_history if "eval_reward" in entry), {})
        after = trainer.evaluate()
        if trainer.is_world_process_zero():
            Console().print(before_and_after(before, after, rubric, len(eval_dataset)))
    trainer.accelerator.print(f"the run's record: {recorder.parquet}, {recorder.plot}")
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
