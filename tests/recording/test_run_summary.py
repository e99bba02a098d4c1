"""Summary, plot and closing table of a record whose numbers are known."""

import io
import math

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.recording.closing_table import closing_table
from rl_rewards.types import Outcome


@reward_function
def rising(response: str, step: int):
    """0.0 at step 0, 0.1 more each step; every second response does not parse."""
    if response == "odd":
        return EvaluateResult(0.0, outcome=Outcome.UNPARSED, metrics={"seen": step})
    return EvaluateResult(step / 10, metrics={"seen": step, "missing": None})


@reward_function
def failing(response: str, step: int):
    if step == 5:
        raise OSError("down")
    return None if response == "odd" else 1.0


RUBRIC = Rubric((Reward("rising", rising, weight=2.0), Reward("failing", failing), Reward("watched", rising, weight=0)))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    recorder = RunRecorder(tmp_path_factory.mktemp("run"), RUBRIC)
    for step in range(20):
        samples = [Sample("p", text, text, {}, None, 0, step, i) for i, text in enumerate(["even", "odd"])]
        recorder.record(BatchContext(step, 0, True), RUBRIC.evaluate(samples))
        if step in (0, 10):
            recorder.record(BatchContext(step, 0, False), RUBRIC.evaluate(samples[:1]))
    return recorder


def test_the_summary_is_what_the_scores_were(recorder):
    summary = recorder.finish()
    rewards = {reward.name: reward for reward in summary.rewards}
    assert list(rewards) == ["rising", "failing", "watched"]
    assert list(rewards["rising"].mean.steps) == list(range(20))
    assert np.allclose(rewards["rising"].mean.values, [step / 20 for step in range(20)])
    assert (rewards["rising"].mean.start, rewards["rising"].mean.end) == pytest.approx((0.025, 0.925))
    assert (rewards["rising"].tally.rates()["unparsed_rate"], rewards["rising"].tally.rates()["error_rate"]) == (0.5, 0)
    assert rewards["failing"].tally.rates()["error_rate"] == pytest.approx(2 / 21)  # of the 19 rows that it applied to, and the two that failed
    assert math.isnan(rewards["failing"].mean.values[5]) and rewards["failing"].errors.values[5] == 1
    assert list(rewards["rising"].evaluation.steps) == [0, 10] and list(rewards["rising"].evaluation.values) == [0, 1]
    assert list(rewards["rising"].components) == ["missing", "seen"]
    assert list(rewards["rising"].components["seen"].values) == list(range(20))
    assert np.isnan(rewards["rising"].components["missing"].values).all()


def test_the_total_is_summed_as_trl_sums_it(recorder):
    total = recorder.finish().total.values
    assert total[4] == pytest.approx((2 * 0.4 + 1.0 + 0.0) / 2)
    assert math.isnan(total[5]), "a weighted reward failed on every row: they are unscorable"


def test_the_closing_table_marks_metrics_and_tells_rates(recorder):
    console = Console(width=120, file=io.StringIO())
    console.print(closing_table(recorder.finish()))
    lines = {line.split("│")[1].strip(): line for line in console.file.getvalue().splitlines() if line.startswith("│")}
    assert [cell.strip() for cell in lines["rising"].split("│")[2:-1]] == ["2", "0.025", "0.925", "+0.900", "0.0%", "50.0%"]
    assert "metric" in lines["watched"] and "9.5%" in lines["failing"] and "total" in lines


def test_the_plot_shows_every_reward_and_component(recorder):
    recorder.finish()
    image = matplotlib.image.imread(recorder.plot)
    assert image.shape[1] > 1000 and image[..., :3].min() < 0.3


def test_a_run_of_one_step_and_a_run_of_none_have_a_plot_and_a_table(tmp_path):
    recorder = RunRecorder(tmp_path, RUBRIC)
    empty = recorder.finish()
    assert empty.rewards == [] and recorder.plot.exists()
    samples = [Sample("p", "even", "even", {}, None, 0, 0, 0)]
    recorder.record(BatchContext(0, 0, True), RUBRIC.evaluate(samples))
    summary = recorder.finish()
    assert summary.rewards[0].mean.start == summary.rewards[0].mean.end == 0
    closing_table(summary), closing_table(empty)
