"""RunRecorder: keeps every evaluated batch of a training run, through kills and resumes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rl_rewards.evaluation.context import BatchContext
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.recording.parts import PartWriter, merge, parts_in
from rl_rewards.recording.provenance import difference, metadata_of, read_rubric, rubric_text, write_rubric
from rl_rewards.recording.rows import rows_of
from rl_rewards.recording.warnings import LiveWarnings, RunWarning
from rl_rewards.rubric import Rubric
from rl_rewards.user_errors import UserError

if TYPE_CHECKING:
    from rl_rewards.recording.summary import RunSummary


__all__ = ["RecordError", "RunRecorder"]

logger = logging.getLogger(__name__)


class RecordError(UserError, RuntimeError):
    """The record of a run cannot be kept."""


class RunRecorder:
    """Keeps every evaluated batch of a run in its output directory, one row per completion per reward.

    Every process of a run makes one. Its `record` goes to `rl_rewards.trl.reward_functions`, and itself to a
    `rl_rewards.trl.RecordingCallback`, through which the trainer reports checkpoints to it, and which calls `finish` after the last step.
    The run's rubric is kept beside the record, as `rubric.yaml`.

    Args:
        output_dir: the trainer's output directory, made if missing. Processes on several machines need a common one, as for checkpoints.
        rubric: what is trained on.
        allow_changed_rubric: whether a run may go on with another rubric than it began with.
        push: whether the record goes along when the trainer pushes its output directory to a hub; by default it is kept in a folder that
            is not uploaded, `_rewards`, since it holds the dataset's prompts and references.

    Raises:
        RecordError: when the output directory cannot be written.

    Example:
        recorder = RunRecorder(args.output_dir, rubric)
        trainer = GRPOTrainer(
            model, args=args, train_dataset=dataset,
            reward_funcs=reward_functions(rubric, record=recorder.record), callbacks=[RecordingCallback(recorder)],
        )
    """

    def __init__(self, output_dir: str | os.PathLike[str], rubric: Rubric, allow_changed_rubric: bool = False, push: bool = False) -> None:
        self.rubric = rubric
        self.output_dir = Path(output_dir)
        self.allow_changed_rubric = allow_changed_rubric
        self.push = push
        self._folder = self.output_dir
        # transformers uploads nothing that begins with an underscore.
        self._parts = self.output_dir / "_rewards.parts"
        self._after = 0
        self._begun = False
        self._max_steps: int | None = None
        self._config: dict[str, Any] = {}
        self._writer: PartWriter | None = None
        self._recorded = False
        # The last batch, until its advantages are known.
        self._pending: _Pending | None = None
        self._is_copy = False
        # Made as training begins, on the process that warns.
        self._warnings: LiveWarnings | None = None
        # Step, completions and groups so far, by mode: several batches of a step are counted through.
        self._counted: dict[bool, tuple[int | None, int, int]] = {}
        self._check_writable()

    @property
    def parquet(self) -> Path:
        """The record."""
        return self._folder / "rewards.parquet"

    @property
    def plot(self) -> Path:
        """The plot of the record."""
        return self._folder / "rewards.png"

    @property
    def kept_rubric(self) -> Path:
        """The run's rubric."""
        return self._folder / "rubric.yaml"

    def _check_writable(self) -> None:
        probe = self._parts / f".writable-{os.getpid()}"
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise RecordError(f"output directory {str(self.output_dir)!r} cannot be written, so nothing of the run could be kept: {error}") from error

    def record(self, batch: BatchContext, result: Evaluation) -> None:
        """Append a batch to the record. It is written with the next event of the trainer, when its advantages are known, or the next batch.

        A step past the run's last one, which transformers runs where a finished run is resumed, is not part of the run.
        """
        self.flush()
        if batch.training and self._max_steps is not None and batch.step is not None and batch.step > self._max_steps:
            logger.warning("step %d is past max_steps %d and is left out of the record", batch.step, self._max_steps)
            return
        self._pending = _Pending(batch, result)
        if self._is_copy:
            self.flush()

    @property
    def pending_size(self) -> int:
        """How many completions wait for their advantages."""
        return 0 if self._pending is None else len(self._pending.evaluation.samples)

    def know_advantages(self, advantages: Sequence[float] | None) -> None:
        """Write the last batch with the N advantages that the trainer made of it; None where it does not say."""
        self.flush(advantages)

    def flush(self, advantages: Sequence[float] | None = None) -> None:
        """Write the last batch; it is safe from a kill when this returns."""
        if self._pending is None:
            return
        batch, result = self._pending.context, self._pending.evaluation
        self._pending = None
        step, index, group = self._counted.get(batch.training, (None, 0, 0))
        if step != batch.step:
            index, group = 0, 0
        if self._writer is not None and not self._writer.exists:
            logger.error("the record's parts in %s were removed while the run goes on: what they held is lost", self._parts)
            self._close()
        if self._writer is None:
            self._writer = PartWriter(self._parts, self._after, batch.rank)
        known = advantages if advantages is not None and len(advantages) == len(result.samples) else None
        rows = rows_of(batch, result, index, group, known)
        self._writer.write(rows)
        if self._warnings is not None and batch.training:
            self._count_for_warnings(rows)
        self._recorded = True
        groups = {sample.group for sample in result.samples} - {None}
        self._counted[batch.training] = (batch.step, index + len(result.samples), group + len(groups))

    def _count_for_warnings(self, rows: pa.RecordBatch) -> None:
        try:
            if self._warnings is not None:
                self._warnings.add(rows)
        except Exception:  # the run and its record go on without them
            logger.exception("the run is not watched for warnings any more")
            self._warnings = None

    def new_warnings(self, log: Mapping[str, Any] | None = None, final: bool = False) -> list[RunWarning]:
        """What is to be warned of and was not before, from this process's rows; always nothing on processes other than the first.

        Args:
            log: the trainer's own numbers, such as `kl` and `entropy`: name -> (steps, values).
            final: whether the run is over.
        """
        if self._warnings is None:
            return []
        try:
            return self._warnings.new(log, final)
        except Exception:
            logger.exception("the run is not watched for warnings any more")
            self._warnings = None
            return []

    def begin(
        self,
        step: int,
        rank: int,
        world_size: int,
        max_steps: int | None = None,
        config: Mapping[str, Any] | None = None,
        pushed: bool = False,
    ) -> None:
        """Training begins after checkpoint `step`, or anew at 0: drop what was recorded of the steps that are now run (again).

        An evaluation that this process recorded before training begins is kept at 0; a resumed run has it on record already.

        Args:
            step: optimiser steps taken.
            rank, world_size: this process, and how many there are.
            max_steps: the run's last step.
            config: the trainer's configuration, kept with the record.
            pushed: whether the trainer uploads its output directory.

        Raises:
            RecordError: when the run began with another rubric, and that is not allowed; the message has the lines that differ.
        """
        self.flush()
        if pushed and not self.push:
            self._folder = self.output_dir / "_rewards"
            self._folder.mkdir(exist_ok=True)
        self._check_rubric(step)
        self._max_steps, self._config = max_steps, dict(config or {})
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
        if rank == 0:
            if step == 0:
                self.parquet.unlink(missing_ok=True)
                self.plot.unlink(missing_ok=True)
            write_rubric(rubric_text(self.rubric, self._folder), self.kept_rubric)
            self._warnings = self._new_warnings()

    def _new_warnings(self) -> LiveWarnings | None:
        limit = self._config.get("max_completion_length")
        earlier = (rows for part in parts_in(self._parts) if part.rank == 0 for rows in part.batches())
        try:
            return LiveWarnings(limit if isinstance(limit, int) else None, self._max_steps, earlier)
        except Exception:  # a part of an earlier version, say
            logger.exception("the run is not watched for warnings")
            return None

    def _check_rubric(self, step: int) -> None:
        before = read_rubric(self.kept_rubric) if step else None
        if before is None or self.allow_changed_rubric:
            return
        if changed := difference(before, rubric_text(self.rubric, self._folder)):
            raise RecordError(
                f"the run in {self.output_dir} began with another rubric ({self.kept_rubric}); go on with that one, give another output "
                f"directory, or allow the change (--allow_changed_rubric true, RunRecorder(..., allow_changed_rubric=True)):\n{changed}"
            )

    def checkpoint(self, step: int) -> None:
        """Checkpoint `step` has been saved: what follows goes into a part of its own."""
        self.flush()
        self._close()
        self._after = step

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def finish(self) -> RunSummary:
        """Merge the record into `rewards.parquet`, draw `rewards.png`, and say how each reward fared; on one process only.

        May be called at any time, also of a run that was killed: `RunRecorder(output_dir, rubric).finish()`. The parts are kept in
        `_rewards.parts`, for a resume; a run that is over for good does not need them.

        Raises:
            RecordError: when batches were recorded and none is left.
        """
        from rl_rewards.recording.plot import draw
        from rl_rewards.recording.summary import summarise

        self.flush()
        rows = merge(self._parts, self.parquet, metadata_of(self.rubric, rubric_text(self.rubric, self._folder), self._config))
        if self._recorded and not rows:
            raise RecordError(f"the run's record was removed from {self._parts} while the run went on; nothing of it is left")
        summary = summarise(self.parquet)
        draw(summary, self.plot)
        return summary

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process writes to a part of its own, and at once: no trainer gives it advantages, or of the end."""
        return {**self.__dict__, "_writer": None, "_pending": None, "_is_copy": True, "_warnings": None}


class _Pending(NamedTuple):
    """A batch that waits for its advantages."""

    context: BatchContext
    evaluation: Evaluation
