"""Records for the tests, made by a recorder from real rubrics."""

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.types import MetricResult


@reward_function
def graded(response: str):
    """Every outcome, by what the response asks for."""
    if "unsupported" in response:
        raise ValueError("a failure of ours")
    if "skip" in response:
        return EvaluateResult.skip("not for this row")
    return EvaluateResult(0.25 * (len(response) % 5), f"{len(response)} characters", {"letters": MetricResult(float(len(response))), "half": 0.5})


@reward_function
def metric(response: str):
    return float(response.count("a"))


def rubric():
    return Rubric(
        (
            Reward("correct", {"number_match": "answer"}, parse={"tag": "answer"}),
            Reward("graded", graded, weight=0.5),
            Reward("metric", metric, weight=0.0),
        )
    )


RESPONSES = [
    ["<answer>4</answer>", "<answer>5</answer> aa", "four", "<answer>4</answer> and more"],
    ["<answer>4</answer>", "<answer>4</answer>", "skip <answer>4</answer>", "<answer>4</answer>"],
    ["no", "none a", "nothing", "unsupported"],
]


def samples(step, shift=0, prompts=("2 + 2?", "3 + 1?", "1 + 3?")):
    """Three groups of four completions."""
    made = []
    for group, (prompt, responses) in enumerate(zip(prompts, RESPONSES, strict=True)):
        for response in responses:
            text = response + " so" * ((step + shift) % 3)
            made.append(Sample(prompt, text, text, {"answer": "4"}, None, group, step, len(made)))
    return made


def record(directory, steps=4, finish=True, evaluations=(0, 4), rank=0, advantages=True):
    """A run's directory, with trained steps 1 to `steps` and evaluations."""
    recorder = RunRecorder(directory, rubric())
    recorder.begin(0, rank, 1, config={"learning_rate": 1e-6, "seed": 3})
    for step in range(steps + 1):
        if step:
            evaluation = recorder.rubric.evaluate(samples(step))
            recorder.record(BatchContext(step, rank, True), evaluation)
            recorder.know_advantages([float(i - 6) / 4 for i in range(12)] if advantages else None)
        if step in evaluations:
            recorder.record(BatchContext(step, rank, False), recorder.rubric.evaluate(samples(step, shift=1)))
    recorder.checkpoint(steps)
    if finish:
        recorder.finish()
    return directory
