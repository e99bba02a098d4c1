"""RunRecorder: keeps every evaluated batch of a training run, through kills and resumes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_rewards.evaluation.context import BatchContext
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.recording.parts import PartWriter, merge, parts_in
from rl_rewards.recording.rows import rows_of
from rl_rewards.rubric import Rubric
from rl_rewards.user_errors import UserError

if TYPE_CHECKING:
    from rl_rewards.recording.summary import RunSummary


class RecordError(UserError, RuntimeError):
    """The record of a run cannot be kept."""


class RunRecorder:
    """Keeps every evaluated batch of a run in its output directory, one row per completion per reward.

    Every process of a run makes one. Its `record` goes to `rl_rewards.trl.reward_functions`, and itself to a
    `rl_rewards.trl.RecordingCallback`, through which the trainer then tells it of checkpoints, and which calls `finish` after the last step.

    Args:
        output_dir: the trainer's output directory, made if missing. Processes on several machines need a common one, as for checkpoints.
        rubric: what is trained on.

    Raises:
        RecordError: when the output directory cannot be written.
    """

    def __init__(self, output_dir: str | os.PathLike[str], rubric: Rubric) -> None:
        self.rubric = rubric
        self.output_dir = Path(output_dir)
        self.parquet = self.output_dir / "rewards.parquet"
        self.plot = self.output_dir / "rewards.png"
        self._parts = self.output_dir / "rewards.parts"
        self._after = 0
        self._begun = False
        self._writer: PartWriter | None = None
        # Step, completions and groups so far, by mode: several batches of a step are counted through.
        self._counted: dict[bool, tuple[int | None, int, int]] = {}
        self._check_writable()

    def _check_writable(self) -> None:
        probe = self._parts / f".writable-{os.getpid()}"
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise RecordError(f"output directory {str(self.output_dir)!r} cannot be written, so nothing of the run could be kept: {error}") from error

    def record(self, batch: BatchContext, result: Evaluation) -> None:
        """Append a batch to the record; it is safe from a kill when this returns."""
        step, index, group = self._counted.get(batch.training, (None, 0, 0))
        if step != batch.step:
            index, group = 0, 0
        if self._writer is None:
            self._writer = PartWriter(self._parts, self._after, batch.rank)
        self._writer.write(rows_of(batch, result, index, group))
        groups = {sample.group for sample in result.samples} - {None}
        self._counted[batch.training] = (batch.step, index + len(result.samples), group + len(groups))

    def begin(self, step: int, rank: int, world_size: int) -> None:
        """Training begins after checkpoint `step`, or anew at 0: drop what was recorded of the steps that are now run (again).

        An evaluation that this process recorded before training begins is kept at 0; a resumed run has it on record already.
        """
        earlier = None if self._writer is None or self._begun else self._writer.path
        keep = earlier if step == 0 else None
        if keep is None:
            self._close()
        for part in parts_in(self._parts):
            # Each process drops its own share, so that none drops what a faster one has begun to write.
            stale = (part.after >= step and part.rank % world_size == rank) or part.path == earlier
            if stale and part.path != keep:
                part.path.unlink()
        self._after, self._begun = step, True
        if step == 0 and rank == 0:
            self.parquet.unlink(missing_ok=True)
            self.plot.unlink(missing_ok=True)

    def checkpoint(self, step: int) -> None:
        """Checkpoint `step` has been saved: what follows goes into a part of its own."""
        self._close()
        self._after = step

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def finish(self) -> RunSummary:
        """Merge the record into `rewards.parquet`, draw `rewards.png`, and say how each reward fared; on one process only.

        May be called at any time, also of a run that was killed: `RunRecorder(output_dir, rubric).finish()`. The parts are kept in
        `rewards.parts`, for a resume; a run that is over for good does not need them.
        """
        from rl_rewards.recording.plot import draw
        from rl_rewards.recording.summary import summarise

        merge(self._parts, self.parquet)
        summary = summarise(self.parquet)
        draw(summary, self.plot)
        return summary

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process writes to a part of its own."""
        return {**self.__dict__, "_writer": None}
