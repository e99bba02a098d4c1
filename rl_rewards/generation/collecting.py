"""The completions to the prompts of a dataset: what is finished is kept, and what was cut short goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rl_rewards.generation.journal import Journal
from rl_rewards.generation.model import Completion, CompletionModel, GenerationError, Request, Sampling, Turns
from rl_rewards.generation.prompt import Prompt
from rl_rewards.generation.prompt_rows import prompt_of, row_with
from rl_rewards.tables.readers import Row
from rl_rewards.types.rows import RowError

__all__ = ["Collected", "PromptRow", "collect", "digest_of", "prompt_rows", "scorable_rows"]

_WINDOW = 4096  # requests that a model gets at a time: enough to sort by length and to keep a server busy


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A row of a dataset: its number in it, its columns and its prompt."""

    number: int
    values: dict[str, Any]
    prompt: Turns


@dataclass(slots=True)
class Collected:
    """What became of the requests: how many were finished before, now, and failed, with the first error."""

    before: int = 0
    finished: int = 0
    failed: int = 0
    error: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    """Why completions ended (`stop`, `length`, ...) -> how many."""


def prompt_rows(rows: Iterable[Row], report: Callable[[Row], None], limit: int | None = None) -> list[PromptRow]:
    """The rows that have a prompt.

    Args:
        report: called with each row with a problem; it is left out.
        limit: the most rows that are taken.
    """
    return list(islice(_prompt_rows(rows, report), limit))


def _prompt_rows(rows: Iterable[Row], report: Callable[[Row], None]) -> Iterator[PromptRow]:
    for row in rows:
        try:
            if row.values is not None:
                yield PromptRow(row.number, row.values, prompt_of(row.values))
                continue
        except RowError as error:
            row.problem = str(error)
        report(row)


def digest_of(rows: Iterable[PromptRow]) -> str:
    """What tells these rows from any others."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row.number, row.values], sort_keys=True, default=str).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]


def collect(
    model: CompletionModel,
    rows: Sequence[PromptRow],
    sampling: Sampling,
    journal: Journal,
    n: int = 1,
    prompt: Prompt | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Collected:
    """Have a model write `n` completions to each row's prompt, and keep each in the journal as soon as it is there.

    Args:
        prompt: put before every row's.
        advance: called with the number of completions done since its last call, those that the journal has included.

    Raises:
        GenerationError: when every request failed.
    """
    result = Collected()
    wanted = [(row, sample) for row in rows for sample in range(n)]
    missing = [(row, sample) for row, sample in wanted if _key(row, sample) not in journal]
    result.before = len(wanted) - len(missing)
    advance(result.before)
    for start in range(0, len(missing), _WINDOW):
        window = missing[start : start + _WINDOW]
        requests = [Request(row.prompt if prompt is None else prompt.apply(row.prompt), sample) for row, sample in window]
        for place, completion in model.complete(requests, sampling):
            advance(1)
            if completion.error is None:
                journal[_key(*window[place])] = dataclasses.asdict(completion)
                result.finished += 1
            else:
                result.failed += 1
                result.error = result.error or completion.error
    if result.failed and not result.finished and not result.before:
        raise GenerationError(f"{model.name} failed on all {result.failed} prompts; the first error: {result.error}")
    return result


def scorable_rows(rows: Iterable[PromptRow], journal: Journal, n: int, prompt: Prompt | None, result: Collected) -> Iterator[dict[str, Any]]:
    """Rows to score, in the dataset's order, the completions to one prompt together; what failed is left out.

    The column `prompt` is the row's own, so that two evaluations can be compared row by row; with `prompt`, `asked` is what was asked.
    """
    for row in rows:
        asked = {"asked": prompt.apply(row.prompt)} if prompt else {}
        for sample in range(n):
            if (key := _key(row, sample)) in journal:
                completion = Completion(**journal[key])
                reason = str(completion.finish_reason)
                result.reasons[reason] = result.reasons.get(reason, 0) + 1
                yield {**row_with(row.values, row.prompt, completion, sample), **asked}


def _key(row: PromptRow, sample: int) -> str:
    return f"{row.number}/{sample}"
