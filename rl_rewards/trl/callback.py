"""A trainer's events: checks before the first step, and what the record of a run needs."""

from __future__ import annotations

import logging
import sys
import weakref
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from rl_rewards.checks import check_dataset
from rl_rewards.recording.closing_table import closing_table
from rl_rewards.recording.recorder import RunRecorder
from rl_rewards.recording.scorer_state import load_scorer_state, save_scorer_state
from rl_rewards.trl.alerts import alert, trainer_numbers
from rl_rewards.trl.checks import check_config, check_run
from rl_rewards.trl.left_out import leave_out_of_loss
from rl_rewards.trl.positions import use_generation_positions

__all__ = ["RecordingCallback"]

logger = logging.getLogger(__name__)


class RecordingCallback(TrainerCallback):
    """Checks rubric, datasets and configuration before the first step, reports checkpoints to the recorder, and prints the closing table.

    Warnings about the run (`rl_rewards.recording.warnings`) are raised while it goes on, each once: in the log of `rl_rewards.trl.alerts`,
    and as alerts of W&B and trackio where the trainer reports to them.

    A policy with learned positions (GPT-2) is given those of generation, which TRL leaves out: `use_generation_positions`. Rows without a score
    are left out of the loss of GRPOTrainer and RLOOTrainer, which would count their tokens.

    `callbacks=[RecordingCallback(recorder)]` of a trainer whose functions are `reward_functions(rubric, record=recorder.record)`.

    Args:
        recorder: this process's recorder.

    Raises:
        RewardError: as training begins, when weights are not the rubric's, two functions have one name, or batches split groups.
        RubricDataError: likewise, when columns are missing, or no reward handles a row.
        RecordError: likewise, when the run began with another rubric.
    """

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._over = False
        self._found: weakref.ref[Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **kwargs: Any) -> None:
        rubric = self._recorder.rubric
        trainer = self._trainer()
        if trainer is not None:
            use_generation_positions(trainer)
            leave_out_of_loss(trainer)
            check_run(rubric, trainer)
        else:
            check_dataset(rubric, getattr(train_dataloader, "dataset", None))
            check_config(rubric, args, args.world_size)
        self._over = False
        self._recorder.begin(
            state.global_step, args.process_index, args.world_size, state.max_steps, args.to_sanitized_dict(), pushed=args.push_to_hub
        )
        if state.global_step:
            load_scorer_state(rubric, _checkpoint(args, state), args.process_index)

    def _trainer(self) -> Any:
        """The trainer whose event this is; transformers passes a callback everything but that. None where none is found."""
        if self._found is not None and (trainer := self._found()) is not None:
            return trainer
        frame = sys._getframe(1)
        while frame is not None:
            caller = frame.f_locals.get("self")
            if self in getattr(getattr(caller, "callback_handler", None), "callbacks", ()):
                self._found = weakref.ref(caller)
                return caller
            frame = frame.f_back
        return None

    def _know_advantages(self, args: Any) -> None:
        """Give the recorder the advantages of the batch that was scored last, as far as TRL logs them for all processes together."""
        trainer = self._trainer()
        logged, size = getattr(trainer, "_logs", {}).get("advantages"), self._recorder.pending_size
        if not size:
            return
        known = list(logged)[-size * args.world_size :] if logged is not None and len(logged) >= size * args.world_size else None
        self._recorder.know_advantages(None if known is None else known[size * args.process_index : size * (args.process_index + 1)])

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._know_advantages(args)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._know_advantages(args)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._know_advantages(args)
        self._warn(args, state, final=state.global_step >= state.max_steps)  # trackers may be closed when the end of training is announced

    def _warn(self, args: Any, state: Any, final: bool = False) -> None:
        """Raise what is new to warn of; each warning is raised once in a run."""
        if state.is_world_process_zero:
            for warning in self._recorder.new_warnings(trainer_numbers(state.log_history), final):
                alert(warning, args.report_to)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._know_advantages(args)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        save_scorer_state(self._recorder.rubric, _checkpoint(args, state), args.process_index)
        self._recorder.checkpoint(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._over = True
        self._finish(args, state, table=True)
        self._warn(args, state, final=True)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._know_advantages(args)
        if self._over:  # an evaluation after training belongs to the record too
            self._finish(args, state, table=False)

    def _finish(self, args: Any, state: Any, table: bool) -> None:
        self._know_advantages(args)
        self._recorder.flush()
        if (accelerator := getattr(self._trainer(), "accelerator", None)) is not None:
            accelerator.wait_for_everyone()  # until every process has written its part
        if not state.is_world_process_zero:
            return
        try:
            summary = self._recorder.finish()
        except Exception:
            # The trained model is still to be saved by the caller; the parts are all there, and can be merged later.
            logger.exception("the record of the run could not be finished; it is kept in parts beside %s", self._recorder.parquet)
            return
        if table:
            Console().print("", closing_table(summary))  # the empty line ends that of a progress bar


def _checkpoint(args: Any, state: Any) -> Path:
    """The checkpoint of this step: the one that is resumed from where its path says so, else the output directory's."""
    resumed = args.resume_from_checkpoint
    name = f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
    if isinstance(resumed, str) and Path(resumed).name == name:
        return Path(resumed)
    return Path(args.output_dir) / name
