"""What an optimizer is: from a prompt and rows to better prompts, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rl_rewards.generation.prompt import Prompt
from rl_rewards.optimizers.candidates import Candidate
from rl_rewards.optimizers.splits import Split
from rl_rewards.optimizers.task import Budget, Task

__all__ = ["Optimizer", "Search"]


@dataclass(frozen=True, slots=True)
class Search:
    """What an optimizer works on.

    Attributes:
        task: measures a prompt on rows.
        split: rows to learn from and rows to choose by; the test rows are not the optimizer's.
        budget: completions that may be written.
        start: the prompt to begin with.
        seed: of everything that is drawn by lot.
        say: called with a line for people.
    """

    task: Task
    split: Split
    budget: Budget
    start: Prompt
    seed: int = 0
    say: Callable[[str], None] = lambda line: None


class Optimizer(Protocol):
    """Searches for a prompt.

    Nothing but `search.seed` and what was measured may decide what it does next: then a search that was cut short goes on by being started
    again.

    """

    name: ClassVar[str]
    """As the command line has it."""

    @property
    def confidence(self) -> float:
        """Standard errors below the mean at which candidates are ranked."""
        ...

    def candidates(self, search: Search) -> Iterator[Candidate]:
        """Candidates, each when it has been measured, the start first, until the budget ends.

        A candidate may come again when it has been measured on more rows.
        """
        ...
