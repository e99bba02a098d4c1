"""gepa: texts of a prompt that a model rewrites after reading what the rewards say (PyPI `gepa`; 2507.19457).

GEPA keeps every candidate that is the best on some held-out row, picks one of them, runs it on a few training rows, and has a reflection
model rewrite one of its texts from what happened there. The reasons of the rewards are the feedback that it reads.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from queue import SimpleQueue
from threading import Thread
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from rl_rewards.configured import configured
from rl_rewards.generation.collecting import PromptRow
from rl_rewards.generation.model import CompletionModel, Sampling
from rl_rewards.generation.prompt import Prompt
from rl_rewards.optimizers.candidates import Candidate, Measured
from rl_rewards.optimizers.optimizer import Search
from rl_rewards.optimizers.task import OptimizeError
from rl_rewards.user_errors import require

__all__ = ["Gepa", "feedback"]

_DEFAULT_SYSTEM = "You are a helpful assistant."


@configured
class Gepa:
    """Has a model rewrite the texts of a prompt, after the rewards' reasons.

    The texts are those of the prompt that the search starts with (system, instructions); without any, the system message that the rows share,
    or "You are a helpful assistant.". Examples stay as they are. Each reward is an objective of its own. The search stops before a step that
    might need more completions than are left: that is all held-out rows and twice a minibatch.

    Raises:
        pydantic.ValidationError: when a value is out of its range.
    """

    name: ClassVar[str] = "gepa"

    reflection_model: CompletionModel | None = None
    """What rewrites texts; by default the model whose prompt is searched."""
    reflection_sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=4096))
    """How it is sampled."""
    minibatch_size: int = 3
    """Training rows that each reflection reads."""
    frontier: Literal["instance", "objective", "hybrid", "cartesian"] = "instance"
    """What a candidate must be the best at to be kept: a held-out row, a reward, either, or a reward on a row."""
    confidence: float = 1.0
    """Standard errors below the mean at which candidates are ranked in the end."""

    @field_validator("minibatch_size")
    @classmethod
    def _at_least_one(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"must be at least 1, got {value}")
        return value

    @field_validator("confidence")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(f"must be 0 or more, got {value}")
        return value

    def candidates(self, search: Search) -> Iterator[Candidate]:
        """Candidates when they have been measured on all held-out rows."""
        require("the optimizer gepa", "gepa")
        need = search.task.cost(search.split.validation) + search.task.cost(2 * self.minibatch_size)
        if search.budget.left < need:
            raise OptimizeError(
                f"a budget for gepa must be at least {need} completions, for {len(search.split.validation)} held-out rows and two minibatches "
                f"of {self.minibatch_size}, got {search.budget.left}"
            )
        # GEPA runs its own loop, in a thread that waits while a candidate is looked at: one of the two works at a time.
        found: SimpleQueue[Candidate | BaseException | None] = SimpleQueue()
        go_on: SimpleQueue[None] = SimpleQueue()
        run = Thread(target=self._run, args=(search, found, go_on), name="rl_rewards-gepa", daemon=True)
        run.start()
        while (each := found.get()) is not None:
            if isinstance(each, BaseException):
                raise each
            yield each
            go_on.put(None)
        run.join()

    def _run(self, search: Search, found: SimpleQueue[Candidate | BaseException | None], go_on: SimpleQueue[None]) -> None:
        from gepa.api import optimize

        adapter: Any = _Adapter(self, search, found, go_on)
        try:
            optimize(
                seed_candidate=adapter.texts_of(search.start),
                trainset=search.split.train,
                valset=search.split.validation,
                adapter=adapter,
                reflection_lm=adapter.reflect,
                reflection_minibatch_size=self.minibatch_size,
                frontier_type=self.frontier,
                skip_perfect_score=False,
                stop_callbacks=adapter.is_over,
                logger=_Silent(),
                seed=search.seed,
                raise_on_exception=True,
            )
            found.put(adapter.error)
        except BaseException as error:  # raised again by who reads the candidates
            found.put(error)


def _kept(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the adapter whose error ends the search: GEPA itself logs most errors and goes on without a proposal."""

    @functools.wraps(method)
    def kept(adapter: _Adapter, *arguments: Any, **options: Any) -> Any:
        try:
            return method(adapter, *arguments, **options)
        except BaseException as error:
            adapter.error = adapter.error or error
            raise

    return kept


class _Silent:
    """GEPA's log: what people want of it is said elsewhere."""

    def log(self, message: str) -> None:
        pass


class _Adapter:
    """GEPA's adapter to a task: our totals are its scores, our rewards its objectives, our reasons its feedback."""

    propose_new_texts = None
    """Asked for by GEPA: texts are proposed by its own proposer."""

    def __init__(self, options: Gepa, search: Search, found: SimpleQueue[Candidate | BaseException | None], go_on: SimpleQueue[None]) -> None:
        self._options, self._search, self._found, self._go_on = options, search, found, go_on
        self._held_out = [row.number for row in search.split.validation]
        self._reported: set[str] = set()
        self._reflections = 0
        self.error: BaseException | None = None

    def texts_of(self, start: Prompt) -> dict[str, str]:
        """The texts that are rewritten."""
        return {name: text for name, text in start.texts.items() if text.strip()} or {"system": self._shared_system() or _DEFAULT_SYSTEM}

    def prompt_of(self, texts: Mapping[str, str]) -> Prompt:
        """The prompt with these texts."""
        return Prompt(**{**self._search.start.texts, **texts}, examples=self._search.start.examples)

    def is_over(self, gepa_state: Any) -> bool:
        """Whether the next step might need more completions than are left, or a step failed."""
        task = self._search.task
        if self.error is not None:
            return True
        return self._search.budget.left < task.cost(self._search.split.validation) + task.cost(2 * self._options.minibatch_size)

    @_kept
    def reflect(self, prompt: str | list[dict[str, Any]]) -> str:
        """What the reflection model says, once for each time that it is asked."""
        self._reflections += 1
        digest = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()[:16]
        model = self._options.reflection_model or self._search.task.model
        return self._search.task.ask(f"reflection/{self._reflections}/{digest}", prompt, model, self._options.reflection_sampling)

    @_kept
    def evaluate(self, batch: list[PromptRow], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """GEPA's measurement of a candidate on rows: a score and objectives for each.

        A row without a score, for a reward of ours failed there, gets the mean of the others: it speaks neither for the candidate nor against.
        """
        from gepa.core.adapter import EvaluationBatch

        prompt = self.prompt_of(candidate)
        measured = self._search.task.measure(prompt, batch, self._search.budget)
        if [row.number for row in batch] == self._held_out and prompt.key not in self._reported:
            self._reported.add(prompt.key)
            found = Candidate(prompt, origin="start" if not self._reflections else "rewritten")
            found.add(measured)
            self._found.put(found)
            self._go_on.get()
        n = self._search.task.n
        rows = [measured[start : start + n] for start in range(0, len(measured), n)]
        names = [reward.name for reward in self._search.task.rubric]
        return EvaluationBatch(
            outputs=[[each.completion for each in row] for row in rows],
            scores=_filled([_mean(each.score for each in row) for row in rows]),
            trajectories=list(zip(batch, rows)) if capture_traces else None,
            objective_scores=_by_row({name: _filled([_mean(each.scores[name] for each in row) for row in rows]) for name in names}),
            num_metric_calls=self._search.task.cost(batch),
        )

    @_kept
    def make_reflective_dataset(self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]) -> dict[str, list[dict[str, Any]]]:
        """What the reflection model reads: each row's prompt, what was written, and what the rewards say of it."""
        references = sorted(self._search.task.rubric.columns)
        records = [
            {"Inputs": _told(row), "Generated Outputs": each.completion, "Feedback": feedback(each, row.values, references)}
            for row, measured in eval_batch.trajectories
            for each in measured
        ]
        return dict.fromkeys(components_to_update, records)

    def _shared_system(self) -> str | None:
        """The system message of all rows, where they have the same."""
        rows = [*self._search.split.train, *self._search.split.validation]
        found = {row.prompt[0]["content"] if not isinstance(row.prompt, str) and row.prompt[0]["role"] == "system" else None for row in rows}
        return found.pop() if len(found) == 1 else None


def feedback(measured: Measured, values: Mapping[str, Any], references: Sequence[str]) -> str:
    """What the rewards say of a completion: a line for each, with its score, outcome and reason, the parsed answer, and the references.

    Args:
        values: the row's columns.
        references: the columns that the rewards read.
    """
    lines = [f"total reward: {_number(measured.score)}"]
    for name, score in measured.scores.items():
        outcome = measured.outcomes[name]
        if outcome == "skipped":
            continue
        parsed = f", parsed answer {measured.answers[name]!r}" if measured.answers[name] is not None else ""
        reason = f": {measured.reasons[name]}" if measured.reasons[name] else ""
        lines.append(f"{name}: {_number(score)} ({outcome}{parsed}){reason}")
    lines += [f"{name} in the data: {values[name]}" for name in references if values.get(name) is not None]
    return "\n".join(lines)


def _told(row: PromptRow) -> Any:
    return row.prompt if isinstance(row.prompt, str) else [{"role": turn["role"], "content": turn.get("content")} for turn in row.prompt]


def _number(score: float | None) -> str:
    return "no score" if score is None else f"{score:g}"


def _mean(scores: Iterator[float | None]) -> float | None:
    found = [score for score in scores if score is not None]
    return math.fsum(found) / len(found) if found else None


def _filled(scores: list[float | None]) -> list[float]:
    """Scores with the mean of the others where there is none; without any, 0 for all, which ranks nothing."""
    mean = _mean(iter(scores)) or 0.0
    return [mean if score is None else score for score in scores]


def _by_row(columns: Mapping[str, list[float]]) -> list[dict[str, float]]:
    return [dict(zip(columns, row)) for row in zip(*columns.values())]
