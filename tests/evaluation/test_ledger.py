"""The ledger of a reward: scored + unparsed + skipped + failed + left out = rows, whatever happened to them."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest

from rl_rewards import EvaluateResult, Gate, Outcome, Reward, Rubric
from rl_rewards.evaluation.aggregates import Tally, tally_of
from rl_rewards.scorers.base import Scorer, configured
from rl_rewards.types import Sample

OUTCOMES = [
    EvaluateResult(1.0),
    EvaluateResult(0.0, outcome=Outcome.UNPARSED),
    EvaluateResult(0.0, outcome=Outcome.CRASHED),
    EvaluateResult(0.0, outcome=Outcome.TIMEOUT),
    EvaluateResult.skip("no"),
    EvaluateResult.failure(Outcome.ERROR, "down"),
    EvaluateResult.failure(Outcome.TIMEOUT, "slow"),
    EvaluateResult.failure(Outcome.UNSUPPORTED, "never heard of"),
    EvaluateResult(None, outcome=Outcome.UNPARSED),  # which contradicts itself
    EvaluateResult(1.0, outcome=Outcome.SKIPPED),
    EvaluateResult(1.0, outcome=Outcome.ERROR),
    EvaluateResult(float("nan")),
]


@configured
class Drawn(Scorer):
    seed: int = 0

    def score(self, samples, answers):
        chance = random.Random(self.seed)
        kinds = [chance.choice(OUTCOMES) for _ in samples]
        return [EvaluateResult(kind.score, kind.reason, None, kind.is_score_valid, None, kind.error, kind.outcome) for kind in kinds]


@pytest.mark.parametrize("seed", range(20))
def test_every_row_is_in_one_place_of_the_ledger_whatever_happens(seed):
    chance = random.Random(-seed)
    rewards = [
        Reward(
            f"r{i}",
            Drawn(10 * seed + i),
            weight=chance.choice([1.0, 0.0, -0.5]),
            on_error=chance.choice(["skip", "skip", 0.5]),
            gate=Gate(f"r{i - 1}", 0.5) if i and chance.random() < 0.5 else None,
        )
        for i in range(4)
    ]
    evaluation = Rubric(tuple(rewards)).evaluate([Sample("q", "a", "a", index=i) for i in range(60)])
    merged = Tally()
    for name, column in evaluation.columns.items():
        tally = tally_of(evaluation, name)
        merged.merge(tally)
        parts = [tally.scored, tally.unparsed, tally.skipped, tally.failed, tally.left_out]
        assert sum(parts) == tally.rows == 60 and min(parts) >= 0, (name, asdict(tally))
        handed_on = sum(score is not None for score in evaluation.scores(name))
        if column.reward.weight:  # what the trainer gets: answers right and wrong, and numbers for failures on rows that are left
            numbers = sum(column.scores[i] is not None and evaluation.scorable[i] for i in column.failed)
            assert handed_on == tally.scored + tally.unparsed + numbers
        assert all(evaluation.scores(name)[i] is None for i, scorable in enumerate(evaluation.scorable) if not scorable)
    assert merged.rows == 240
    assert [total is None for total in evaluation.totals()] >= [not scorable for scorable in evaluation.scorable]
