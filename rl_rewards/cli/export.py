"""`rl-rewards export`: a rubric in a service's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rl_rewards.cli.options import NoCodeOption, RubricArgument, VerboseOption
from rl_rewards.cli.user_errors import OptionError, user_errors


def export(
    rubric: RubricArgument,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="vertex, openai or native.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output by default.", show_default=False)] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Address of `rl-rewards serve` with this rubric: rewards that the format cannot express call it.", show_default=False),
    ] = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write a rubric as a config of Vertex AI or of OpenAI's graders, as JSON, or as a rubric file.

    What the format cannot express is refused by name, or calls --url. Reading the file again gives an equal rubric.

    Exit status: 0 written, 2 not: the rubric cannot be read or expressed.
    """
    with user_errors(verbose):
        text = _text(rubric, to, url, not no_code, (out or Path("-")).resolve().parent)
        if out is None:
            print(text, end="")
            return
        from rl_rewards.tables.atomic import atomic_path

        with atomic_path(out) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _text(name: str, to: str, url: str | None, code: bool, directory: Path) -> str:
    from rl_rewards.formats.registry import FORMATS, ExportError, Refusal, format_named
    from rl_rewards.rubric_files.errors import nearest
    from rl_rewards.rubric_files.native import to_text
    from rl_rewards.rubric_files.target import load_target
    from rl_rewards.runtime.calling.urls import check_url

    if to not in (*FORMATS, "native"):
        raise OptionError(f"--to must be one of {', '.join((*FORMATS, 'native'))}, got {to!r}{nearest(to, [*FORMATS, 'native'])}")
    if url is not None:
        try:
            check_url(url, "--url")
        except ValueError as error:
            raise OptionError(str(error)) from None
    rubric = load_target(name, code)
    if to != "native":
        return json.dumps(format_named(to).dump(rubric, url), indent=2, ensure_ascii=False) + "\n"
    try:
        return to_text(rubric, directory)
    except ValueError as error:  # of a scorer that no file can name
        raise ExportError("native", [Refusal(None, str(error))]) from error
