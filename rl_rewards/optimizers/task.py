"""What a prompt is measured with: rows, a model, a rubric, and a budget of completions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rl_rewards.generation.collecting import PromptRow
from rl_rewards.generation.journal import Journal
from rl_rewards.generation.model import Completion, CompletionModel, GenerationError, Request, Sampling
from rl_rewards.generation.prompt import Prompt, question_of
from rl_rewards.generation.prompt_rows import row_with
from rl_rewards.optimizers.candidates import Measured
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.rubric import Rubric
from rl_rewards.types.rows import Tokenize, sample_of
from rl_rewards.user_errors import UserError

__all__ = ["Budget", "OptimizeError", "Task"]

_LONGEST_ANSWER = 2000  # characters of a parsed answer that are kept


class OptimizeError(UserError, RuntimeError):
    """A search that cannot begin or go on."""


class Budget:
    """Completions that a search may have written, and how many were.

    Args:
        total: at least 1.
        spend: called with the number of completions at each measurement.
    """

    def __init__(self, total: int, spend: Callable[[int], None] = lambda count: None) -> None:
        if total < 1:
            raise OptimizeError(f"the budget must be at least 1 completion, got {total}")
        self.total = total
        self.spent = 0
        self._spend = spend

    @property
    def left(self) -> int:
        """Completions that may still be written."""
        return self.total - self.spent

    def take(self, count: int) -> None:
        """Spend completions.

        Raises:
            OptimizeError: when there are not so many left.
        """
        if count > self.left:
            raise OptimizeError(f"{count} completions are more than the {self.left} that are left of a budget of {self.total}")
        self.spent += count
        self._spend(count)


class Task:
    """Measures prompts: a model completes rows with them, and a rubric scores what it writes.

    Every completion and score is in the journal as soon as it is there. So a search that is started again with the same seed takes the same
    steps, gets what was measured from the journal, and goes on where it was cut short.

    Args:
        model: what completes.
        rubric: what scores; its weighted total is the reward.
        sampling: how completions are drawn.
        journal: where measurements are kept.
        n: completions to a row.
        tokenize: text -> token ids, for rewards that count tokens where the model tells none.
    """

    def __init__(
        self, model: CompletionModel, rubric: Rubric, sampling: Sampling, journal: Journal, n: int = 1, tokenize: Tokenize | None = None
    ) -> None:
        self.model = model
        self.rubric = rubric
        self.sampling = sampling
        self.journal = journal
        self.n = n
        self._tokenize = tokenize

    def cost(self, rows: Sequence[PromptRow] | int) -> int:
        """Completions that measuring a prompt on rows takes."""
        return self.n * (rows if isinstance(rows, int) else len(rows))

    def measure(self, prompt: Prompt, rows: Sequence[PromptRow], budget: Budget | None = None, draw: int = 0) -> list[Measured]:
        """Measure a prompt on rows: n completions of each, those of a row next to each other.

        Args:
            draw: which draw of n completions; each has its own.

        What the journal has costs as much of the budget as when it was first measured, so that a search that is repeated ends where it did.

        Raises:
            GenerationError: when a completion failed; what was finished is kept.
            OptimizeError: when the budget has not enough left.
        """
        if budget is not None:
            budget.take(self.cost(rows))
        wanted = [(row, sample) for row in rows for sample in range(draw * self.n, (draw + 1) * self.n)]
        unscored = [pair for pair in wanted if self._key("score", prompt, *pair) not in self.journal]
        if unscored:
            # Rewards that compare the completions to one prompt need all of them.
            numbers = {row.number for row, _ in unscored}
            self._score(prompt, [(row, sample) for row, sample in wanted if row.number in numbers])
        return [
            Measured(
                row.number,
                question_of(row.prompt),
                self._completion(prompt, row, sample).text,
                **self.journal[self._key("score", prompt, row, sample)],
            )
            for row, sample in wanted
        ]

    def ask(self, key: str, prompt: Any, model: CompletionModel, sampling: Sampling) -> str:
        """What another model says to a prompt, asked once and kept under a key."""
        if key not in self.journal:
            ((_, completion),) = model.complete([Request(prompt)], sampling)
            if completion.error is not None:
                raise GenerationError(f"{model.name} failed: {completion.error}")
            self.journal[key] = completion.text
        return self.journal[key]

    def _score(self, prompt: Prompt, pairs: Sequence[tuple[PromptRow, int]]) -> None:
        self._complete(prompt, [pair for pair in pairs if self._key("text", prompt, *pair) not in self.journal])
        samples = []
        for index, (row, number) in enumerate(pairs):
            values = row_with(row.values, row.prompt, self._completion(prompt, row, number), number)
            samples.append(sample_of(values, index, self._tokenize))
            samples[-1].group = index // self.n
        evaluation = self.rubric.evaluate(samples)
        for index, pair in enumerate(pairs):
            self.journal[self._key("score", prompt, *pair)] = _facts(evaluation, index)

    def _complete(self, prompt: Prompt, pairs: Sequence[tuple[PromptRow, int]]) -> None:
        requests = [Request(prompt.apply(row.prompt), sample) for row, sample in pairs]
        failed, error = 0, ""
        for place, completion in self.model.complete(requests, self.sampling):
            if completion.error is None:
                self.journal[self._key("text", prompt, *pairs[place])] = dataclasses.asdict(completion)
            else:
                failed, error = failed + 1, error or completion.error
        if failed:
            raise GenerationError(
                f"{self.model.name} failed on {failed} of {len(pairs)} completions; the same command goes on. The first error: {error}"
            )

    def _completion(self, prompt: Prompt, row: PromptRow, sample: int) -> Completion:
        return Completion(**self.journal[self._key("text", prompt, row, sample)])

    def _key(self, what: str, prompt: Prompt, row: PromptRow, sample: int) -> str:
        return f"{what}/{prompt.key}/{row.number}/{sample}"


def _facts(evaluation: Evaluation, index: int) -> Mapping[str, Any]:
    """What is kept of a scored completion: the fields of `Measured` that the rubric gives."""
    columns = evaluation.columns
    results = {name: column.results[index] for name, column in columns.items()}
    answers = {name: column.answers[index] for name, column in columns.items()}
    return {
        "score": evaluation.totals()[index],
        "scores": {name: column.scores[index] for name, column in columns.items()},
        "outcomes": {name: result.outcome.value for name, result in results.items()},
        "reasons": {name: result.error or result.reason for name, result in results.items()},
        "answers": {name: None if answer is None else str(answer)[:_LONGEST_ANSWER] for name, answer in answers.items()},
    }
