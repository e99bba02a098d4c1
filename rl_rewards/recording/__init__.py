"""What a training run leaves of its rewards: `rewards.parquet`, `rewards.png` and a closing table. README.md shows how to keep and read it."""

from rl_rewards.recording.reader import RunRecord, read_record
from rl_rewards.recording.recorder import RecordError, RunRecorder

__all__ = ["RecordError", "RunRecord", "RunRecorder", "read_record"]
