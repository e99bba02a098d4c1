"""`rl-rewards optimize`: a better prompt by the rewards of a rubric."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rl_rewards.cli.model_options import (
    ApiKeyEnvOption,
    BaseUrlOption,
    BatchSizeOption,
    ConcurrencyOption,
    DeviceOption,
    DtypeOption,
    MaxTokensOption,
    ModelOption,
    OptionError,
    PlainTextOption,
    PromptOption,
    StopOption,
    TemperatureOption,
    TemplateOption,
    TimeoutOption,
    TopKOption,
    TopPOption,
    prompt_of_option,
    sampling_of,
)
from rl_rewards.cli.options import NoCodeOption, RubricArgument, TokenizerOption, VerboseOption
from rl_rewards.cli.user_errors import say, user_errors

if TYPE_CHECKING:
    from rl_rewards.generation import CompletionModel, Sampling
    from rl_rewards.optimizers import Optimized, Optimizer, Split

_FEW_SHOT, _GEPA, _ROWS, _TRACKED = "random_few_shot", "gepa", "Rows", "Trackers"


def optimize(
    context: typer.Context,
    rubric: RubricArgument,
    data: Annotated[str, typer.Option(metavar="DATA", help="Prompts: a data file, MODULE:FUNCTION, or a dataset on the hub.", show_default=False)],
    model: ModelOption,
    budget: Annotated[int, typer.Option(min=1, help="Completions that the search may have written; the test adds its own.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The prompt that is found: prompt.yaml.", show_default=False)],
    optimizer: Annotated[
        Literal["random_few_shot", "gepa"], typer.Option(help="Search for examples, or have a model rewrite the texts.")
    ] = "random_few_shot",
    prompt: PromptOption = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Completions to each row.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the split, the search and, where the model can, its completions.")] = 0,
    split: Annotated[str, typer.Option(help="Split of a dataset on the hub.")] = "train",
    train_rows: Annotated[
        int | None, typer.Option(min=1, help="By default a third of the rows, at most 200.", rich_help_panel=_ROWS, show_default=False)
    ] = None,
    validation_rows: Annotated[
        int | None, typer.Option(min=1, help="By default a third, at most a twentieth of the budget.", rich_help_panel=_ROWS, show_default=False)
    ] = None,
    test_rows: Annotated[int | None, typer.Option(min=1, help="By default a third, at most 500.", rich_help_panel=_ROWS, show_default=False)] = None,
    nb_min_examples: Annotated[int, typer.Option(help="The least number of examples.", rich_help_panel=_FEW_SHOT)] = 1,
    nb_max_examples: Annotated[int, typer.Option(help="The largest number of examples.", rich_help_panel=_FEW_SHOT)] = 3,
    sampling: Annotated[
        Literal["softmax", "random", "best"],
        typer.Option(help="How examples are drawn from completions with high rewards.", rich_help_panel=_FEW_SHOT),
    ] = "softmax",
    sampling_temperature: Annotated[float, typer.Option(help="Of softmax, in units of the reward.", rich_help_panel=_FEW_SHOT)] = 0.3,
    population_size: Annotated[int, typer.Option(help="Sets of examples that are kept to be changed.", rich_help_panel=_FEW_SHOT)] = 10,
    reflection_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What rewrites the texts; by default the model itself.", rich_help_panel=_GEPA, show_default=False),
    ] = None,
    reflection_base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Its server; without one it is a local model.", rich_help_panel=_GEPA, show_default=False)
    ] = None,
    reflection_api_key_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="Environment variable with its server's key.", rich_help_panel=_GEPA, show_default=False)
    ] = None,
    reflection_max_tokens: Annotated[int, typer.Option(help="The most tokens of a new text.", rich_help_panel=_GEPA)] = 4096,
    minibatch_size: Annotated[int, typer.Option(help="Training rows that each reflection reads.", rich_help_panel=_GEPA)] = 3,
    frontier: Annotated[
        Literal["instance", "objective", "hybrid", "cartesian"],
        typer.Option(help="Keep what is the best on a held-out row, on a reward, on either, or on a reward of a row.", rich_help_panel=_GEPA),
    ] = "instance",
    confidence: Annotated[float, typer.Option(help="Standard errors below the mean at which candidates are ranked.")] = 1.0,
    report_to: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="wandb or trackio; may be given again.", rich_help_panel=_TRACKED, show_default=False)
    ] = None,
    project: Annotated[str, typer.Option(help="Project in the trackers.", rich_help_panel=_TRACKED)] = "rl_rewards",
    run_name: Annotated[str | None, typer.Option(help="Name of the run in the trackers.", rich_help_panel=_TRACKED, show_default=False)] = None,
    base_url: BaseUrlOption = None,
    api_key_env: ApiKeyEnvOption = None,
    concurrency: ConcurrencyOption = 16,
    timeout: TimeoutOption = 600.0,
    batch_size: BatchSizeOption = 64,
    dtype: DtypeOption = "auto",
    device: DeviceOption = None,
    plain_text: PlainTextOption = False,
    max_tokens: MaxTokensOption = 512,
    temperature: TemperatureOption = 1.0,
    top_p: TopPOption = 1.0,
    top_k: TopKOption = None,
    stop: StopOption = None,
    template_option: TemplateOption = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Where the search is kept; by default beside --out.", show_default=False)
    ] = None,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Search for a prompt that earns more of a rubric's rewards.

    The rows are split into three parts: examples and feedback come from the first, candidates are ranked on the second, and the third is
    read once, at the end, for the prompt that was found and for the one that the search began with. The same command goes on after a kill.
    The prompt goes into `rl-rewards evaluate --prompt` and into the recipes' `--prompt`.
    """
    from rl_rewards.generation import load_model
    from rl_rewards.optimizers import Gepa, RandomFewShot

    with user_errors(verbose):
        drawn = sampling_of(max_tokens, temperature, top_p, top_k, stop, seed, template_option)
        _check_options(context, optimizer)
        chosen: Optimizer = (
            RandomFewShot(
                nb_min_examples=nb_min_examples,
                nb_max_examples=nb_max_examples,
                sampling=sampling,
                sampling_temperature=sampling_temperature,
                population_size=population_size,
                confidence=confidence,
            )
            if optimizer == _FEW_SHOT
            else Gepa(
                reflection_sampling=sampling_of(reflection_max_tokens, temperature=1.0, seed=seed),
                minibatch_size=minibatch_size,
                frontier=frontier,
                confidence=confidence,
            )
        )
        search = _Search(rubric, data, split, not no_code, budget, seed, (train_rows, validation_rows, test_rows), out, state, prompt, tokenizer)
        local: dict[str, Any] = dict(concurrency=concurrency, timeout=timeout, batch_size=batch_size, dtype=dtype, device=device)
        opened = load_model(model, base_url=base_url, api_key_env=api_key_env, plain=plain_text, **local)
        if isinstance(chosen, Gepa) and reflection_model is not None:
            writer = load_model(reflection_model, base_url=reflection_base_url, api_key_env=reflection_api_key_env, **local)
            chosen = dataclasses.replace(chosen, reflection_model=writer)  # pyright: ignore[reportArgumentType] - a dataclass, by `configured`
        search(opened, drawn, n, chosen, report_to or (), project, run_name)


def _check_options(context: typer.Context, optimizer: str) -> None:
    """Check that no option of another optimizer is given.

    Raises:
        OptionError: naming it.
    """
    panels = {parameter.name: getattr(parameter, "rich_help_panel", None) for parameter in context.command.params}
    for name, panel in panels.items():
        source = None if name is None else context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"  # by name: typer may bring a click of its own
        if given and panel in (_FEW_SHOT, _GEPA) and panel != optimizer:
            raise OptionError(f"--{name.replace('_', '-')} is an option of {panel}, and --optimizer is {optimizer}")
    if context.params["reflection_model"] is None and context.params["reflection_base_url"] is not None:
        raise OptionError("--reflection-base-url needs --reflection-model: the name that its server knows")


class _Search:
    """What is searched with: everything that can be wrong is looked at before a model is loaded."""

    def __init__(
        self,
        rubric: str,
        data: str,
        split: str,
        code: bool,
        budget: int,
        seed: int,
        rows: tuple[int | None, int | None, int | None],
        out: Path,
        state: Path | None,
        prompt: Path | None,
        tokenizer: str | None,
    ) -> None:
        from rl_rewards.cli.reports import BadRows
        from rl_rewards.generation.collecting import prompt_rows
        from rl_rewards.loading import no_code
        from rl_rewards.optimizers import split_rows
        from rl_rewards.rubric_files.target import load_target
        from rl_rewards.tables.datasets import dataset_rows
        from rl_rewards.tables.tokenizing import tokenize_with

        self.rubric_name, self.data, self.budget, self.seed, self.out = rubric, data, budget, seed, out
        self.rubric, self.start, self.tokenize = load_target(rubric, code), prompt_of_option(prompt), tokenize_with(tokenizer)
        if not out.absolute().parent.is_dir():
            raise NotADirectoryError(2, "No such directory", str(out.parent))
        self.state = state or out.with_name(f"{out.name}.search")
        bad = BadRows(data)
        with contextlib.nullcontext() if code else no_code():
            self.rows = prompt_rows(dataset_rows(data, split=split), bad)
        self.split: Split = split_rows(self.rows, budget, seed, *rows)

    def __call__(
        self, model: CompletionModel, sampling: Sampling, n: int, optimizer: Optimizer, report_to: Any, project: str, run_name: str | None
    ) -> None:
        from rl_rewards.cli.progress import progress_over
        from rl_rewards.generation.journal import Journal
        from rl_rewards.optimizers import Task
        from rl_rewards.optimizers.running import optimize
        from rl_rewards.optimizers.trackers import tracked

        config = self._identity(model, sampling, n, optimizer)
        self.state.mkdir(parents=True, exist_ok=True)
        with Journal(self.state / "journal.jsonl", config, f"remove {self.state}, or give another --state") as journal:
            if len(journal):
                say(f"going on from {self.state}")
            task = Task(model, self.rubric, sampling, journal, n, self.tokenize)
            with tracked(report_to, project, run_name, config, journal) as log, progress_over(self.budget, "searching", "completions") as advance:
                found = optimize(
                    task,
                    self.split,
                    optimizer,
                    self.budget,
                    start=self.start,
                    seed=self.seed,
                    log=log,
                    say=say,
                    advance=advance,
                    record=self.state / "candidates.jsonl",
                )
        found.best.prompt.save(self.out, {**self._told(model, optimizer), **found.to_json()})
        self._show(found)

    def _identity(self, model: CompletionModel, sampling: Sampling, n: int, optimizer: Optimizer) -> dict[str, Any]:
        from rl_rewards.generation.collecting import digest_of

        parts = {name: digest_of(getattr(self.split, name)) for name in ("train", "validation", "test")}
        options = {field.name: getattr(optimizer, field.name) for field in dataclasses.fields(optimizer)}  # pyright: ignore[reportArgumentType]
        writer = options.pop("reflection_model", None)
        return {
            **model.identity,
            "rubric": self._rubric_text(),
            **parts,
            "n": n,
            "budget": self.budget,
            "seed": self.seed,
            "prompt": None if self.start is None else self.start.key,
            "sampling": dataclasses.asdict(sampling),
            "optimizer": optimizer.name,
            **json.loads(json.dumps(options, default=dataclasses.asdict)),
            **({} if writer is None else {"reflection_model": dict(writer.identity)}),
        }

    def _rubric_text(self) -> str:
        """The rubric as a file has it; its name where no file can hold it."""
        from rl_rewards.rubric_files.native import to_text

        try:
            return to_text(self.rubric, Path.cwd())
        except ValueError:
            return self.rubric_name

    def _told(self, model: CompletionModel, optimizer: Optimizer) -> dict[str, Any]:
        return {
            "optimizer": optimizer.name,
            "model": model.name,
            "rubric": self.rubric_name,
            "data": self.data,
            "budget": self.budget,
            "seed": self.seed,
        }

    def _show(self, found: Optimized) -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table(title=f"Test: {found.test.rows} rows that the search did not read", title_justify="left")
        for heading in ("reward", "before", "after"):
            table.add_column(heading, justify="left" if heading == "reward" else "right")
        table.add_row("score", str(found.test_start), str(found.test), style="bold")
        for reward in self.rubric:
            before, after = (_mean(candidate.scores.get(reward.name)) for candidate in (found.start_test, found.best_test))
            table.add_row(reward.name, before, after)
        table.add_row("difference of the score", "", str(found.gain))
        Console().print(table)
        unscored = found.start_test.unscored + found.best_test.unscored
        if unscored:
            say(f"{unscored} completions of the test have no score: a reward failed on them")
        say(f"{found.candidates} candidates in {found.spent} completions; the best is in {self.out}")


def _mean(scores: list[float] | None) -> str:
    return f"{sum(scores) / len(scores):.3f}" if scores else "-"
