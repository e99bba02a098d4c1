"""Scores probes through the very call that TRL makes, and keeps what every reward said of each."""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from rl_rewards.auditing.cost import Spending, Spent
from rl_rewards.auditing.rows import Row
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.trl import reward_functions
from rl_rewards.types import EvaluateResult

__all__ = ["Call", "Probe", "Verdict"]

BATCH = 256
_TOKEN = re.compile(r"\w{1,6}|[^\w\s]|\s+")


class Probe(NamedTuple):
    """A response to a row."""

    row: int
    text: str


@dataclass(slots=True)
class Verdict:
    """What a rubric says of a probe.

    Attributes:
        total: the weighted total; None where the row is unscorable or nothing applies.
        scores: reward -> its score, None where there is none.
        failed: reward -> what went wrong, for rewards that failed.
        skipped: rewards that do not apply.
        gates: reward -> whether its gate was open, for gated ones.
    """

    total: float | None
    scores: dict[str, float | None]
    failed: dict[str, str]
    skipped: frozenset[str]
    gates: dict[str, bool | None]

    def without(self, weights: dict[str, float], names: frozenset[str]) -> float | None:
        """The total without some rewards' share of it."""
        if self.total is None:
            return None
        return self.total - sum(weights[name] * (self.scores[name] or 0.0) for name in names)


def approximate_ids(text: str) -> list[int]:
    """Stand-ins for token ids: pieces of at most six letters, which is near what tokenizers make of English."""
    return [zlib.crc32(piece.encode("utf-8", "replace")) % 50_000 for piece in _TOKEN.findall(text)]


class _Trainer:
    """What a reward function finds of a trainer behind the call: its functions, their weights, its logs, which are dropped here."""

    model = processing_class = train_dataset = eval_dataset = None
    log_completions = False

    def __init__(self, functions: list[Any], weights: list[float]) -> None:
        self.reward_funcs, self.reward_weights = functions, weights

    def log_metric(self, name: str, value: float) -> None:
        """Drop a number."""

    def log_extra(self, column: str, values: list[Any]) -> None:
        """Drop a column of the completions table."""


class Call:
    """A rubric called as TRL calls it.

    Args:
        rubric: one that reports failures instead of stopping, see `targets.tolerant`.
        rows: of which probes are answers.
        tokenize: text -> token ids; pieces of words by default.

    Attributes:
        seconds: wall time of each batch, with its size.
        spending: the least that a response has cost.
        count: how many probes were scored.
        ranges: reward -> the lowest and the highest score that it gave to any probe.
    """

    def __init__(self, rubric: Rubric, rows: Sequence[Row], tokenize: Callable[[str], Sequence[int]] | None = None) -> None:
        self.rubric, self.rows = rubric, rows
        self._tokenize = tokenize or approximate_ids
        self._evaluations: list[Evaluation] = []
        self.weights = {reward.name: reward.weight for reward in rubric.rewards}
        self.seconds: list[tuple[float, int]] = []
        self.spending = Spending()
        self.count = 0
        self.ranges: dict[str, tuple[float, float]] = {}
        self._known: dict[Probe, Verdict] = {}
        self._functions = reward_functions(rubric, record=lambda _, evaluation: self._evaluations.append(evaluation))
        self._trainer = _Trainer(self._functions, rubric.reward_weights)

    def verdicts(self, probes: Sequence[Probe]) -> list[Verdict]:
        """What the rubric says of each probe; equal probes are scored once."""
        new = list(dict.fromkeys(probe for probe in probes if probe not in self._known))
        new.sort(key=lambda probe: probe.row)  # completions to one prompt are neighbours, as a trainer has them
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            self._known.update(zip(batch, self.batch(batch), strict=True))
        return [self._known[probe] for probe in probes]

    def batch(self, probes: Sequence[Probe]) -> list[Verdict]:
        """Score one batch as it is, nothing remembered. Where a reward fails on a batch, each of its probes is scored alone."""
        verdicts = self.whole_batch(probes)
        lost = [i for i, verdict in enumerate(verdicts) if verdict.failed]
        if lost and len(probes) > 1:
            for i in lost:
                verdicts[i] = self.whole_batch([probes[i]])[0]
        return verdicts

    def whole_batch(self, probes: Sequence[Probe]) -> list[Verdict]:
        """Score one batch in one call, whatever fails."""
        arguments = self.arguments(probes)
        begun = Spent.now()
        evaluation = self.raw(arguments)
        spent = Spent.now().since(begun)
        self.seconds.append((spent.wall, len(probes)))
        self.spending.add(spent, len(probes))
        self.count += len(probes)
        for name, column in evaluation.columns.items():
            scores = [score for score in column.scores if score is not None]
            if scores:
                low, high = self.ranges.get(name, (scores[0], scores[0]))
                self.ranges[name] = min(low, *scores), max(high, *scores)
        totals = evaluation.totals()
        return [_verdict(evaluation, i, totals[i]) for i in range(len(probes))]

    def raw(self, arguments: dict[str, Any]) -> Evaluation:
        """The evaluation of a trainer's call of every reward function, one after the other."""
        self._evaluations.clear()
        for function in self._functions:
            function(**arguments)
        return self._evaluations[-1]

    def arguments(self, probes: Sequence[Probe]) -> dict[str, Any]:
        """What TRL passes: lists of the batch, columns by name, and its own objects."""
        rows = [self.rows[probe.row] for probe in probes]
        completions: list[Any] = [
            [{"role": "assistant", "content": probe.text}] if row.is_chat else probe.text for row, probe in zip(rows, probes, strict=True)
        ]
        columns = {name: [copy.deepcopy(row.columns[name]) for row in rows] for name in rows[0].columns}
        return {
            "prompts": [copy.deepcopy(row.prompt) for row in rows],
            "completions": completions,
            "completion_ids": [list(self._tokenize(probe.text)) for probe in probes],
            **columns,
            "trainer_state": SimpleNamespace(global_step=0, epoch=0.0, max_steps=1000),
            "log_extra": self._trainer.log_extra,
            "log_metric": self._trainer.log_metric,
        }


def _verdict(evaluation: Evaluation, i: int, total: float | None) -> Verdict:
    results: dict[str, EvaluateResult] = {name: column.results[i] for name, column in evaluation.columns.items()}
    return Verdict(
        total,
        {name: column.scores[i] for name, column in evaluation.columns.items()},
        {name: str(result.error or result.reason or "failed") for name, result in results.items() if result.score is None and result.failed},
        frozenset(name for name, result in results.items() if result.score is None and not result.failed),
        {name: column.gate_open[i] for name, column in evaluation.columns.items() if column.gate_open is not None},
    )
