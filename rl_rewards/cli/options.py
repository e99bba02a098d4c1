"""Arguments that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

RubricArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUBRIC",
        help="A rubric file, or MODULE:NAME or FILE.py:NAME of a Rubric, a Reward or a @reward_function.",
        show_default=False,
    ),
]
TokenizerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Tokenizer, a hub id or a directory, that counts tokens for length rewards where the data has no column completion_ids.",
        show_default=False,
    ),
]
GroupByOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Rows with equal values here are one group, for rewards that compare the completions of a group, wherever the rows are; may be given "
        "several times. By default prompt_id, and equal prompts where rows have none.",
        show_default=False,
    ),
]
NoCodeOption = Annotated[
    bool,
    typer.Option(
        "--no-code",
        help="Refuse to run code that the rubric or the data names: functions, classes, files to import, a checkpoint's own code. A rubric file is "
        "code: look at one of somebody else's with this first.",
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")]
