"""Evaluations of given scores and answers, so that a test knows every one."""

from __future__ import annotations

from rl_rewards import EvaluateResult, Evaluation, Outcome, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.summary import EvaluationSummary

FAILED, SKIPPED = "failed", "skipped"


def _result(score):
    if score == FAILED:
        return EvaluateResult.failure(Outcome.ERROR, "the server is down")
    return EvaluateResult.skip("not this row") if score == SKIPPED else EvaluateResult(float(score))


@reward_function
def given(response, score):
    """The row's own score."""
    return _result(score)


@reward_function
def picked(response, other=0.0):
    """The row's other score."""
    return _result(other)


def rubric(*aggregates, parse="tag"):
    return Rubric([Reward("r", given, {parse: "answer"} if parse == "tag" else parse), Reward("by", picked, weight=0)], aggregates=aggregates)


def row(prompt, score, answer="", **columns):
    """A row; an answer of None is a response without one."""
    return {"prompt": str(prompt), "completion": "no idea" if answer is None else f"<answer>{answer}</answer>", "score": score, **columns}


def evaluated(of: Rubric, rows) -> Evaluation:
    return of.evaluate([Sample.from_row(each) for each in rows])


def summary(rows, *aggregates, parse="tag", batch=None) -> EvaluationSummary:
    """All rows counted, in batches of `batch`."""
    of = rubric(*aggregates, parse=parse)
    counted = EvaluationSummary(of)
    for start in range(0, len(rows), batch or len(rows)):
        counted.add(evaluated(of, rows[start : start + (batch or len(rows))]))
    return counted


def numbers(rows, *aggregates, **options) -> dict:
    """Number name -> value, of the reward `r`."""
    return {key.removeprefix("rewards/r/"): value for key, value in summary(rows, *aggregates, **options).values().items()}
