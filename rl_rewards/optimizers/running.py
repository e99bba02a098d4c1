"""A whole search: candidates until the budget ends, the best of them, and what the test rows say, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rl_rewards.generation.prompt import Prompt
from rl_rewards.optimizers.candidates import Candidate, Spread
from rl_rewards.optimizers.intervals import Interval, difference_interval, mean_interval
from rl_rewards.optimizers.optimizer import Optimizer, Search
from rl_rewards.optimizers.splits import Split
from rl_rewards.optimizers.task import Budget, OptimizeError, Task
from rl_rewards.tables.strict_json import strict_json

__all__ = ["Optimized", "optimize"]

Log = Callable[[int, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Optimized:
    """What a search found.

    Attributes:
        best: the candidate with the highest lower bound on the held-out rows.
        start: what the search began with.
        candidates: how many were measured.
        spent: completions that the search had written, without those of the test.
        test: the best candidate's mean on the test rows, with its interval; `test_start` that of the start, `gain` their difference, row by row.
        best_test, start_test: the two candidates as measured on the test rows.
    """

    best: Candidate
    start: Candidate
    candidates: int
    spent: int
    test: Interval
    test_start: Interval
    gain: Interval
    best_test: Candidate = field(repr=False)
    start_test: Candidate = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The numbers, as they are written beside the prompt."""
        return {
            "candidates": self.candidates,
            "completions": self.spent,
            "validation": {"rows": len(self.best.rewards), "before": self.start.mean, "after": self.best.mean},
            "test": {
                "rows": self.test.rows,
                "before": self.test_start.to_json(),
                "after": self.test.to_json(),
                "difference": self.gain.to_json(),
            },
        }


def optimize(
    task: Task,
    split: Split,
    optimizer: Optimizer,
    budget: int,
    *,
    start: Prompt | None = None,
    seed: int = 0,
    log: Log = lambda spent, facts: None,
    say: Callable[[str], None] = lambda line: None,
    advance: Callable[[int], None] = lambda count: None,
    record: Path | None = None,
) -> Optimized:
    """Search for a better prompt, and read the test rows once, when the search is over.

    Args:
        split: rows to learn from, to choose by, and to test on.
        budget: completions that the search may have written; the test adds those of two prompts.
        start: the prompt to begin with; by default rows are asked as they are.
        seed: of everything that is drawn by lot.
        log: called with the completions so far and numbers about each candidate, for trackers.
        advance: called with the number of completions of each measurement.
        record: a file that lists the candidates in the order in which they were measured, as JSON lines.

    Raises:
        GenerationError: when the model failed; the same call goes on.
        OptimizeError: when the budget is too small, or no candidate has a score.
    """
    spending, spread = Budget(budget, advance), Spread(optimizer.confidence)
    found: dict[str, Candidate] = {}
    with open(record, "w", encoding="utf-8") if record is not None else _Nothing() as listed:
        for candidate in optimizer.candidates(Search(task, split, spending, start or Prompt(), seed, say)):
            found[candidate.prompt.key] = candidate
            spread.know(candidate)
            best = spread.best(found.values())[0]
            facts, best_facts = candidate.facts(spread), best.facts(spread)
            log(spending.spent, _named(facts, "candidate") | _named(best_facts, "best") | {"candidates": len(found), "completions": spending.spent})
            listed.write(strict_json({"completions": spending.spent, "origin": candidate.origin, **facts, "prompt": _told(candidate.prompt)}) + "\n")
            listed.flush()
    if not any(candidate.rewards for candidate in found.values()):
        raise OptimizeError("no candidate has a score: the rubric's rewards failed on every held-out row, or apply to none")
    return _tested(task, split, list(found.values()), spread, spending.spent)


def _tested(task: Task, split: Split, found: list[Candidate], spread: Spread, spent: int) -> Optimized:
    best, start = spread.best(found)[0], found[0]
    tested = []
    for candidate in (start, best):
        tested.append(Candidate(candidate.prompt))
        tested[-1].add(task.measure(candidate.prompt, split.test))
    before, after = tested
    if not before.rewards or not after.rewards:
        raise OptimizeError("no test row has a score: the rubric's rewards failed on all of them, or apply to none")
    return Optimized(
        best,
        start,
        len(found),
        spent,
        mean_interval(list(after.rewards.values())),
        mean_interval(list(before.rewards.values())),
        difference_interval(after.rewards, before.rewards),
        after,
        before,
    )


def _named(facts: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in facts.items() if value is not None}


def _told(prompt: Prompt) -> dict[str, Any]:
    examples = [{"prompt": example.prompt, "completion": example.completion} for example in prompt.examples]
    return json.loads(json.dumps({**prompt.texts, **({"examples": examples} if examples else {})}))


class _Nothing:
    """A file that keeps nothing."""

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
