"""When a failing reward stops a run: a share of the rows it was asked to score, over enough batches and rows."""

from __future__ import annotations

import pytest

from rl_rewards import EvaluateResult, Outcome, Reward, RewardError, Rubric
from rl_rewards.evaluation.failure_watch import FailureWatch
from rl_rewards.pipeline.columns import Evaluation, RewardColumn
from rl_rewards.types import Sample

RESULTS = {
    "f": lambda: EvaluateResult.failure(Outcome.ERROR, "down"),
    "s": lambda: EvaluateResult(1.0),
    "u": lambda: EvaluateResult(0.0, outcome=Outcome.UNPARSED),
    "-": lambda: EvaluateResult.skip("no"),
}


def batch(reward: Reward, rows: str) -> Evaluation:
    results = [RESULTS[row]() for row in rows]
    scores = [result.score for result in results]
    samples = [Sample("q", "a", "a", index=i) for i in range(len(rows))]
    return Evaluation(samples, {reward.name: RewardColumn(reward, [None] * len(rows), results, scores, list(scores))})


@pytest.mark.parametrize(
    ("batches", "stops_at"),
    [
        (["ffff"] * 9, None),  # nine batches are no window of ten
        (["ffff"] * 10, 10),
        (["ffff"] + ["ssss"] * 20, None),  # a judge that warms up in its first batch
        (["----"] * 30 + ["f---"], None),  # one failed row of a rare reward
        (["f---"] * 31, None),  # batches enough, but fewer than 32 rows
        (["f---"] * 32, 32),
        (["s---"] * 4 + ["----"] * 40 + ["f---"], None),
        (["uuuf"] * 31, None),
        (["uuuf"] * 32, 32),  # rows without an answer say nothing of the reward: all the others failed
        (["uuuu"] * 50, None),
        (["fffs"] * 20, None),  # 75 %
        (["ffff"] * 8 + ["ssss"] * 2 + ["ffff"] * 2, None),  # 80 % of the last ten is not above 80 %
        (["ssss"] * 40 + ["ffff"] * 8, None),
        (["ssss"] * 40 + ["ffff"] * 9, 49),  # 90 % of the last ten batches, whatever was before
    ],
)
@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_a_share_of_the_rows_that_were_asked_for_over_ten_batches_and_32_rows_stops_a_run(batches, stops_at, weight):
    reward = Reward("judge", {"string_match": "answer"}, weight=weight)
    watch = FailureWatch(Rubric((reward,)))
    stopped = None
    for number, rows in enumerate(batches, 1):
        try:
            watch.count(batch(reward, rows))
        except RewardError as error:
            assert "'judge' failed on" in str(error) and "down" in str(error)
            stopped = number
            break
    assert stopped == (stops_at if weight else None), "a metric stops no run"
