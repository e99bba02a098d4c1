"""How many responses an audit tries depends on the rubric, not on how busy the machine is."""

import asyncio
import re
import subprocess
import sys
import time
import urllib.request

import pytest

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.auditing import audit, cost
from rl_rewards.auditing.audit import subject_of
from rl_rewards.auditing.cost import Spending, Spent, is_known_costly

ROWS = [{"prompt": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in [(12, 30), (7, 44), (25, 61), (9, 18)]]


@pytest.mark.parametrize(
    ("batches", "costly"),
    [
        ([], False),
        ([(0.001, 0.001, 0)], False),
        ([(0.030, 0.030, 0)], True),
        ([(0.030, 0.001, 1)], True),
        ([(0.015, 0.001, 1)], False),
        ([(0.030, 0.00005, 0.004)], True),
        ([(5.0, 0.015, 0.1), (0.3, 0.015, 0)], False),
        ([(3.0, 2.0, 40), (0.001, 0.0005, 0)], False),
        ([(0.9, 0.031, 0), (0.4, 0.030, 0)], True),
    ],
    ids=["nothing", "quick", "computes", "waits for each", "waits a little", "waits for all", "computes on a busy machine", "loads at first", "computes long on a busy machine"],
)  # fmt: skip
def test_what_a_response_costs_is_known_from_the_quickest_batches_and_from_processor_time(batches, costly):
    spending = Spending()
    for batch in batches:
        spending.add(Spent(*(8 * part for part in batch)), 8)
    assert spending.is_costly == costly


def test_processor_time_is_that_of_processes_as_well_and_a_wait_is_counted():
    begun = Spent.now()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    spent = Spent.now().since(begun)
    assert spent.processor > 0.001 and spent.waits >= 1


def last_number(completions, answer, **columns):
    found = [re.findall(r"-?\d+", text) for text in completions]
    return [float(bool(numbers) and numbers[-1] == gold) for numbers, gold in zip(found, answer)]


def run_by_a_process(completions, answer, **columns):
    return [float(subprocess.run(["true"], timeout=5).returncode == 0 and text == gold) for text, gold in zip(completions, answer)]


def asks_a_server(completions, **columns):
    return [float(urllib.request.urlopen("http://127.0.0.1:9/").read()) for _ in completions]


def waits(completions, **columns):
    time.sleep(1)
    return [1.0 for _ in completions]


async def waits_aside(completions, **columns):
    await asyncio.sleep(1)
    return [1.0 for _ in completions]


@pytest.mark.parametrize(
    ("score", "costly"),
    [
        ({"string_match": "answer"}, False),
        ({"math_verify": "answer"}, False),
        ({"python_tests": "answer"}, True),
        (reward_function(last_number, mode="batch"), False),
        (reward_function(run_by_a_process, mode="batch"), True),
        (reward_function(asks_a_server, mode="batch"), True),
        (reward_function(waits, mode="batch"), True),
        (reward_function(waits_aside, mode="batch"), False),
        ({"http": {"url": "http://127.0.0.1:9/score"}}, True),
    ],
    ids=["texts", "expressions", "programs", "code", "code that starts programs", "code that asks a server", "code that waits", "code that waits for all at once", "a server"],
)  # fmt: skip
def test_what_asks_a_server_or_starts_a_program_is_costly_however_quick_it_is(score, costly):
    subject = subject_of(Rubric((Reward("right", score),)), ROWS)
    assert is_known_costly(subject.rubric, subject.codes) == costly


@pytest.mark.parametrize("score", [reward_function(last_number, mode="batch"), {"string_match": "answer"}], ids=["code", "a scorer of ours"])
def test_a_machine_on_which_everything_takes_longer_changes_nothing_but_the_speed(score, monkeypatch):
    rubric = Rubric((Reward("right", score),))
    alone = audit(rubric, ROWS)
    clock = time.perf_counter
    monkeypatch.setattr(cost.time, "perf_counter", lambda: 20 * clock())
    busy = audit(rubric, ROWS)
    assert busy.findings == alone.findings
    assert busy.facts["speed"]["completions"] == alone.facts["speed"]["completions"]


class FailsOnce:
    """A reward that fails on a response for the first `times` calls: a worker that a busy machine has ended."""

    def __init__(self, times):
        self.left = {}
        self.times = times

    def __call__(self, completions, answer, **columns):
        scores = []
        for text, gold in zip(completions, answer):
            self.left[text] = self.left.get(text, self.times) - 1
            if "42" in text and self.left[text] >= 0:
                raise RuntimeError("the worker is gone")
            scores.append(float(text.strip() == gold))
        return scores


@pytest.mark.parametrize(("times", "found"), [(10_000, True), (2, False)], ids=["always", "at first"])
def test_a_failure_that_does_not_come_again_is_none_of_the_rubric(times, found):
    kinds = {finding.kind for finding in audit(FailsOnce(times), ROWS).at_least("error")}
    assert bool(kinds & {"reward_fails", "response_breaks_reward"}) == found
