"""Train a language model with PPO, a critic beside the policy, on the rewards of a rubric file.

    accelerate launch recipes/ppo.py --config recipes/configs/arithmetic_ppo.yaml                    # two CPU cores, a minute and a half
    accelerate launch --config_file recipes/accelerate/zero2.yaml recipes/ppo.py --config ...        # or fsdp.yaml, zero3.yaml: many GPUs

Run it from the repository's root. A config file holds the arguments below and any field of PPOConfig (TRL's GRPOConfig and the critic's
options) and of TRL's ModelConfig; each can be given on the command line too, and wins there. The recipe is recipes/grpo.py with another
trainer: the reward functions are the same. When PPO, and when not: recipes/ALGORITHMS.md. Copy this file and change it.

The run leaves in its output directory: TRL's checkpoints, the trained model, rewards.parquet (one row per completion per reward),
rewards.png and report.html. The same command goes on from the last checkpoint where a run was cut short.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))  # `accelerate launch` leaves the working directory out; `recipes.arithmetic:train` is found through it

from transformers import ProgressCallback
from trl import ModelConfig, get_peft_config, get_quantization_config

from rl_rewards import RewardError
from rl_rewards.checks import check_dataset
from rl_rewards.deploying.endpoint import load_rewards
from rl_rewards.formats.vertex import spec_arguments
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import write_report_at_end
from rl_rewards.trainers import PPOConfig, PPOTrainer
from rl_rewards.trl import RecordingCallback, check_trainer, reward_functions
from rl_rewards.trl.arguments import check_model, parse_arguments
from rl_rewards.trl.runs import RewardProgress, contiguous_head, evaluate_before_and_after, load_prompts, unfinished_checkpoint
from rl_rewards.user_errors import one_line_errors


@dataclass
class RecipeArguments:
    dataset: str = field(
        metadata={"help": "what is trained on: id on the hub, .json / .jsonl / .parquet / .csv file, or module:function; needs a column `prompt`"}
    )
    rubric: str | None = field(
        default=None,
        metadata={"help": "rubric file: what is rewarded; a ReinforcementTuningSpec of Vertex AI gives defaults of the other arguments, too"},
    )
    reward_endpoint: str | None = field(
        default=None, metadata={"help": "in place of rubric: a deployed evaluation, http://HOST/v1/evaluations/ID of rl-rewards deploy or serve"}
    )
    dataset_config: str | None = field(default=None, metadata={"help": "configuration of a dataset on the hub"})
    dataset_split: str = field(default="train", metadata={"help": "split of a dataset on the hub"})
    eval_dataset: str | None = field(default=None, metadata={"help": "what is evaluated on before and after training, named like `dataset`"})
    eval_dataset_split: str = field(default="test", metadata={"help": "split of an evaluation dataset on the hub"})
    prompt: str | None = field(
        default=None, metadata={"help": "prompt.yaml of `rl-rewards optimize`: system, instructions and examples before every row's prompt"}
    )
    allow_changed_rubric: bool = field(default=False, metadata={"help": "go on with a run that began with another rubric"})
    push_record: bool = field(default=False, metadata={"help": "with push_to_hub: upload the record too, which holds prompts and references"})
    report: bool = field(default=True, metadata={"help": "write report.html beside the record at the end; needs the extra `report`"})


def main() -> None:
    recipe, args, model = parse_arguments((RecipeArguments, PPOConfig, ModelConfig), defaults=spec_arguments)

    # Everything that can be wrong is looked at before the model is loaded.
    rubric = load_rewards(recipe.rubric, recipe.reward_endpoint)
    if args.reward_weights is not None:
        raise RewardError(f"reward_weights are the rubric's: set them in {recipe.rubric or recipe.reward_endpoint}, not in the config")
    args.reward_weights = rubric.reward_weights
    recorder = RunRecorder(args.output_dir, rubric, recipe.allow_changed_rubric, push=recipe.push_record)
    dataset = load_prompts(recipe.dataset, recipe.dataset_config, recipe.dataset_split, recipe.prompt)
    check_dataset(rubric, dataset)
    eval_dataset = None
    if recipe.eval_dataset is not None:
        eval_dataset = load_prompts(recipe.eval_dataset, recipe.dataset_config, recipe.eval_dataset_split, recipe.prompt)
        check_dataset(rubric, eval_dataset)
    check_trainer(rubric, args, args.world_size)
    checkpoint = unfinished_checkpoint(args)
    check_model(model.model_name_or_path, model.model_revision)

    # Within train() and not before it: DeepSpeed and FSDP have the model ready only there. A resumed run has it in its log.
    args.eval_on_start = eval_dataset is not None and checkpoint is None

    args.model_init_kwargs = {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
        **(args.model_init_kwargs or {}),
    }
    trainer = PPOTrainer(
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
    if args.use_cpu:
        contiguous_head(trainer.model)

    if checkpoint is not None:
        trainer.accelerator.print(f"going on from {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    trainer.save_model(args.output_dir)
    if eval_dataset is not None:
        evaluate_before_and_after(trainer, [reward.name for reward in rubric], len(eval_dataset))
    trainer.save_state()  # the log, which the report shows
    trainer.accelerator.print(f"the run's record: {recorder.parquet}, {recorder.plot}")
    if recipe.report and trainer.is_world_process_zero():
        write_report_at_end(recorder.parquet)
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
