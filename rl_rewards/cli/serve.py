"""`rl-rewards serve`: a rubric behind HTTP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, WeightsOption, check_target, pairs_of_numbers
from rl_rewards.cli.options import NoCodeOption, VerboseOption
from rl_rewards.cli.user_errors import user_errors


class VerifyFailures(StrEnum):
    """What NeMo-Gym gets where a reward failed."""

    mask = "mask"
    error = "error"


class LogLevel(StrEnum):
    """Which requests have a line in the log."""

    info = "info"
    warning = "warning"
    error = "error"


def serve(
    rubric: Annotated[
        str | None,
        typer.Argument(
            metavar="RUBRIC",
            help="A rubric file, MODULE:NAME, or a directory of rubric files, or of evaluations that deploy wrote. Left out with --metrics-folders.",
            show_default=False,
        ),
    ] = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    host: Annotated[str, typer.Option(help="Address to listen at. One that other machines reach needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the keys, separated by commas.")
    ] = "RL_REWARDS_API_KEYS",
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds from a request's arrival to its answer.")] = 300.0,
    max_body_mb: Annotated[int, typer.Option(min=1, help="Largest body, in MiB.")] = 64,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests that a process answers at once.")] = 1024,
    label_column: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column that OpenRLHF's labels are.", show_default=False)] = None,
    verify_failures: Annotated[
        VerifyFailures, typer.Option(help="A failed reward in a reply to NeMo-Gym: mask_sample, or a 503.")
    ] = VerifyFailures.mask,
    log_level: Annotated[LogLevel, typer.Option(help="info: a line a request on standard error; warning or error: none.")] = LogLevel.info,
    drain: Annotated[int, typer.Option(min=1, help="Seconds that running requests have after SIGTERM.")] = 30,
    platform_auth: Annotated[
        bool, typer.Option("--platform-auth", help="A public address needs no key: the platform in front lets in whom it knows (Cloud Run's IAM).")
    ] = False,
    no_code: NoCodeOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Serve a rubric, or a directory of them, to trainers and platforms.

    POST / (Vertex AI), /evaluate (Reward Kit), /get_reward (OpenRLHF), /verify (NeMo-Gym), /grade (OpenAI and Azure), /lambda (Bedrock),
    /v1/score and /v1/evaluations/ID (batches); GET /healthz, /readyz, /metrics, /openapi.json, and / is a page for people.
    """
    with user_errors(verbose):
        from rl_rewards.serving import ServeSettings
        from rl_rewards.serving import serve as start

        check_target(rubric, metrics_folders, weights, directories=True)
        start(
            ServeSettings(
                rubric or "",
                host,
                port,
                workers,
                api_key_env,
                timeout,
                max_body_mb,
                concurrency,
                label_column,
                verify_failures.value,
                log_level.value,
                drain,
                not no_code,
                tuple(metrics_folders or ()),
                pairs_of_numbers(weights or (), "--weights"),
                platform_auth,
            )
        )
