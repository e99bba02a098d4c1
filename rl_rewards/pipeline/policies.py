"""Gates, formulas and failure policies: from the scores of a batch to those that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rl_rewards.pipeline.columns import RewardColumn
from rl_rewards.pipeline.failure_log import FailureLog
from rl_rewards.pipeline.share import Share
from rl_rewards.reward import Gate, Reward, RewardError
from rl_rewards.types import EvaluateResult, Outcome, Sample

__all__ = ["finished_columns"]


def finished_columns(shares: Mapping[str, Share], order: Sequence[Reward], samples: Sequence[Sample], log: FailureLog) -> dict[str, RewardColumn]:
    """The columns of a batch whose jobs are done, each after its formula, its gate and its `on_error`.

    Args:
        shares: reward name -> its share, in the rubric's order.
        order: the rewards, each after those that it needs the scores of.

    Raises:
        RewardError: when a reward with `on_error: raise` failed on a sample.
    """
    columns = {name: share.column() for name, share in shares.items() if not share.combines}
    for column in columns.values():
        log.add(column)
    for reward in order:
        share = shares[reward.name]
        if share.combines:
            columns[reward.name] = share.combined(columns)
            log.add(columns[reward.name])
        column = columns[reward.name]
        if reward.gate is not None:
            _apply_gate(column, reward.gate, columns[reward.gate.reward])
        _apply_failure_policy(column, samples)
    return {name: columns[name] for name in shares}


def _apply_gate(column: RewardColumn, gate: Gate, deciding: RewardColumn) -> None:
    """GDPO (2601.05242) eq. 8: the score where the deciding reward reached its threshold, else 0.

    Where that one failed, this one has failed, too: its score is not known. Where that one does not apply, this one does not either.
    """
    gate_open: list[bool | None] = [None] * len(column.scores)
    column.gate_open = gate_open
    for i, decision in enumerate(deciding.scores):
        if column.scores[i] is None:
            continue
        if decision is not None:
            gate_open[i] = decision >= gate.at_least
            if not gate_open[i]:
                column.scores[i] = 0.0
            continue
        decided = deciding.results[i]
        if decided.outcome is Outcome.SKIPPED:
            column.results[i] = EvaluateResult.skip(f"its gate {gate.reward!r} does not apply to this row")
        else:
            failed = EvaluateResult.failure(Outcome.ERROR, f"its gate {gate.reward!r} has no score here: {decided.error}", decided.cause)
            failed.metrics, failed.seconds = column.results[i].metrics, column.results[i].seconds
            column.results[i] = failed
        column.scores[i] = None


def _apply_failure_policy(column: RewardColumn, samples: Sequence[Sample]) -> None:
    policy = column.reward.on_error
    if policy == "skip":
        return
    for i in column.failed:
        result = column.results[i]
        if policy == "raise":
            said = f"reward {column.reward.name!r} failed with outcome {result.outcome.value!r}: {result.error}"
            raise RewardError(said, column.reward.name, i, samples[i]) from result.cause
        column.scores[i] = policy
