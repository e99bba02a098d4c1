"""Runs of reinforcement learning as rows of a record, simulated: healthy ones, and ones with a planted pathology.

A policy has a skill that grows over the steps, prompts have difficulties, and a completion is right with the logistic of their difference
(the Rasch model). Beside `correct` there are `format` and `judge` (weighted) and `gold` (a metric).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from rl_rewards.recording.warnings import StepCounter

__all__ = ["HEALTHY", "PLANTED", "Shape", "simulate"]


@dataclass
class Shape:
    """How large a run is: steps, groups a step, generations a group."""

    steps: int = 150
    groups: int = 8
    generations: int = 8


@dataclass
class Run:
    """What is simulated; arrays are by step, (T).

    Attributes:
        skill, difficulty: of the policy, and the spread of the prompts' difficulties.
        unparsed, errors, timeouts, skipped: rates; errors and timeouts are the judge's, skipped is of `format`, for whole groups.
        formatted: probability that a parsed completion has the format.
        judge_noise, judge_scale, judge_bias, judge_follows: the judge's score is scale * (follows * right + bias + noise).
        gold_gap: what the metric loses against `correct`.
        tokens: mean length; limit: the most tokens; ends: whether the trainer logs the share of completions that were cut off.
        weights: of correct, format, judge.
        clip: the judge's clip, gate: whether `format` is gated by `correct`, gate_opens: whether the gate ever opens.
        seconds: of the judge for a batch.
        distinct: how many different texts a group's completions are drawn from.
        free: share of groups in which every completion is right whatever the skill; hopeless: in which none is.
        twins: -1, 0 or 1: whether `format` is the opposite or the copy of `correct`.
        copies: whether it copies from this share of the run on.
        continuous: whether `format` is a number instead of 0 or 1.
    """

    shape: Shape
    skill: np.ndarray
    difficulty: float = 1.2
    unparsed: np.ndarray | float = 0.02
    errors: np.ndarray | float = 0.0
    timeouts: np.ndarray | float = 0.0
    skipped: np.ndarray | float = 0.0
    formatted: np.ndarray | float = 0.9
    judge_noise: float = 0.15
    judge_scale: np.ndarray | float = 1.0
    judge_bias: np.ndarray | float = 0.1
    judge_follows: np.ndarray | float = 0.7
    gold_gap: np.ndarray | float = 0.0
    tokens: np.ndarray | float = 120.0
    token_spread: float = 0.35
    limit: np.ndarray | int = 1024
    ends: bool = False
    weights: tuple[float, float, float] = (1.0, 0.2, 0.3)
    clip: tuple[float, float] | None = None
    gate: np.ndarray | float | None = None
    seconds: np.ndarray | float = 0.4
    distinct: np.ndarray | float = 1e6
    free: np.ndarray | float = 0.0
    hopeless: np.ndarray | float = 0.0
    twins: np.ndarray | float = 0.0
    continuous: bool = False
    log: dict[str, np.ndarray] = field(default_factory=dict)


def simulate(run: Run, rng: np.random.Generator) -> tuple[pa.Table, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The rows of a run, one per completion per reward, and the trainer's log."""
    steps, groups, size = run.shape.steps, run.shape.groups, run.shape.generations
    shape = (steps, groups, size)

    def by_step(value: np.ndarray | float) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, float), (steps,))[:, None, None]

    def happens(rate: np.ndarray | float) -> np.ndarray:
        return rng.random(shape) < by_step(rate)

    logits = by_step(run.skill) - rng.normal(0, run.difficulty, (steps, groups, 1))
    right = rng.random(shape) < 1 / (1 + np.exp(-logits))
    unparsed = happens(run.unparsed)
    right &= ~unparsed
    lot = rng.random((steps, groups, 1))
    free, hopeless = lot < by_step(run.free), lot > 1 - by_step(run.hopeless)
    right = np.where(free, True, np.where(hopeless, False, right))
    correct = right.astype(float)
    formatted = np.where(unparsed & ~free, 0.0, happens(run.formatted)).astype(float)
    formatted = np.where(free, 1.0, np.where(hopeless, 0.0, formatted))
    if run.continuous:
        formatted = np.clip(formatted * rng.normal(0.8, 0.1, shape), 0, 1)
    twins = by_step(run.twins)
    formatted = np.where(twins > 0, correct, np.where(twins < 0, 1 - correct, formatted))
    judged = by_step(run.judge_follows) * right + by_step(run.judge_bias) + rng.normal(0, run.judge_noise, shape)
    judged = np.where(free, 1.0, np.where(hopeless, 0.0, judged)) * by_step(run.judge_scale)
    raw_judged = judged
    if run.clip is not None:
        judged = np.clip(judged, *run.clip)
    gold = (right & (rng.random(shape) >= by_step(run.gold_gap))).astype(float)
    timeout = happens(run.timeouts)
    error = happens(run.errors) & ~timeout
    skipped = np.broadcast_to(happens(run.skipped)[..., :1], shape)  # `when` reads a column of the prompt's row
    closed = None if run.gate is None else happens(run.gate)
    tokens = np.minimum(rng.lognormal(np.log(by_step(run.tokens)), run.token_spread, shape), by_step(run.limit)).astype(int)
    texts = (rng.random(shape) * by_step(run.distinct)).astype(np.int64)

    number = steps * groups * size
    nan = np.full(shape, np.nan)
    failed = error | timeout
    scores = [correct, formatted if closed is None else np.where(closed, 0.0, formatted), judged, gold]
    raws = [correct, formatted, raw_judged, gold]
    scores[1], raws[1] = np.where(skipped, nan, scores[1]), np.where(skipped, nan, raws[1])
    scores[2], raws[2] = np.where(failed, nan, scores[2]), np.where(failed, nan, raws[2])
    outcome = np.where(unparsed, "unparsed", "scored")
    outcomes = [outcome, np.where(skipped, "skipped", outcome), np.where(timeout, "timeout", np.where(error, "error", "scored")), outcome]
    names, weights = ["correct", "format", "judge", "gold"], [*run.weights, 0.0]

    def stacked(values: list[np.ndarray]) -> np.ndarray:
        return np.stack([value.reshape(number) for value in values], 1).reshape(-1)

    def spread(values: np.ndarray) -> np.ndarray:
        return np.repeat(np.broadcast_to(values, shape).reshape(number), 4)

    gates = [None] * (number * 4)
    if closed is not None:
        gates = [None if i % 4 != 1 else not bool(value) for i, value in enumerate(np.repeat(closed.reshape(number), 4))]
    per_batch = np.broadcast_to(np.asarray(run.seconds, float), (steps,)) * rng.lognormal(0, 0.2, steps)
    table = pa.table(
        {
            "step": spread(np.arange(1, steps + 1)[:, None, None]),
            "mode": pa.repeat("train", number * 4),
            "rank": np.zeros(number * 4, int),
            "group": spread(np.arange(groups)[None, :, None]),
            "index": spread(np.arange(groups * size).reshape(1, groups, size)),
            "completion": spread(texts).astype(str),
            "tokens": spread(tokens),
            "scorable": spread(~(failed if run.weights[2] else np.zeros(shape, bool))),
            "reward": np.tile(names, number),
            "raw": pa.array(stacked(raws), from_pandas=True),
            "score": pa.array(stacked(scores), from_pandas=True),
            "weight": np.tile(weights, number),
            "gate": pa.array(gates, pa.bool_()),
            "outcome": stacked(outcomes),
            "failed": stacked([np.zeros(shape, bool), np.zeros(shape, bool), failed, np.zeros(shape, bool)]),
            "seconds": np.where(np.tile(names, number) == "judge", spread(per_batch[:, None, None]), 0.002),
        }
    )
    log = run.log | ({"completions/clipped_ratio": (tokens >= by_step(run.limit).astype(int)).mean((1, 2))} if run.ends else {})
    return table, {name: (np.arange(1, steps + 1), values) for name, values in log.items()}


def series_of(run: Run, rng: np.random.Generator):
    """The counted series of a simulated run."""
    table, log = simulate(run, rng)
    counter = StepCounter(int(np.max(run.limit)))
    counter.add(table)
    return counter.series(log)


def _grows(shape: Shape, start: float, end: float, when: float = 0.5, width: float = 0.2) -> np.ndarray:
    """A number that goes from start to end along a logistic curve."""
    at = np.linspace(0, 1, shape.steps)
    curve = 1 / (1 + np.exp(-(at - when) / width * 4))
    curve = (curve - curve[0]) / (curve[-1] - curve[0])
    return start + (end - start) * curve


def _log(shape: Shape, rng: np.random.Generator, **ends: float) -> dict[str, np.ndarray]:
    at = np.linspace(0, 1, shape.steps)
    kl = 0.002 + 0.1 * at
    entropy = 1.2 * np.exp(-1.0 * at)
    return {"kl": kl * rng.lognormal(0, 0.2, shape.steps), "entropy": entropy * rng.lognormal(0, 0.08, shape.steps)}


def _learning(shape: Shape, rng: np.random.Generator) -> Run:
    return Run(
        shape,
        _grows(shape, rng.uniform(-2, -1), rng.uniform(0.5, 1.5), rng.uniform(0.3, 0.6)),
        unparsed=_grows(shape, rng.uniform(0.1, 0.4), 0.02, 0.3),
        formatted=_grows(shape, rng.uniform(0.4, 0.7), 0.97, 0.3),
        tokens=_grows(shape, 120, 120 * rng.uniform(0.8, 1.5)),
        errors=0.003,
        log=_log(shape, rng),
    )


def _solved(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), skill=_grows(shape, -0.5, 3.2, 0.4), formatted=_grows(shape, 0.7, 0.995, 0.2), unparsed=0.01)


def _hard(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), skill=_grows(shape, -4.0, -2.6), difficulty=1.0)


def _noisy_judge(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), judge_noise=0.4, judge_follows=0.3, errors=0.02, timeouts=0.01, weights=(0.5, 0.2, 1.0))


def _curriculum(shape: Shape, rng: np.random.Generator) -> Run:
    at = np.linspace(0, 1, shape.steps)
    stage = np.floor(at * 3)
    return replace(_learning(shape, rng), skill=-0.5 + 2.0 * (at * 3 - stage) + 0.1 * stage)


def _flat_learning(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), skill=np.full(shape.steps, rng.uniform(-1, 0.5)))


def _longer(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), tokens=_grows(shape, 80, 220))


def _gated(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), gate=_grows(shape, 0.9, 0.2, 0.4), clip=(0.0, 1.0))


def _partial_credit(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), continuous=True, weights=(1.0, 0.5, 0.5))


def _rare_skips(shape: Shape, rng: np.random.Generator) -> Run:
    return replace(_learning(shape, rng), skipped=0.3, timeouts=0.02, weights=(1.0, 0.3, 0.0))


HEALTHY: dict[str, Callable[[Shape, np.random.Generator], Run]] = {
    "normal learning": _learning,
    "a solved task": _solved,
    "a hard task, slow progress": _hard,
    "a noisy judge": _noisy_judge,
    "a curriculum": _curriculum,
    "no progress": _flat_learning,
    "longer reasoning that pays": _longer,
    "a gate that opens, a clip": _gated,
    "partial credit": _partial_credit,
    "skipped rows, a metric that fails": _rare_skips,
}


def _after(shape: Shape, onset: int, before: np.ndarray | float, after: np.ndarray | float, ramp: int = 0) -> np.ndarray:
    """`before` up to a step's position, then `after`, over `ramp` steps."""
    share = np.clip((np.arange(shape.steps) - onset + 1) / max(ramp, 1), 0, 1)
    return np.asarray(before) * (1 - share) + np.asarray(after) * share


def _grow_towards_limit(shape: Shape, rng: np.random.Generator) -> tuple[Run, int]:
    """Lengths that grow to the end; it begins where one completion in 50 is cut off, at a mean of half of the limit."""
    run, onset = _plant(lambda run, at, rng: {"tokens": _after(run.shape, at, 120, 1100, run.shape.steps - at)})(shape, rng)
    return run, int(np.argmax(np.asarray(run.tokens) >= 0.49 * run.limit)) + 1


def _limit_falls(shape: Shape, rng: np.random.Generator) -> tuple[Run, int]:
    """A limit that falls by the same factor from step to step, which the trainer's configuration does not say; it begins where one completion
    in 50 is cut off, at about twice the mean."""
    run, onset = _plant(lambda run, at, rng: {"limit": np.exp(_after(run.shape, at, np.log(1024), np.log(90), run.shape.steps - at))})(shape, rng)
    return replace(run, tokens=120.0, ends=True), int(np.argmax(np.asarray(run.limit) <= 2.05 * 120)) + 1


def _plant(change: Callable[[Run, int, np.random.Generator], dict]) -> Callable[[Shape, np.random.Generator], tuple[Run, int]]:
    def make(shape: Shape, rng: np.random.Generator) -> tuple[Run, int]:
        run = _learning(shape, rng)
        onset = int(shape.steps * rng.uniform(0.3, 0.6))
        return replace(run, **change(run, onset, rng)), onset + 1

    return make


def _always(change: Callable[[Run, int, np.random.Generator], dict]) -> Callable[[Shape, np.random.Generator], tuple[Run, int]]:
    def make(shape: Shape, rng: np.random.Generator) -> tuple[Run, int]:
        run = _learning(shape, rng)
        return replace(run, **change(run, 0, rng)), 1

    return make


PLANTED: dict[str, tuple[str, Callable[[Shape, np.random.Generator], tuple[Run, int]]]] = {
    "gold falls while judge rises": (
        "metric_falls",
        _plant(
            lambda run, at, rng: {
                "skill": _after(run.shape, at, _grows(run.shape, -1, 1.0, 0.2), -0.5, run.shape.steps // 4),
                "judge_bias": _after(run.shape, at, 0.1, 0.9, run.shape.steps // 4),
                "judge_follows": _after(run.shape, at, 0.7, 0.1, run.shape.steps // 4),
                "weights": (0.0, 0.2, 1.0),
            }
        ),
    ),
    "gold falls while correct rises": (
        "metric_falls",
        _plant(
            lambda run, at, rng: {"skill": _grows(run.shape, -1.5, 2.0, 0.6, 0.4), "gold_gap": _after(run.shape, at, 0.05, 0.8, run.shape.steps // 4)}
        ),
    ),
    "judge on another scale": ("variance_share", _always(lambda run, at, rng: {"judge_scale": 20.0, "weights": (1.0, 0.3, 1.0)})),
    "judge's scale jumps": ("variance_share", _plant(lambda run, at, rng: {"judge_scale": _after(run.shape, at, 1, 15), "weights": (1.0, 0.3, 1.0)})),
    "all right": ("groups_all_right", _plant(lambda run, at, rng: {"free": _after(run.shape, at, 0.02, 0.97, 5)})),
    "all wrong": ("groups_all_wrong", _plant(lambda run, at, rng: {"hopeless": _after(run.shape, at, 0.02, 0.95, 5)})),
    "lengths run away": (
        "length_runaway",
        _plant(lambda run, at, rng: {"tokens": _after(run.shape, at, 120, 600, 20), "skill": np.full(run.shape.steps, 0.0)}),
    ),
    "lengths hit the limit": ("length_limit", _plant(lambda run, at, rng: {"tokens": _after(run.shape, at, 120, 900, 15)})),
    "lengths grow towards the limit": ("length_limit", _grow_towards_limit),
    "the limit falls by and by": ("length_limit", _limit_falls),
    "unparsed jumps": ("unparsed_rate", _plant(lambda run, at, rng: {"unparsed": _after(run.shape, at, 0.04, 0.4)})),
    "errors jump": ("error_rate", _plant(lambda run, at, rng: {"errors": _after(run.shape, at, 0.01, 0.2)})),
    "timeouts jump": ("timeout_rate", _plant(lambda run, at, rng: {"timeouts": _after(run.shape, at, 0.01, 0.3)})),
    "skipped jumps": ("skipped_rate", _plant(lambda run, at, rng: {"skipped": _after(run.shape, at, 0.05, 0.5)})),
    "clipped most of the time": ("clipped", _always(lambda run, at, rng: {"clip": (0.0, 0.3), "skill": np.full(run.shape.steps, 1.5)})),
    "a clip bites more and more": (
        "clipped",
        _plant(lambda run, at, rng: {"judge_scale": _after(run.shape, at, 1.0, 3.0, run.shape.steps - at), "clip": (0.0, 1.0)}),
    ),
    "the gate is closed": ("gate_closed", _always(lambda run, at, rng: {"gate": 0.97})),
    "the gate closes by and by": (
        "gate_closed",
        _plant(lambda run, at, rng: {"gate": _after(run.shape, at, 0.1, 0.98, run.shape.steps - at)}),
    ),
    "the gate never opens": ("gate_closed", _always(lambda run, at, rng: {"gate": 1.0})),
    "collapse": (
        "reward_collapse",
        _plant(
            lambda run, at, rng: {
                "skill": _after(run.shape, at, _grows(run.shape, -1, 1.5, 0.2), -4.0, 5),
                "formatted": _after(run.shape, at, 0.9, 0.1, 5),
            }
        ),
    ),
    "a dead reward": ("dead_reward", _always(lambda run, at, rng: {"formatted": 1.0, "unparsed": 0.0})),
    "rise without a gradient": (
        "effective_reward",
        _plant(lambda run, at, rng: {"free": _after(run.shape, at, 0.02, 0.7, run.shape.steps // 4), "skill": np.full(run.shape.steps, -1.0)}),
    ),
    "identical rewards": ("rewards_identical", _always(lambda run, at, rng: {"twins": 1.0})),
    "opposed rewards": ("rewards_opposed", _always(lambda run, at, rng: {"twins": -1.0, "weights": (1.0, 0.8, 0.3)})),
    "saturated": (
        "saturated",
        _plant(lambda run, at, rng: {"skill": _after(run.shape, at, -0.5, 8.0, 5), "unparsed": _after(run.shape, at, 0.05, 0.0, 5), "free": 0.0}),
    ),
    "unscorable rows": ("unscorable_rows", _always(lambda run, at, rng: {"errors": 0.15})),
    "seconds grow": ("seconds_grow", _plant(lambda run, at, rng: {"seconds": _after(run.shape, at, 0.4, 2.0, run.shape.steps // 5)})),
    "KL runs away": (
        "kl_runaway",
        _plant(lambda run, at, rng: {"log": run.log | {"kl": 0.02 * np.exp(np.maximum(0, np.arange(run.shape.steps) - at) * 12 / run.shape.steps)}}),
    ),
    "entropy collapses": ("entropy_collapse", _plant(lambda run, at, rng: {"log": run.log | {"entropy": _after(run.shape, at, 1.2, 0.03, 10)}})),
    "mode collapse": (
        "duplicates",
        _plant(lambda run, at, rng: {"distinct": _after(run.shape, at, 1e6, 2.0), "skill": np.full(run.shape.steps, -0.5)}),
    ),
}
