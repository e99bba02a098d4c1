"""The report's slowest rows: single ones where their time is known, else the batch, and which of the two it is."""

import re

import pytest
from made_records import record, rubric, samples

from rl_rewards import EvaluateResult, Reward, Rubric, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import read_run
from rl_rewards.reporting.sample import sample_rows
from rl_rewards.reporting.slowest import slow_table, slowest


@reward_function(mode="batch")
def together(completions):
    return [1.0] * len(completions)


def run_with(directory, seconds, batch_seconds=0.5, steps=2, rewards=None):
    """A run whose rows took `seconds[step, index]` in the reward `graded`, and whose other reward has no time of rows."""
    made = Rubric(rewards or (rubric()["graded"], Reward("together", together)))
    recorder = RunRecorder(directory, made)
    recorder.begin(0, 0, 1)
    for step in range(1, steps + 1):
        evaluation = made.evaluate(samples(step))
        for column in evaluation.columns.values():
            column.seconds = batch_seconds * step
        for index, result in enumerate(evaluation.columns[made.rewards[0].name].results):
            result.seconds = seconds.get((step, index), 1e-6)
        recorder.record(BatchContext(step, 0, True), evaluation)
    recorder.finish()
    return read_run(directory)


def test_rows_with_a_time_of_their_own_and_batches_of_rewards_without_are_in_one_order(tmp_path):
    run = run_with(tmp_path, {(1, 3): 0.75, (2, 5): 0.125, (2, 0): 2.0})
    found = [(run.row_name(slow.row), run.rewards[slow.reward], slow.seconds, slow.size) for slow in slowest(run)[:5]]
    assert found == [
        ("train/2/0/0", "graded", 2.0, None),
        ("train/2/0/0", "together", 1.0, 12),
        ("train/1/0/3", "graded", 0.75, None),
        ("train/1/0/0", "together", 0.5, 12),
        ("train/2/0/5", "graded", 0.125, None),
    ]


def test_the_table_says_which_time_it_is_and_leads_to_it(tmp_path):
    table = slow_table(run_with(tmp_path, {(2, 5): 2.5}))
    lines = re.findall(r"<tr>(.*?)</tr>", table)[1:]
    plain = [re.sub(r"<[^>]+>", "|", line) for line in lines[:2]]
    assert "step 2, completion 5" in plain[0] and "|the row|" in plain[0] and 'data-value="2.5"' in lines[0]
    assert 'href="#row=train/2/0/5&amp;view=rows"' in lines[0] and "|scored|" in plain[0]
    assert "its batch of 12" in plain[1] and 'href="#step=2&amp;mode=train&amp;sort=-length&amp;view=rows"' in lines[1]


def test_of_several_runs_a_link_names_the_run(tmp_path):
    table = slow_table(run_with(tmp_path, {(1, 1): 2.5}), 2)
    assert "#row=2/train/1/0/1&amp;view=rows" in table and "&amp;run=2&amp;sort" in table


def test_a_row_that_was_not_scored_by_itself_is_not_slow(tmp_path):
    run = run_with(tmp_path, {(step, index): 0.0 for step in (1, 2) for index in range(12)})
    assert {run.rewards[slow.reward] for slow in slowest(run)} == {"together"}


@reward_function
def late(response: str):
    return EvaluateResult.failure("timeout", "too late") if "no" in response else 1.0


def test_a_batchs_timeouts_are_counted(tmp_path):
    rewards = (rubric()["metric"], Reward("late", reward_function(lambda completions: [late(each) for each in completions], mode="batch")))
    run = run_with(tmp_path, {}, rewards=rewards, steps=1)
    [batch] = [slow for slow in slowest(run) if slow.size]
    expected = sum(outcome == "timeout" for outcome in (late(sample.response).outcome for sample in samples(1)))
    assert expected and f"{expected} timeouts" in slow_table(run) and run.rewards[batch.reward] == "late"


def test_nothing_is_shown_without_any_time(tmp_path):
    assert slow_table(run_with(tmp_path, {(1, i): 0.0 for i in range(12)}, batch_seconds=0.0, steps=1)) is None


def test_a_page_that_cannot_hold_all_holds_the_slowest_rows(tmp_path):
    run = run_with(tmp_path, {(4, 6): 3.0, (5, 9): 2.0}, steps=6)
    held = sample_rows(run, int(run.text_size.sum() + 84 * len(run)) // 2)
    assert len(held) < len(run) and {"train/4/0/6", "train/5/0/9"} <= {run.row_name(row) for row in held}


@pytest.mark.parametrize("finish", [True, False])
def test_the_table_of_a_real_run_shows_the_records_seconds(tmp_path, finish):
    run = read_run(record(tmp_path, finish=finish))
    rows = [slow for slow in slowest(run) if slow.size is None]
    assert rows and all(slow.seconds == run.row_seconds[slow.row, slow.reward] for slow in rows)
    assert max(slow.seconds for slow in rows) == run.row_seconds[run.row_seconds > 0].max()
