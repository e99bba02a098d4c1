"""`rl-rewards deploy`: a rubric or metric folders as a service."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rl_rewards.cli.folder_options import MetricsFoldersOption, OptionalRubricArgument, WeightsOption, check_target, pairs_of_numbers
from rl_rewards.cli.options import VerboseOption
from rl_rewards.cli.user_errors import OptionError, user_errors

if TYPE_CHECKING:
    from rl_rewards.deploying.bundle import Bundle


class Target(StrEnum):
    """Where an evaluation is deployed to."""

    local = "local"
    fireworks = "fireworks"
    cloud_run = "cloud-run"


class FireworksApi(StrEnum):
    """Which of Fireworks' calls make an evaluator."""

    v1 = "v1"
    v2 = "v2"


def deploy(
    rubric: OptionalRubricArgument = None,
    metrics_folders: MetricsFoldersOption = None,
    weights: WeightsOption = None,
    evaluation_id: Annotated[
        str | None, typer.Option("--id", help="Its id: small letters, digits and '-', beginning with a letter.", show_default=False)
    ] = None,
    display_name: Annotated[str | None, typer.Option(help="Its name for people.", show_default="the id")] = None,
    description: Annotated[str | None, typer.Option(help="What it evaluates.", show_default=False)] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Where it is there already: put a new version in its place, without a moment in which there is none."),
    ] = False,
    target: Annotated[
        Target, typer.Option(help="local: a directory, served here; fireworks: an evaluator; cloud-run: a build context.")
    ] = Target.local,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent or written, without the key, and do nothing.")] = False,
    directory: Annotated[
        Path | None,
        typer.Option(
            help="local: where evaluations are, by default $RL_REWARDS_EVALUATIONS or ~/.rl_rewards/evaluations; cloud-run: the context, by default ./ID.",
            show_default=False,
        ),
    ] = None,
    serve: Annotated[bool, typer.Option(help="local: serve the directory in the background.")] = True,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="local: where it is served; 0 takes a free port.", show_default="the running server's, or 8000"),
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="local: end the server of the directory, and do nothing else.")] = False,
    api: Annotated[
        FireworksApi, typer.Option(help="fireworks: v1, the calls of Reward Kit; v2, evaluatorsV2, which takes files of any kind.")
    ] = FireworksApi.v1,
    region: Annotated[str, typer.Option(help="cloud-run: for the gcloud command.")] = "us-central1",
    project: Annotated[str | None, typer.Option(help="cloud-run: for the gcloud command.", show_default="gcloud's own")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Deploy a rubric or metric folders, with every file that they need.

    local: registered under its id and version in a directory, and served: a recipe trains on it with --reward-endpoint. fireworks: the key is in
    FIREWORKS_API_KEY or ~/.fireworks/auth.ini. cloud-run: a build context whose container serves Vertex AI's contract, and the commands to run.
    """
    with user_errors(verbose):
        if stop:
            _stop(directory)
            return
        _check_options(target, {"--directory": directory, "--port": port, "--project": project, "--no-serve": not serve or None})
        check_target(rubric, metrics_folders, weights)
        if evaluation_id is None:
            raise OptionError("Missing option '--id': the evaluation's id, such as relevance-evaluator")
        from rl_rewards.deploying.evaluation_id import check_id

        check_id(evaluation_id)
        bundle = _bundle(rubric, metrics_folders, weights)
        names = (evaluation_id, display_name or evaluation_id, description or "")
        if target is Target.fireworks:
            _fireworks(bundle, names, force, dry_run, api, as_json)
        elif target is Target.cloud_run:
            _cloud_run(bundle, names, force, dry_run, directory or Path(evaluation_id), region, project, as_json)
        else:
            _local(bundle, names, force, dry_run, directory, serve, port, as_json)


def _check_options(target: Target, given: dict[str, Any]) -> None:
    """Refuse options of another target."""
    of = {"--directory": (Target.local, Target.cloud_run), "--port": (Target.local,), "--no-serve": (Target.local,), "--project": (Target.cloud_run,)}
    for name, value in given.items():
        if value is not None and target not in of[name]:
            raise OptionError(f"{name} goes with --target {' or '.join(each.value for each in of[name])}, got {target.value}")


def _bundle(rubric: str | None, folders: list[str] | None, weights: list[str] | None) -> Bundle:
    from rl_rewards.deploying.bundle import bundle_of_folders, bundle_of_target

    return bundle_of_target(rubric) if rubric is not None else bundle_of_folders(folders or [], pairs_of_numbers(weights or (), "--weights"))


def _local(
    bundle: Bundle, names: tuple[str, str, str], force: bool, dry_run: bool, directory: Path | None, serve: bool, port: int | None, as_json: bool
) -> None:
    from rl_rewards.deploying.deploy import deploy_locally
    from rl_rewards.deploying.local import Registry, default_directory

    if dry_run:
        there = Registry(directory or default_directory()).get(names[0])
        _print({"target": "local", "id": names[0], "replaces": None if there is None else there.version, **_planned(bundle)})
        return
    made = deploy_locally(bundle, *names, force, directory, serve, port=port)
    if as_json:
        _print(made.description)
        return
    what = "deployed" if made.new else "unchanged"
    print(f"{what}: {made.deployment.name}, version {made.deployment.version}, in {made.directory}")
    print(f"rewards: {', '.join(made.deployment.rewards)}; columns: {', '.join(made.deployment.columns) or 'none'}")
    if made.server is not None:
        print(f"served at {made.endpoint} by process {made.server.pid}; its log is {made.server.log}; rl-rewards deploy --stop ends it")
        print(f"train on it: --reward-endpoint {made.endpoint}")
    else:
        print(f"serve it: rl-rewards serve {made.directory}")


def _fireworks(bundle: Bundle, names: tuple[str, str, str], force: bool, dry_run: bool, api: FireworksApi, as_json: bool) -> None:
    from rl_rewards.deploying.credentials import CredentialsError, fireworks_credentials
    from rl_rewards.deploying.fireworks import Fireworks
    from rl_rewards.deploying.fireworks_deploy import Evaluator, deploy_on_fireworks, planned_requests

    evaluator = Evaluator(*names, bundle, api.value)
    if dry_run:
        try:
            credentials = fireworks_credentials()
            base, account = credentials.base_url, credentials.account
        except CredentialsError:
            base, account = "https://api.fireworks.ai", None
        _print({"target": "fireworks", "requests": list(planned_requests(evaluator, base, account or "ACCOUNT", force))})
        return
    said = deploy_on_fireworks(Fireworks(fireworks_credentials()), evaluator, force)
    if as_json:
        _print(said)
        return
    state = f", {said['state']}" if said.get("state") else ""
    print(f"deployed: {said['name']}{state}, with {len(bundle.files)} files")
    if evaluator.requirements:
        print(f"required there: {', '.join(evaluator.requirements)}")
    print(f"train on it: evaluator {str(said['name']).rpartition('/')[2]!r} of a reinforcement fine-tuning job")


def _cloud_run(
    bundle: Bundle, names: tuple[str, str, str], force: bool, dry_run: bool, directory: Path, region: str, project: str | None, as_json: bool
) -> None:
    from rl_rewards.deploying.cloud_run import write_cloud_run_context
    from rl_rewards.deploying.locking import extras_of, locked

    if dry_run:
        _print(
            {"target": "cloud-run", "directory": str(directory), "locked": locked(bundle.requirements, extras_of(bundle.kinds)), **_planned(bundle)}
        )
        return
    made = write_cloud_run_context(bundle, directory, *names, force, region, project)
    if as_json:
        _print({"directory": str(made.directory), "commands": made.commands, "digest": made.digest})
        return
    print(f"written: {made.directory}, a build context that serves Vertex AI's contract at POST /")
    print("deploy it, and let Vertex AI's tuning service call it (deploy.sh has both):")
    for command in made.commands:
        print(f"  {command}")


def _planned(bundle: Bundle) -> dict[str, Any]:
    return {
        "files": sorted(bundle.files),
        "bytes": bundle.size,
        "digest": bundle.digest,
        "requirements": list(bundle.requirements),
        "rewards": list(bundle.rewards),
        "columns": list(bundle.columns),
    }


def _stop(directory: Path | None) -> None:
    from rl_rewards.deploying.local import default_directory
    from rl_rewards.deploying.local_server import stop_server

    place = directory or default_directory()
    ended = stop_server(place) if place.is_dir() else None
    print(f"no server of {place} runs" if ended is None else f"ended: process {ended.pid}, {ended.url}")


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True))
