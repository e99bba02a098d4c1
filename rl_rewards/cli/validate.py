"""`rl-rewards validate`: is the rubric right, and does it fit the data?"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.options import NoCodeOption, RubricArgument, VerboseOption
from rl_rewards.cli.user_errors import INCOMPLETE, OptionError, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.checks import RowChecks
    from rl_rewards.rubric import Rubric


def validate(
    rubric: RubricArgument,
    data: Annotated[
        str | None,
        typer.Option(
            help="Training data that the rubric must fit, named as for the recipes: a .jsonl, .json, .csv or .parquet file, MODULE:FUNCTION, or an id "
            "on the hub.",
            show_default=False,
        ),
    ] = None,
    data_config: Annotated[str | None, typer.Option(help="Configuration of data on the hub.", show_default=False)] = None,
    data_split: Annotated[str, typer.Option(help="Split of data on the hub.")] = "train",
    example: Annotated[
        Path | None,
        typer.Option(help="With --response: a JSON file with Vertex AI's ReinforcementTuningExample, to be scored.", show_default=False),
    ] = None,
    response: Annotated[
        Path | None, typer.Option(help="With --example: a JSON file with the response, a Content: {role, parts: [{text}]}.", show_default=False)
    ] = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check a rubric file, and with --data that training data has the columns and values that it reads.

    Every row's prompt and references are read as training would read them. With --example and --response the response is scored, and printed
    is what Vertex AI's validateReinforcementTuningReward answers, as JSON.

    Exit status: 0 right, 1 some rows do not fit, or errorStatus says what is wrong, 2 the rubric or the data cannot be used.
    """
    with user_errors(verbose):
        if example is not None or response is not None:
            _validate_response(rubric, example, response, not no_code)
            return
        from rl_rewards import loading
        from rl_rewards.rubric_files.target import load_target

        loaded = load_target(rubric, code=not no_code)
        _show(loaded)
        with loading.no_code() if no_code else contextlib.nullcontext():
            fits = data is None or _check_data(loaded, data, data_config, data_split)
    if not fits:
        raise typer.Exit(INCOMPLETE)


def _validate_response(name: str, example: Path | None, response: Path | None, code: bool) -> None:
    """Print how one response is scored, in the form of Vertex AI's answer.

    Raises:
        OptionError: when one of the files is not named.
        typer.Exit: with status 1 when the answer has an errorStatus.
    """
    import json

    from rl_rewards.formats.vertex.validation import answer_of, error_answer, sample_of
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.tables.regular_file import open_regular

    if example is None or response is None:
        raise OptionError(f"--example and --response must be given together, got {'--response' if example is None else '--example'} alone")
    contents = []
    for path in (example, response):
        with open_regular(path) as file:
            contents.append(file.read())
    try:
        rubric = load_target(name, code)
        answer = answer_of(rubric, sample_of(*contents), _names_of_config(name))
    except ValueError as error:  # RubricFileError, too: what is wrong with the config, the example or the response
        answer = error_answer(str(error))
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    if answer["errorStatus"] is not None:
        raise typer.Exit(INCOMPLETE)


def _names_of_config(name: str) -> list[str] | None:
    """The names of a Vertex AI config's rewards as it spells them; None for any other rubric."""
    from rl_rewards.formats.registry import format_like
    from rl_rewards.formats.vertex.config import names_in
    from rl_rewards.rubric_files.sources import read_source

    if not Path(name).is_file():
        return None
    data = read_source(name).data
    found = format_like(data)
    return names_in(data) if found is not None and found.name == "vertex" else None


def _show(rubric: Rubric) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("reward", "weight", "parse", "score", "columns", "options"):
        table.add_column(heading, overflow="fold")
    for reward in rubric:
        columns = ", ".join(sorted(reward.columns))
        further = {name: value for name in ("when", "gate", "clip", "isolate", "on_error") if (value := _option(reward, name)) is not None}
        options = ", ".join(f"{name}: {_spelled(value)}" for name, value in further.items())
        table.add_row(*map(Text, (reward.name, f"{reward.weight:g}", _spelled(reward.parse), _spelled(reward.score), columns, options)))
    if not any(map(str, table.columns[-1].cells)):
        table.columns.pop()
    Console().print(table)


def _option(reward: Any, name: str) -> Any:
    """An option of a reward that differs from its default, else None."""
    value = getattr(reward, name)
    return None if value == type(reward).__pydantic_fields__[name].get_default(call_default_factory=True) else value


def _spelled(value: Any) -> str:
    """A parser, a scorer or another option as a rubric file spells it."""
    import yaml

    from rl_rewards.rubric_files.specs import plain

    try:
        spec = plain(value, Path.cwd())
    except ValueError:  # made in Python, of what no file can name
        return repr(value)
    return (
        spec if isinstance(spec, str) else yaml.safe_dump(spec, default_flow_style=True, sort_keys=False, width=1 << 20).partition("\n...")[0].strip()
    )


def _check_data(rubric: Rubric, data: str, config: str | None, split: str) -> bool:
    """Whether every row of the data fits the rubric."""
    from rl_rewards.checks import RouteCheck, RowChecks, RubricDataError, check_columns, check_weights, missing_labels
    from rl_rewards.cli.reports import BadRows
    from rl_rewards.tables.datasets import dataset_rows
    from rl_rewards.tables.readers import TableError

    bad, total, columns = BadRows(data), 0, set()
    empty: Counter[tuple[str, str]] = Counter()
    routes, checks = RouteCheck(rubric), RowChecks(rubric)
    with _progress(data) as advance:
        for row in dataset_rows(data, config, split):
            advance(row.size)
            if row.values is None:
                bad(row)
                continue
            total += 1
            columns.update(row.values)
            empty.update(_empty_columns(rubric, checks, row.values))
            routes.add(row.values)
            checks.add(row.values, row.number)
    if not total:
        raise TableError(f"{data}: no rows")
    check_columns(rubric, columns - {"prompt", "completion"})
    if (lack := missing_labels(rubric, columns)) is not None:  # data that is only trained on does without
        say(lack)
    check_weights(rubric)
    if "prompt" not in columns:
        raise RubricDataError(f"{data}: training data needs a column 'prompt'; it has {sorted(columns)}")
    routes.finish()
    checks.finish()
    findings = [f"reward {reward!r} needs {column!r}, which is empty in {count} of {total} rows" for (reward, column), count in empty.items()]
    findings += checks.findings
    if bad.count:
        findings.append(f"{bad.count} row{'s' * (bad.count != 1)} could not be read")
    for line in [*checks.warnings, *findings]:
        say(line)
    say(f"{total} row{'s' * (total != 1)} checked")
    return not findings


def _progress(data: str) -> AbstractContextManager[Callable[[int], None]]:
    """A progress bar over a file; none where the size is not known before."""
    from rl_rewards.cli.progress import progress_over
    from rl_rewards.tables.datasets import is_file_name
    from rl_rewards.tables.readers import table_size

    return progress_over(table_size(data), "checking") if is_file_name(data) else contextlib.nullcontext(lambda size: None)


def _empty_columns(rubric: Rubric, checks: RowChecks, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(reward, column) for every column without a value in this row that a reward needs of it, where no scorer says so itself."""
    for reward in rubric:
        if not checks.reads(reward) and reward.applies_to(row):
            for column in reward.columns:
                if row.get(column) in (None, "", []):
                    yield reward.name, column
