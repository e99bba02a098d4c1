"""The trainer's events that the record needs: where training begins, which checkpoints there are, when it is over."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from rl_rewards.checks import check_dataset
from rl_rewards.recording.closing_table import closing_table
from rl_rewards.recording.recorder import RunRecorder
from rl_rewards.recording.scorer_state import load_scorer_state, save_scorer_state
from rl_rewards.trl import check_trainer

logger = logging.getLogger(__name__)


class RecordingCallback(TrainerCallback):
    """Checks rubric, dataset and config before the first step; tells the recorder of checkpoints; at the end, the files and the table."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._over = False

    def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **kwargs: Any) -> None:
        rubric = self._recorder.rubric
        check_dataset(rubric, getattr(train_dataloader, "dataset", None))
        check_trainer(rubric, args, args.world_size)
        self._over = False
        self._recorder.begin(state.global_step, args.process_index, args.world_size)
        if state.global_step:
            load_scorer_state(rubric, _checkpoint(args, state), args.process_index)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        save_scorer_state(self._recorder.rubric, _checkpoint(args, state), args.process_index)
        self._recorder.checkpoint(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._over = True
        self._finish(state, table=True)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._over:  # an evaluation after training belongs to the record too
            self._finish(state, table=False)

    def _finish(self, state: Any, table: bool) -> None:
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
