"""What every aggregate is: options, and a state that batches, processes and files add up to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rl_rewards.configured import configured
from rl_rewards.types import Outcome

if TYPE_CHECKING:
    import numpy as np

    from rl_rewards.pipeline.columns import Evaluation, RewardColumn
    from rl_rewards.reward import Reward

__all__ = ["Aggregate", "AggregateError", "Coverage", "Direction", "Number", "Rows", "State", "configured", "lacks_answer", "without_reference"]

Direction = Literal["up", "down"]
"""Whether more is better (`up`) or less (`down`)."""


class AggregateError(ValueError):
    """An aggregate does not fit the rubric's rewards; `place` is its place among the rubric's."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Number:
    """One number of an aggregate.

    Attributes:
        name: as it is logged behind the reward's name: `pass@4`.
        value: the number; None where there is nothing to compute it from.
        of: how many it is taken over, problems or rows as `unit` says.
        low, high: its 95 % confidence interval, clustered by problem; None where there is none.
        direction: whether more or less is better; None where neither is.
        note: what was left out of it, or why there is no value.
    """

    name: str
    value: float | None
    of: int
    unit: Literal["problems", "rows"] = "problems"
    low: float | None = None
    high: float | None = None
    direction: Direction | None = "up"
    note: str | None = None


@dataclass(slots=True)
class Coverage:
    """What became of the rows that an aggregate was given; rows = counted + skipped + failed + no_reference.

    A response without an answer counts, as a wrong one, in every aggregate. A row on which the reward itself failed, or whose reference is
    missing, counts in none, since that is no fault of the policy's; every aggregate shows how many there are.

    Attributes:
        rows: all rows.
        skipped: rows that the reward does not apply to.
        failed: rows on which the reward failed, and so has no score.
        no_reference: rows without the reference or label that the aggregate compares with.
        no_answer: rows that count, of responses without an answer.
        problem: the first failure's or missing reference's reason.
    """

    rows: int = 0
    skipped: int = 0
    failed: int = 0
    no_reference: int = 0
    no_answer: int = 0
    problem: str | None = None

    @property
    def counted(self) -> int:
        """Rows that the aggregate is computed from."""
        return self.rows - self.skipped - self.failed - self.no_reference

    @property
    def left_out(self) -> int:
        """Rows that should have counted and do not."""
        return self.failed + self.no_reference

    def merge(self, other: Coverage) -> None:
        for declared in fields(self):
            if declared.name != "problem":
                setattr(self, declared.name, getattr(self, declared.name) + getattr(other, declared.name))
        self.problem = self.problem or other.problem


@dataclass(slots=True)
class State:
    """What an aggregate has seen: coverage, and `sums`, anything picklable with a `merge` or an `update`."""

    coverage: Coverage
    sums: Any

    def merge(self, other: State) -> None:
        """Add what another state of the same aggregate has seen."""
        self.coverage.merge(other.coverage)
        self.sums.merge(other.sums)


@dataclass(slots=True)
class Rows:
    """The rows of an evaluated batch that an aggregate is to count.

    Attributes:
        evaluation: the batch of N samples.
        problems: N keys (uint64): rows of one problem, that is of one prompt, have one key, in whichever batch they are.
        indices: positions of the rows that count; the others are a sampler's padding.
    """

    evaluation: Evaluation
    problems: np.ndarray
    indices: Sequence[int]
    _scored: dict[tuple[str, ...], tuple[list[int], Coverage]] = field(default_factory=dict)

    def scored(self, *rewards: str) -> tuple[list[int], Coverage]:
        """Positions of the rows with a score of all these rewards, and what became of the others; rows are skipped as the first one skips them."""
        if rewards not in self._scored:
            self._scored[rewards] = self._find(rewards)
        return self._scored[rewards]

    def _find(self, rewards: tuple[str, ...]) -> tuple[list[int], Coverage]:
        columns = [self.evaluation.columns[name] for name in rewards]
        coverage, found, outcomes = Coverage(rows=len(self.indices)), [], columns[0].outcomes
        for i in self.indices:
            if outcomes[i] is Outcome.SKIPPED:
                coverage.skipped += 1
                continue
            for column in columns:
                if column.scores[i] is None:
                    coverage.failed += 1
                    if coverage.problem is None:
                        result = column.results[i]
                        coverage.problem = f"{column.reward.name}: {result.error or result.reason or result.outcome.value}"
                    break
            else:
                coverage.no_answer += lacks_answer(columns[0], i)
                found.append(i)
        return found, coverage


@configured
class Aggregate(ABC):
    """Numbers over all rows of an evaluation, computed once, from the rubric's columns.

    Subclasses are declared with `@configured`. A state holds what can be added up, so that batches, processes and files can be merged in any
    order: `start`, `add` for each batch, `State.merge`, and `numbers` at the end.
    """

    reward: str
    """Name of the reward that is aggregated."""
    name: str | None = field(default=None, kw_only=True)
    """A name of its own, put between the reward's and the number's, where a rubric has several aggregates of one kind over one reward."""

    direction: ClassVar[Direction] = "up"
    """Whether more or less of its numbers is better, for early stopping and the best checkpoint."""
    reward_options: ClassVar[tuple[str, ...]] = ("reward",)
    """The options that must be names of rewards."""

    def __post_init__(self) -> None:
        if self.name is not None and (not self.name.strip() or "/" in self.name):
            raise ValueError(f"name must be text without '/', got {self.name!r}")

    @property
    def columns(self) -> frozenset[str]:
        """Names of the dataset columns that it reads, beside those of its reward; a name of one of the rubric's rewards is no column."""
        return frozenset()

    @property
    def reads_answers(self) -> bool:
        """Whether it compares the reward's parsed answers, and not only its scores."""
        return False

    def check(self, rewards: Mapping[str, Reward]) -> None:
        """Check that the rewards that it names are there, and parse an answer where it reads answers.

        Args:
            rewards: the rubric's, by name.

        Raises:
            ValueError: naming the nearest.
        """
        for option in self.reward_options:
            name = getattr(self, option)
            if name is not None and name not in rewards:
                near = get_close_matches(name, rewards, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{option} must be the name of a reward, got {name!r}; there are {', '.join(rewards)}{hint}")
        if self.reads_answers and not rewards[self.reward].reads_answer:
            raise ValueError(f"it compares parsed answers, and the reward {self.reward!r} reads none: give that reward a parser (parse: ...)")

    @property
    def largest_k(self) -> int:
        """Completions to a prompt that it needs at least."""
        return 1

    @abstractmethod
    def start(self) -> State:
        """A state that has seen nothing."""

    @abstractmethod
    def add(self, state: State, rows: Rows) -> None:
        """Count rows of a batch."""

    @abstractmethod
    def numbers(self, state: State) -> list[Number]:
        """What the rows amount to, under names that do not depend on them, unless they say `by label` or `by field`."""

    def scored(self, state: State, rows: Rows, *, others: Sequence[str] = ()) -> list[int]:
        """Positions of the rows with a score of the reward, and of `others`; the rest is counted in the state's coverage."""
        found, coverage = rows.scored(self.reward, *others)
        state.coverage.merge(coverage)
        return found


def lacks_answer(column: RewardColumn, place: int) -> bool:
    """Whether a row's response has no answer, where the reward looks for one."""
    return column.outcomes[place] is Outcome.UNPARSED or (column.reward.reads_answer and column.answers[place] is None)


def without_reference(coverage: Coverage, column: RewardColumn, place: int, problem: str) -> None:
    """Take a row that `scored` counted back: it has no reference."""
    coverage.no_reference += 1
    coverage.no_answer -= lacks_answer(column, place)
    if coverage.problem is None:
        coverage.problem = problem
