"""No panel is drawn for what has no number: in the report, and in rewards.png."""

import json
import math
import re

import matplotlib.image
import pytest

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import read_run, report_html


@reward_function
def long(response: str):
    return float(len(response))


@reward_function
def held_out(response: str, split: str):
    """Applies to evaluations alone."""
    return EvaluateResult(0.5 * len(response), "", {"half": 0.5}) if split == "test" else EvaluateResult.skip("not held out")


@reward_function
def never(response: str):
    return EvaluateResult.skip("not here")


@reward_function
def broken(response: str):
    raise ValueError("a failure of ours")


def record(directory, *rewards):
    recorder = RunRecorder(directory, Rubric(rewards))
    for step in range(4):
        for training in (True, False):
            texts = ["a", "bb" * step, "c", "ddd"]
            samples = [Sample("p", text, text, {"split": "train" if training else "test"}, group=0) for text in texts]
            recorder.record(BatchContext(step, 0, training), recorder.rubric.evaluate(samples))
    recorder.finish()
    return directory


def figures(directory):
    """Title -> ids of the figures in the page."""
    page = report_html([read_run(directory)])
    (charts,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', page)
    drawn = json.loads(charts)["figures"]
    assert set(re.findall(r'data-figure="(.*?)"', page)) == set(drawn)
    for figure in drawn.values():
        numbers = [values for name, values in figure["points"].items() if name in ("mean", "value", "share")]
        assert any(value is not None for values in numbers for value in values), figure["title"]
    found = {}
    for id, figure in drawn.items():
        found.setdefault(figure["title"], []).append(id.rsplit("-", 1)[0])
    return found


def test_a_metric_of_evaluations_alone_has_its_panel_there_alone(tmp_path):
    drawn = figures(record(tmp_path, Reward("long", long), Reward("held_out", held_out, weight=0.0)))
    assert drawn["held_out"] == ["evaluation"] and drawn["long"] == ["score", "heat", "evaluation"] and "half" not in drawn


def test_a_reward_that_never_applies_has_none(tmp_path):
    assert "never" not in figures(record(tmp_path, Reward("long", long), Reward("never", never, weight=0.0)))


def test_numbers_of_the_trainer_that_cannot_be_drawn_are_said(tmp_path):
    history = [{"step": step, "loss": math.nan if step > 1 else 0.5, "kl": math.inf, "entropy": 1.0} for step in range(4)]
    directory = record(tmp_path, Reward("long", long))
    (directory / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    page = report_html([read_run(directory)])
    notes = re.findall(r'data-figure="trainer-(\d)".*?</div>(?:<p class="note">(.*?)</p>)?', page)
    said = {"loss": "NaN or infinite at 2 steps, the first 2.", "kl": "NaN or infinite at 4 steps, the first 0.", "entropy": ""}
    assert [note for _, note in notes] == list(said.values())


def test_a_reward_that_always_fails_has_what_became_of_its_rows_alone(tmp_path):
    drawn = figures(record(tmp_path, Reward("broken", broken), Reward("long", long, weight=0.0)))
    assert drawn["broken"] == ["outcome"] and "total" not in drawn and "Total by length" not in drawn


@pytest.mark.parametrize(
    ("rewards", "columns"),
    [
        ((Reward("long", long), Reward("again", long)), 3),  # the total, and both
        ((Reward("long", long), Reward("never", never, weight=0.0)), 2),
        ((Reward("long", long), Reward("held_out", held_out, weight=0.0)), 3),  # with its evaluations
        ((Reward("long", long, weight=0.0), Reward("again", long, weight=0.0)), 2),  # there is no total
        ((Reward("long", long), Reward("broken", broken, weight=0.0)), 3),  # with its failures
        ((Reward("never", never),), 1),
    ],
    ids=["two", "never", "held out", "metrics", "broken", "nothing"],
)
def test_the_plot_has_a_panel_for_each_that_has_something_to_show(tmp_path, rewards, columns):
    image = matplotlib.image.imread(record(tmp_path, *rewards) / "rewards.png")
    assert image.shape[1] == round(columns * 3.8 * 150)
