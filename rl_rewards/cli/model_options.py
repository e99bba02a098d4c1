"""Options of the verbs that have a model write: which model, and how completions are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.user_errors import UserError

if TYPE_CHECKING:
    from rl_rewards.generation import Prompt, Sampling

_MODEL, _DRAWN = "Model", "How completions are drawn"

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A directory or hub id; with --base-url the name the server knows.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="A server with OpenAI's API (vLLM, SGLang, llama.cpp, OpenAI): http://localhost:8000/v1.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
ApiKeyEnvOption = Annotated[
    str | None,
    typer.Option(
        metavar="VARIABLE",
        help="Environment variable with the server's key; by default OPENAI_API_KEY, where it is set.",
        rich_help_panel=_MODEL,
        show_default=False,
    ),
]
ConcurrencyOption = Annotated[int, typer.Option(min=1, help="Calls of the server at a time.", rich_help_panel=_MODEL)]
TimeoutOption = Annotated[float, typer.Option(help="Seconds of a call of the server, with its retries.", rich_help_panel=_MODEL)]
BatchSizeOption = Annotated[int, typer.Option(min=1, help="Prompts that a local model completes together.", rich_help_panel=_MODEL)]
DtypeOption = Annotated[
    str, typer.Option(help="A local model's weights: auto is the checkpoint's own, or bfloat16, float32, ...", rich_help_panel=_MODEL)
]
DeviceOption = Annotated[
    str | None, typer.Option(help="Where a local model runs; by default a GPU where there is one.", rich_help_panel=_MODEL, show_default=False)
]
PlainTextOption = Annotated[
    bool, typer.Option("--plain-text", help="Use no chat template: the model continues the prompt's text.", rich_help_panel=_MODEL)
]
MaxTokensOption = Annotated[int, typer.Option(help="The most tokens of a completion, its thinking included.", rich_help_panel=_DRAWN)]
TemperatureOption = Annotated[float, typer.Option(help="0 takes the likeliest token each time.", rich_help_panel=_DRAWN)]
TopPOption = Annotated[float, typer.Option(help="Share of the probability that tokens are drawn from.", rich_help_panel=_DRAWN)]
TopKOption = Annotated[
    int | None, typer.Option(help="How many of the likeliest tokens are drawn from; by default all.", rich_help_panel=_DRAWN, show_default=False)
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="Ends a completion, and is left out; may be given again.", rich_help_panel=_DRAWN, show_default=False),
]
SeedOption = Annotated[
    int | None, typer.Option(help="Draw the same completions again: a local model does, a server may.", rich_help_panel=_DRAWN, show_default=False)
]
TemplateOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Option of the chat template, such as enable_thinking=false; may be given again.",
        rich_help_panel=_DRAWN,
        show_default=False,
    ),
]
PromptOption = Annotated[
    Path | None,
    typer.Option("--prompt", metavar="FILE", help="prompt.yaml: system, instructions and examples before every row's prompt.", show_default=False),
]


class OptionError(UserError, ValueError):
    """An option of the command line is wrong."""


def sampling_of(
    max_tokens: int,
    temperature: float,
    top_p: float = 1.0,
    top_k: int | None = None,
    stop: Iterable[str] | None = None,
    seed: int | None = None,
    template_option: Iterable[str] | None = None,
) -> Sampling:
    """The sampling that the options describe.

    Raises:
        OptionError, pydantic.ValidationError: when a value is out of its range.
    """
    from rl_rewards.generation import Sampling

    options = dict(_named(text) for text in template_option or ())
    return Sampling(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        stop=tuple(stop or ()),
        seed=seed,
        template_options=options,
    )


def prompt_of_option(path: Path | None) -> Prompt | None:
    """The prompt in the file of `--prompt`.

    Raises:
        OSError, RubricFileError: as `load_prompt`.
    """
    from rl_rewards.generation import load_prompt

    return None if path is None else load_prompt(path)


def _named(text: str) -> tuple[str, Any]:
    import json

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise OptionError(f"--template-option must be NAME=VALUE, such as enable_thinking=false, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
