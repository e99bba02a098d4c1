"""What a training run leaves of its rewards: `rewards.parquet`, `rewards.png` and a closing table.

recorder = RunRecorder(args.output_dir, rubric)
trainer = GRPOTrainer(
    model, args=args, train_dataset=dataset,
    reward_funcs=reward_functions(rubric, record=recorder.record), callbacks=[RecordingCallback(recorder)],
)
"""

from rl_rewards.recording.reader import RunRecord, read_record
from rl_rewards.recording.recorder import RecordError, RunRecorder

__all__ = ["RecordError", "RunRecord", "RunRecorder", "read_record"]
