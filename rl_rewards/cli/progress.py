"""A progress bar for people, and nothing for pipes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_over(total: int, what: str, unit: str = "bytes") -> Iterator[Callable[[int], None]]:
    """A progress bar on the terminal, if there is one, over `total` bytes or other units.

    Returns:
        A function to call with the number of units done since its last call.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    done = (DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    columns = (TextColumn("{task.description}"), BarColumn(), *done, TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda size: progress.update(task, advance=size)
