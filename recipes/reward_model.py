"""Train a reward model on preferences, and see that it scores as it was trained.

    accelerate launch recipes/reward_model.py --config recipes/configs/arithmetic_reward_model.yaml                # two CPU cores, minutes
    accelerate launch --config_file recipes/accelerate/zero2.yaml recipes/reward_model.py --config ... --use_peft  # many GPUs, LoRA

Run it from the repository's root. A config file holds the arguments below and any field of TRL's RewardConfig and ModelConfig; each can be
given on the command line too, and wins there. A row of the dataset is a pair: `chosen` and `rejected`, with a `prompt` before them or the
prompt within both. Everything about training is TRL's own RewardTrainer. Copy this file and change it.

The output directory then holds the reward model (with LoRA its adapter), for a rubric: `score: {reward_model: ./runs/my_reward_model}`
(trained on plain text: `{model: ..., format: text, append: <the eos token>}`). After training the held-out pairs are scored once more by
that very scorer, which must rank them as the trainer did: a reward model that is read at another token than it was trained at makes rewards
rise while answers get worse. The same command goes on from the last checkpoint where a run was cut short.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))  # `accelerate launch` leaves the working directory out; `recipes.preferences:train` is found through it

from datasets import Dataset
from trl import ModelConfig, RewardConfig, RewardTrainer, get_peft_config, get_quantization_config

from rl_rewards import scorers
from rl_rewards.tables.datasets import load_dataset
from rl_rewards.trl.arguments import check_model, parse_arguments
from rl_rewards.trl.runs import unfinished_checkpoint
from rl_rewards.types import Sample
from rl_rewards.user_errors import UserError, one_line_errors


@dataclass
class RecipeArguments:
    dataset: str = field(metadata={"help": "preferences to train on: id on the hub, .json / .jsonl / .parquet / .csv file, or module:function"})
    dataset_config: str | None = field(default=None, metadata={"help": "configuration of a dataset on the hub"})
    dataset_split: str = field(default="train", metadata={"help": "split of a dataset on the hub"})
    eval_dataset: str | None = field(default=None, metadata={"help": "held-out preferences, named like `dataset`"})
    eval_dataset_split: str = field(default="test", metadata={"help": "split of an evaluation dataset on the hub"})


class PreferencesError(UserError, ValueError):
    """The dataset holds no preferences."""


def load(name: str, config: str | None, split: str) -> Dataset:
    """The preferences that an argument names."""
    dataset = load_dataset(name, config, split)
    if not {"chosen", "rejected"} <= set(dataset.column_names):
        raise PreferencesError(f"dataset {name!r} needs the columns 'chosen' and 'rejected'; it has {sorted(dataset.column_names)}")
    if len(dataset) == 0:
        raise PreferencesError(f"dataset {name!r} is empty: there is nothing to train on")
    return dataset


def samples(pairs: Dataset, side: str) -> list[Sample]:
    """One side of the pairs as the samples that a rubric scores; without a prompt of its own, the last turn is the response."""
    made = []
    for row in pairs:
        said, prompt = row[side], row.get("prompt")
        if prompt is None:
            prompt, said = (said[:-1], said[-1:]) if isinstance(said, list) else (None, said)
        made.append(Sample(prompt, said, said if isinstance(said, str) else said[-1]["content"]))
    return made


def ranked_right(model: str, pairs: Dataset, eos_token: str) -> float:
    """The share of pairs whose chosen response the `reward_model` scorer puts above the rejected one."""
    # The trainer ends plain text with the end-of-sequence token; conversations end as the chat template has it.
    form = {} if isinstance(pairs[0]["chosen"], list) else {"format": "text", "append": eos_token}
    scorer = scorers.scorer({"reward_model": {"model": model, **form}})
    chosen, rejected = (scorer.score(side, [sample.response for sample in side]) for side in (samples(pairs, "chosen"), samples(pairs, "rejected")))
    right = [better.score > worse.score for better, worse in zip(chosen, rejected, strict=True) if None not in (better.score, worse.score)]
    return sum(right) / max(1, len(right))


def main() -> None:
    recipe, args, model = parse_arguments((RecipeArguments, RewardConfig, ModelConfig))
    dataset = load(recipe.dataset, recipe.dataset_config, recipe.dataset_split)
    eval_dataset = None
    if recipe.eval_dataset is not None:
        eval_dataset = load(recipe.eval_dataset, recipe.dataset_config, recipe.eval_dataset_split)
    checkpoint = unfinished_checkpoint(args)

    check_model(model.model_name_or_path, model.model_revision)
    args.model_init_kwargs = {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        **(args.model_init_kwargs or {}),
    }
    model.lora_task_type = "SEQ_CLS"  # saves the new head with the adapter; without its head an adapter scores at random
    trainer = RewardTrainer(
        model=model.model_name_or_path,
        args=args,
        train_dataset=dataset,
        eval_dataset=eval_dataset,
        peft_config=get_peft_config(model),
        quantization_config=get_quantization_config(model),
    )
    if checkpoint is not None:
        trainer.accelerator.print(f"going on from {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.save_model(args.output_dir)
    if eval_dataset is not None:
        accuracy = trainer.evaluate()["eval_accuracy"]
        if trainer.is_world_process_zero():
            by_scorer = ranked_right(args.output_dir, eval_dataset, trainer.processing_class.eos_token)
            print(f"held-out pairs ranked right: {accuracy:.3f} by the trainer, {by_scorer:.3f} by the scorer")
    trainer.accelerator.print(f"the reward model: {args.output_dir}")
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
