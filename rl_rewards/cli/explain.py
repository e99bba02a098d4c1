"""`rl-rewards list` and `rl-rewards explain`: what can be written in a rubric file."""

from __future__ import annotations

from typing import Annotated

import typer

from rl_rewards.cli.user_errors import user_errors


def list_kinds() -> None:
    """List every parser, scorer and aggregate with a line on what it does."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rl_rewards.rubric_files.explain import summaries

    console = Console()
    for noun in ("parser", "scorer", "aggregate"):
        table = Table(show_header=False, box=None, title=f"{noun}s", title_justify="left", title_style="bold")
        for _, kind, text in filter(lambda each: each[0] == noun, summaries()):
            table.add_row(Text(kind, style="cyan"), Text(text))
        console.print(table, "")
    console.print("rl-rewards explain KIND has the options; so have `explain reward` and `explain rubric`.")


def explain(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A parser, a scorer, an aggregate, `reward` or `rubric`.", show_default=False)],
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown as it is.")] = False,
) -> None:
    """Explain a parser, a scorer or an aggregate: what it does, its options with defaults and meanings, and examples.

    Exit status: 0, or 2 where there is none of that name.
    """
    with user_errors(False):
        from rich.console import Console
        from rich.markdown import Markdown

        from rl_rewards.rubric_files.explain import explain as page_of

        text = page_of(kind)
        console = Console()
        if as_markdown or not console.is_terminal:
            print(text)
        else:
            console.print(Markdown(text))
