"""`rl-rewards watch`: the report of a run while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import VerboseOption
from rl_rewards.cli.user_errors import say, user_errors


def watch(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN [RUN ...]", help="A run's output directory, which need not be there yet; several are overlaid.", show_default=False
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8765,
    verbose: VerboseOption = False,
) -> None:
    """Serve the page of `report` on this machine while a run goes on; new rows appear by themselves.

    The page can be opened before the run begins, and stays when it is killed and resumed. Only this machine reaches it: from another one,
    through `ssh -L 8765:127.0.0.1:8765`.

    Exit status: 0 after Ctrl-C, 2 when it could not be served.
    """
    with user_errors(verbose):
        from rl_rewards.reporting import read_run
        from rl_rewards.reporting.watching import watch as serve

        for path in runs:
            if path.is_file():
                read_run(path)  # a file of another kind will never become a run

        def ready(address: str) -> None:
            say(f"watching {', '.join(map(str, runs))} at {address} (Ctrl-C ends it)")
            for path in runs:
                if not path.exists():
                    say(f"{path} does not exist yet")

        serve(runs, port, ready)
