"""`rl-rewards evaluate`: a model's completions to a dataset's prompts, scored."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    PlainTextOption,
    PromptOption,
    SeedOption,
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
from rl_rewards.cli.user_errors import INCOMPLETE, say, user_errors

if TYPE_CHECKING:
    from rl_rewards.generation import CompletionModel, Prompt, Sampling
    from rl_rewards.generation.collecting import Collected


def evaluate(
    rubric: RubricArgument,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Prompts: a data file, MODULE:FUNCTION, or a dataset on the hub.", show_default=False)],
    model: ModelOption,
    n: Annotated[int, typer.Option("--n", min=1, help="Completions to each prompt.")] = 1,
    prompt: PromptOption = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the scored rows: .jsonl or .parquet.", show_default=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many rows of DATA, from its start.", show_default=False)] = None,
    split: Annotated[str, typer.Option(help="Split of a dataset on the hub.")] = "test",
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
    seed: SeedOption = None,
    template_option: TemplateOption = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where finished completions are kept until all is done; by default beside --save, or in the cache.",
            show_default=False,
        ),
    ] = None,
    tokenizer: TokenizerOption = None,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Have a model complete the prompts of a dataset, and score what it writes.

    A row has prompt, or messages, conversation or instruction; its other columns are the references. A text goes through the chat template
    as the user's turn. What is finished is kept: the same command goes on after a kill, and a call that failed is tried again by it.

    Exit status: 0 everything was scored, 1 rows were left out, or calls or rewards failed on some, 2 nothing was scored.
    """
    from rl_rewards.generation import load_model

    with user_errors(verbose):
        sampling, before = sampling_of(max_tokens, temperature, top_p, top_k, stop, seed, template_option), prompt_of_option(prompt)

        def opened() -> CompletionModel:
            return load_model(
                model,
                base_url=base_url,
                api_key_env=api_key_env,
                concurrency=concurrency,
                timeout=timeout,
                batch_size=batch_size,
                dtype=dtype,
                device=device,
                plain=plain_text,
            )

        run = _Evaluation(rubric, data, split, limit, not no_code, n, sampling, before, tokenizer)
        complete = run(opened, save, json_file, state)
    if not complete:
        raise typer.Exit(INCOMPLETE)


class _Evaluation:
    """What is evaluated: everything that can be wrong is looked at before the model is loaded."""

    def __init__(
        self,
        rubric: str,
        data: str,
        split: str,
        limit: int | None,
        code: bool,
        n: int,
        sampling: Sampling,
        prompt: Prompt | None,
        tokenizer: str | None,
    ) -> None:
        from rl_rewards.cli.reports import BadRows
        from rl_rewards.generation.collecting import prompt_rows
        from rl_rewards.loading import no_code
        from rl_rewards.rubric_files.target import load_target
        from rl_rewards.tables.datasets import dataset_rows
        from rl_rewards.tables.readers import TableError
        from rl_rewards.tables.tokenizing import tokenize_with

        self.rubric_name, self.data, self.n, self.sampling, self.prompt = rubric, data, n, sampling, prompt
        self.rubric, self.tokenize, self.bad = load_target(rubric, code), tokenize_with(tokenizer), BadRows(data)
        with contextlib.nullcontext() if code else no_code():
            self.rows = prompt_rows(dataset_rows(data, split=split), self.bad, limit)
        if (largest := max((each.largest_k for each in self.rubric.aggregates), default=1)) > n:
            say(f"the rubric's aggregates need {largest} completions to each prompt, and --n is {n}: some will have no value")
        if n > 1 and sampling.temperature == 0:
            say(f"--temperature 0 takes the likeliest token each time: the {n} completions to a prompt will be all but equal")
        if not self.rows:
            raise TableError(f"{data}: no rows to evaluate" + (f", {self.bad.count} with problems" if self.bad.count else ""))

    def __call__(self, opened: Any, save: Path | None, json_file: Path | None, state: Path | None) -> bool:
        """Whether every row was completed and scored by every reward that applies to it."""
        from rl_rewards.cli.progress import progress_over
        from rl_rewards.generation.collecting import collect
        from rl_rewards.generation.journal import Journal
        from rl_rewards.tables.writers import writable_kind

        if save is not None:
            writable_kind(save)
        for file in (save, json_file):
            if file is not None and not file.absolute().parent.is_dir():
                raise NotADirectoryError(2, "No such directory", str(file.parent))
        model = opened()
        identity = self._identity(model)
        with Journal(state or _state_beside(save, identity), identity, "remove it, or give another --state") as journal:
            with progress_over(len(self.rows) * self.n, "completing", "completions") as advance:
                collected = collect(model, self.rows, self.sampling, journal, self.n, self.prompt, advance)
            if collected.before:
                say(f"{collected.before} of {len(self.rows) * self.n} completions were there from before: {journal.path}")
            complete = self._score(model, journal, collected, save, json_file)
            if not collected.failed:
                journal.remove()
        if collected.failed:
            say(f"{collected.failed} completions failed; the same command tries them again. The first error: {collected.error}")
        return complete and not collected.failed and not self.bad.count

    def _identity(self, model: CompletionModel) -> dict[str, Any]:
        import dataclasses

        from rl_rewards.generation.collecting import digest_of

        prompt = None if self.prompt is None else self.prompt.key
        return {**model.identity, "data": digest_of(self.rows), "n": self.n, "prompt": prompt, "sampling": dataclasses.asdict(self.sampling)}

    def _score(self, model: CompletionModel, journal: Any, collected: Collected, save: Path | None, json_file: Path | None) -> bool:
        from rl_rewards.cli.evaluation_report import EvaluationReport
        from rl_rewards.cli.progress import progress_over
        from rl_rewards.generation.collecting import scorable_rows
        from rl_rewards.tables.atomic import atomic_path
        from rl_rewards.tables.batches import batches
        from rl_rewards.tables.readers import read_rows, table_size
        from rl_rewards.tables.scored import scored_rows
        from rl_rewards.tables.strict_json import strict_json
        from rl_rewards.tables.writers import open_writer, writable_kind

        report = EvaluationReport(self.rubric)
        whole_groups = any(reward.score.traits.needs_groups for reward in self.rubric)
        with contextlib.ExitStack() as stack:
            unscored = journal.path.with_suffix(".rows.jsonl")
            stack.callback(unscored.unlink, missing_ok=True)
            with open(unscored, "w", encoding="ascii") as file:
                file.writelines(strict_json(row, ascii_only=True) + "\n" for row in scorable_rows(self.rows, journal, self.n, self.prompt, collected))
            writer = None
            if save is not None:
                target = stack.enter_context(atomic_path(save))
                opened = open_writer(writable_kind(save), target, unscored, [reward.name for reward in self.rubric])
                writer = stack.enter_context(contextlib.closing(opened))
            advance = stack.enter_context(progress_over(table_size(unscored), "scoring"))
            for batch in batches(read_rows(unscored), self.bad, whole_groups, self.tokenize):
                evaluation = self.rubric.evaluate(batch.samples)
                report.count(evaluation)
                if writer is not None:
                    writer.write(list(scored_rows(batch.values, evaluation)))
                advance(batch.size)
        head = {"model": model.name, "rubric": self.rubric_name, "data": self.data, "n": self.n, "sampling": self._identity(model)["sampling"]}
        report.show(head, len(self.rows), collected, json_file)
        if save is not None:
            say(f"scored rows: {save}")
        return not report.incomplete


def _state_beside(save: Path | None, identity: dict[str, Any]) -> Path:
    """Where finished completions are kept: beside the file that they will be saved to, else in the user's cache, under what tells the work apart."""
    import hashlib
    import json
    import os

    if save is not None:
        return save.with_name(f".{save.name}.completions.jsonl")
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rl_rewards" / "evaluate" / f"{digest}.jsonl"
