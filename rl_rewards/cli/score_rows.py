"""What `rl-rewards score` does with what was typed: checks it, scores the rows, says what came of it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rl_rewards.cli.user_errors import OptionError, say

if TYPE_CHECKING:
    from rl_rewards.evaluation.difficulty import MixedFilter
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.rubric import Rubric
    from rl_rewards.scale.engines import Engine
    from rl_rewards.scale.rubric_reference import RubricReference
    from rl_rewards.scale.run import Run
    from rl_rewards.scale.scoring import BlockResult
    from rl_rewards.scale.splitting import Split
    from rl_rewards.tables.blocks import Source


class EngineName(StrEnum):
    local = "local"
    ray = "ray"


@dataclass(frozen=True)
class ScoreOptions:
    """What was typed."""

    rubric: str | None
    folders: tuple[str, ...]
    weights: Mapping[str, float]
    data: str
    out: Path | None
    table: bool
    json_file: Path | None
    keep: str | None
    workers: int | None
    engine: EngineName
    address: str | None
    actors: int | None
    block_rows: int | None
    group_by: tuple[str, ...]
    split: str
    tokenizer: str | None
    form: str
    code: bool

    @property
    def directory(self) -> bool:
        """Whether the output is a directory: its name has no ending, or it is one."""
        return self.out is not None and (not self.out.suffix or (self.out / "_run.json").is_file())

    @property
    def encoding(self) -> str | None:
        """How rows are encoded for a file."""
        if self.out is None or self.form == "bedrock":
            return None if self.out is None else "bedrock"
        return "table" if self.out.suffix.lower() == ".parquet" else "lines"


def check_options(options: ScoreOptions) -> None:
    """Check options that do not go together.

    Raises:
        OptionError, TableError: naming them.
    """
    from rl_rewards.tables.writers import writable_kind

    if options.form not in ("rows", "bedrock"):
        raise OptionError(f"--format must be rows or bedrock, got {options.form!r}")
    if options.form == "bedrock" and (options.out is None or options.directory or options.out.suffix.lower() == ".parquet"):
        raise OptionError(f"--format bedrock needs --out with a .jsonl file, got {options.out}")
    if options.form == "bedrock" and (options.workers or 1) > 1:
        raise OptionError("--format bedrock counts rows without an id one after the other: leave --workers out")
    if options.keep is not None and options.directory:
        raise OptionError(f"--keep needs --out with a .jsonl or .parquet file, got the directory {options.out}")
    if options.engine is EngineName.ray and not options.directory:
        raise OptionError(f"--engine ray needs --out with a directory, a name without an ending, got {options.out}")
    if options.engine is EngineName.local:
        for name, value in (("--address", options.address), ("--actors", options.actors)):
            if value is not None:
                raise OptionError(f"{name} needs --engine ray")
    if options.address is not None and options.workers is not None:
        raise OptionError("--workers is for this machine, and a cluster at --address has CPUs of its own: give one of them")
    if options.out is not None and not options.directory:
        writable_kind(options.out)


def score_rows(options: ScoreOptions) -> bool:
    """Whether every row was read, and scored by every reward that applies to it, and every number is there."""
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows, Totals
    from rl_rewards.evaluation.summary import EvaluationSummary
    from rl_rewards.scale.rubric_reference import RubricReference
    from rl_rewards.scale.run import Run
    from rl_rewards.scale.splitting import split_of
    from rl_rewards.tables.group_key import GroupKey
    from rl_rewards.tables.keeping import keep_rows
    from rl_rewards.tables.readers import TableError
    from rl_rewards.tables.sources import open_source
    from rl_rewards.tables.writers import writable_kind

    reference, rubric = RubricReference.of(options.rubric, options.code, options.folders, options.weights)
    data = os.path.abspath(options.data) if options.engine is EngineName.ray and os.path.exists(options.data) else options.data
    source, split = open_source(data, split=options.split), split_of(rubric)
    numbers = EvaluationSummary(rubric) if options.table or options.json_file else None
    mixed = None if options.keep is None else _filter(options.keep, rubric)
    bad, totals, total, replaced = BadRows(options.data), Totals(), 0, set()
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(_engine(options, split))
        _say_what_pays(options, reference, split, source)
        counted = numbers is not None or options.directory
        run = Run(reference, rubric, source, engine, options.block_rows, options.tokenizer, counted, GroupKey(options.group_by))
        stack.enter_context(_output_named(options))
        temporary = stack.enter_context(_temporary(options))
        gc.freeze()  # what is loaded stays: going over it again and again takes a fifth of the time of rules
        stack.callback(gc.unfreeze)
        with progress_over(source.size, "scoring") as advance:
            for result in _results(options, run, temporary, None if mixed is None else mixed.reward, advance):
                bad.add(result.bad, result.problems)
                totals.add(result.tallies, result.failures)
                if numbers is not None and result.numbers is not None:
                    numbers.merge_state(result.numbers)
                if mixed is not None:
                    mixed.merge_state(result.mixed)
                replaced |= result.replaced
                total += result.rows
                del result  # before the next one is made
        if not total:
            raise TableError(f"{options.data}: no rows to score" + (f", {bad.count} with problems" if bad.count else ""))
        if mixed is not None and temporary is not None and options.out is not None:
            keep_rows(temporary, writable_kind(options.out), mixed.keep.tolist())
    if replaced:
        say(f"columns of the data that were replaced: {', '.join(sorted(replaced))}")
    if run.groups is not None:
        say(run.groups.describe(run.key))
    elif options.group_by:
        say("--group-by changes nothing: no reward of this rubric compares the completions of a group")
    totals.report_failures()
    if bad.count:
        say(f"{bad.count} of {total + bad.count} rows were left out")
    totals.report_scores()
    if mixed is not None:
        say(mixed.describe())
    kept = total if mixed is None else int(mixed.keep.sum())
    out = options.out
    say(f"{total} rows scored" + ("" if out is None else f": {out}" if mixed is None else f", {kept} kept: {out}"))
    return _report(numbers, options.table, options.json_file) and not bad.count and not totals.failed and kept > 0


def _results(options: ScoreOptions, run: Run, temporary: Path | None, mixed: str | None, advance: Callable[[int], None]) -> Iterator[BlockResult]:
    if options.directory and options.out is not None:
        return run.to_directory(options.out, advance)
    return run.to_file(temporary, options.encoding, mixed, advance)


@contextlib.contextmanager
def _output_named(options: ScoreOptions) -> Iterator[None]:
    """Name the output in an error of writing, which knows no file where a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and options.out is not None:
            error.filename = os.fspath(options.out)
        raise


@contextlib.contextmanager
def _temporary(options: ScoreOptions) -> Iterator[Path | None]:
    """The file that is written; None where there is none, or a directory is written."""
    from rl_rewards.tables.atomic import atomic_path

    if options.out is None or options.directory:
        yield None
        return
    with atomic_path(options.out) as temporary:
        yield temporary


def _say_what_pays(options: ScoreOptions, reference: RubricReference, split: Split, source: Source) -> None:
    """Say that Ray costs more than it gives, where a sample of the rows says so."""
    from rl_rewards.scale.cost import PAYS_FROM, seconds_per_row

    if options.engine is not EngineName.ray:
        return
    seconds = seconds_per_row(reference, split, source, options.tokenizer)
    if seconds is not None and seconds < PAYS_FROM:
        say(f"a row takes {1000 * seconds:.2g} ms here, and Ray pays from about {1000 * PAYS_FROM:g} ms a row: --workers N is faster on one machine")


@contextlib.contextmanager
def _engine(options: ScoreOptions, split: Split) -> Iterator[Engine]:
    """Where blocks are scored."""
    from rl_rewards.scale.engines import Here, Processes

    if options.engine is EngineName.ray:
        from rl_rewards.scale.ray_data import RayEngine

        with RayEngine(split, options.address, options.workers, options.actors) as engine:
            yield engine
        return
    workers = options.workers or 1
    if workers > 1 and split.undivided:
        say(f"rows are scored in one process, whatever --workers says: {split.undivided}")
        workers = 1
    yield Here() if workers == 1 else Processes(workers)


def _filter(keep: str, rubric: Rubric) -> MixedFilter:
    """The filter that `--keep` names.

    Raises:
        KeepError: when it names none.
    """
    from rl_rewards.evaluation.difficulty import KeepError, MixedFilter

    what, _, reward = keep.partition(":")
    if what != "mixed":
        raise KeepError(f"--keep must be mixed or mixed:REWARD, got {keep!r}")
    return MixedFilter(rubric, reward or None)


def _report(numbers: EvaluationSummary | None, table: bool, json_file: Path | None) -> bool:
    """Print the numbers, or write them; whether none of them lacks all of its rows."""
    if numbers is None:
        return True
    import json

    from rich.console import Console

    from rl_rewards.cli.summary_table import summary_notes, summary_table
    from rl_rewards.tables.atomic import atomic_path

    if table:
        Console().print(summary_table(numbers))
        for note in summary_notes(numbers):
            say(note)
    if json_file is not None:
        with atomic_path(json_file) as temporary:
            temporary.write_text(json.dumps(numbers.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return not any(result.incomplete for result in numbers.results())
