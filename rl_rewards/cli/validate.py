"""`rl-rewards validate`: is the rubric right, and does it fit the data?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.options import RubricArgument, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.rubric import Rubric


def validate(
    rubric: RubricArgument,
    data: Annotated[Path | None, typer.Option(help="Training data, JSONL, CSV or Parquet, that the rubric must fit.", show_default=False)] = None,
    verbose: VerboseOption = False,
) -> None:
    """Check a rubric file, and with --data that training data has the columns and values that it reads.

    Exit status: 0 right, 1 some rows do not fit, 2 the rubric or the data cannot be used.
    """
    with user_errors(verbose):
        from rl_rewards.rubric_files.target import load_target

        loaded = load_target(rubric)
        _show(loaded)
        fits = data is None or _check_data(loaded, data)
    if not fits:
        raise typer.Exit(INCOMPLETE)


def _show(rubric: Rubric) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("reward", "weight", "parse", "score", "columns"):
        table.add_column(heading, overflow="fold")
    for reward in rubric:
        columns = ", ".join(sorted(reward.columns))
        table.add_row(*map(Text, (reward.name, f"{reward.weight:g}", _spelled(reward.parse), _spelled(reward.score), columns)))
    Console().print(table)


def _spelled(value: Any) -> str:
    """A parser or scorer as a rubric file spells it."""
    import yaml

    from rl_rewards.rubric_files.specs import plain

    try:
        spec = plain(value, Path.cwd())
    except ValueError:  # made in Python, of what no file can name
        return repr(value)
    return spec if isinstance(spec, str) else yaml.safe_dump(spec, default_flow_style=True, sort_keys=False, width=1 << 20).strip()


def _check_data(rubric: Rubric, data: Path) -> bool:
    """Whether every row of the data fits the rubric."""
    from rl_rewards.checks import RubricDataError, check_columns, check_routes
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.cli.reports import BadRows
    from rl_rewards.tables.readers import TableError, read_rows, table_size

    bad, total, columns, empty = BadRows(data), 0, set(), Counter()

    def rows() -> Iterator[Mapping[str, Any]]:
        nonlocal total
        with progress_over(table_size(data), "checking") as advance:
            for row in read_rows(data):
                advance(row.size)
                if row.values is None:
                    bad(row)
                    continue
                total += 1
                columns.update(row.values)
                empty.update(_empty_columns(rubric, row.values))
                yield row.values

    stream, unhandled = rows(), None
    try:
        check_routes(rubric, stream)
    except RubricDataError as error:
        unhandled = error
    for _ in stream:  # where nothing is routed, nothing was read
        pass
    if not total:
        raise TableError(f"{data}: no rows")
    check_columns(rubric, columns - {"prompt", "completion"})
    if unhandled is not None:
        raise unhandled
    for (reward, column), count in empty.items():
        say(f"reward {reward!r} needs {column!r}, which is empty in {count} of {total} rows")
    if bad.count:
        say(f"{bad.count} rows could not be read")
    say(f"{total} rows checked")
    return not bad.count and not empty


def _empty_columns(rubric: Rubric, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(reward, column) for every column that a reward needs of this row and that has no value in it."""
    for reward in rubric:
        if reward.applies_to(row):
            for column in reward.columns:
                if row.get(column) in (None, "", []):
                    yield reward.name, column
