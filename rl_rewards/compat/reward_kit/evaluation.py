"""Reward Kit's evaluation calls: preview a metric folder, deploy it.

Where Reward Kit sends everything to Fireworks, `target` says where to: `local`, the default, runs and serves the code here; `fireworks` calls the
service, and is taken where a key or an account is given. What fails is an exception and never a made-up score.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from rl_rewards.deploying.bundle import bundle_of_folders
from rl_rewards.deploying.credentials import fireworks_credentials
from rl_rewards.deploying.deploy import deploy_locally
from rl_rewards.deploying.fireworks import Fireworks
from rl_rewards.deploying.fireworks_deploy import Api, Evaluator, deploy_on_fireworks
from rl_rewards.deploying.previewing import preview_on_fireworks
from rl_rewards.folders import FolderError, load_folders, named_folders
from rl_rewards.redaction import logger_for
from rl_rewards.rubric import Rubric
from rl_rewards.tables.datasets import dataset_rows
from rl_rewards.tables.key_map import key_map_of
from rl_rewards.tables.readers import Row, TableError, read_rows
from rl_rewards.types import EvaluateResult, MetricResult
from rl_rewards.types.rows import sample_of

__all__ = ["EvaluatorPreviewResult", "create_evaluation", "deploy_folder_evaluation", "preview_evaluation", "preview_folder_evaluation"]

logger = logger_for(__name__)

Target = Literal["local", "fireworks"]
# What a sample may take of a preview, in a worker process.
_SECONDS, _MEMORY_MB = 60.0, 4096
_REMOTE = '''\
"""Asks {url} for the score. Made by create_evaluation(remote_url=...)."""

from rl_rewards.compat.reward_kit import RewardFunction

_remote = RewardFunction(mode="remote", endpoint={url!r})


def evaluate(messages, ground_truth=None, **kwargs):
    return _remote(messages=messages, ground_truth=ground_truth, **kwargs)
'''


class EvaluatorPreviewResult:
    """What a preview found.

    Attributes:
        results: of each sample `index`, `success`, `score` (None where it has none) and `per_metric_evals`.
        total_samples, total_runtime_ms: how many, and how long it took in milliseconds.
    """

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.total_samples = 0
        self.total_runtime_ms = 0

    def add_result(self, sample_index: int, success: bool, score: float | None, per_metric_evals: Mapping[str, Any]) -> None:
        """Add a sample's result."""
        self.results.append(SimpleNamespace(index=sample_index, success=success, score=score, per_metric_evals=dict(per_metric_evals)))

    def display(self) -> None:
        """Print the results."""
        print(f"{self.total_samples} samples in {self.total_runtime_ms} ms")
        for result in self.results:
            score = "no score" if result.score is None else f"{result.score:.4g}"
            print(f"\nsample {result.index + 1}: {score}{'' if result.success else ' (failed)'}")
            for metric, said in result.per_metric_evals.items():
                print(f"  {metric}: {said}")


def preview_evaluation(
    metric_folders: Sequence[str] | None = None,
    multi_metrics: bool = False,
    folder: str | None = None,
    python_code_to_evaluate: str | None = None,
    python_file_name_for_code: str = "main.py",
    criterion_name_for_code: str = "default_code_criterion",
    criterion_description_for_code: str = "Python code execution",
    sample_file: str | None = None,
    max_samples: int = 5,
    huggingface_dataset: str | None = None,
    huggingface_split: str = "train",
    huggingface_message_key_map: Mapping[str, str] | None = None,
    huggingface_response_key: str = "response",
    huggingface_prompt_key: str = "prompt",
    reward_function_mode: str = "pointwise",
    account_id: str | None = None,
    api_key: str | None = None,
    *,
    target: Target | None = None,
) -> EvaluatorPreviewResult:
    """Score the first samples of a file or a dataset with metric folders.

    Args:
        metric_folders: `name=path`, one for each.
        folder: with multi_metrics: the one folder, whose `evaluate` gives several metrics.
        python_code_to_evaluate: in place of folders: the text of a main.py.
        sample_file: .jsonl, .json, .csv or .parquet.
        target: where the code runs; by default here, and at Fireworks where account_id or api_key is given.

    Raises:
        FolderError, TableError: for code or samples that cannot be used.
        FireworksError: when the service refuses or does not answer, with its status and what it said.
    """
    with _folders(metric_folders, multi_metrics, folder, python_code_to_evaluate, criterion_name_for_code, reward_function_mode) as folders:
        rows = _samples(
            (sample_file, huggingface_dataset, huggingface_split, huggingface_prompt_key, huggingface_response_key, huggingface_message_key_map),
            max_samples,
        )
        if _target(target, account_id, api_key) == "fireworks":
            return _previewed_there(Fireworks(fireworks_credentials(api_key, account_id)), folders, rows)
        return _previewed_here(load_folders(folders, isolate=True, timeout=_SECONDS, memory_mb=_MEMORY_MB), rows)


def create_evaluation(
    evaluator_id: str,
    metric_folders: Sequence[str] | None = None,
    multi_metrics: bool = False,
    folder: str | None = None,
    python_code_to_evaluate: str | None = None,
    python_file_name_for_code: str = "main.py",
    criterion_name_for_code: str = "default_code_criterion",
    criterion_description_for_code: str = "Python code execution",
    display_name: str | None = None,
    description: str | None = None,
    force: bool = False,
    huggingface_dataset: str | None = None,
    huggingface_split: str = "train",
    huggingface_message_key_map: Mapping[str, str] | None = None,
    huggingface_response_key: str = "response",
    huggingface_prompt_key: str = "prompt",
    remote_url: str | None = None,
    reward_function_mode: str = "pointwise",
    account_id: str | None = None,
    api_key: str | None = None,
    *,
    target: Target | None = None,
    directory: str | None = None,
    serve: bool = True,
    port: int | None = None,
    api: Api = "v1",
) -> dict[str, Any]:
    """Deploy metric folders as an evaluation.

    Args:
        remote_url: in place of folders: a server with Reward Kit's contract, which is asked at /evaluate.
        force: where the id is there already: make a new version of it, in place.
        target: `local`: registered in a directory and served here; `fireworks`. By default local, and Fireworks where account_id or api_key is given.
        directory, serve, port: for local, as `rl-rewards deploy` has them.
        api: for fireworks: `v1` (Reward Kit's calls) or `v2` (evaluatorsV2).

    Returns:
        What the service says: `name`, which ends in the id. For local also `endpoint`, what --reward-endpoint of a recipe takes.

    Raises:
        FolderError, DeployError: for code or an id that cannot be used, or is there already without `force`.
        FireworksError: when the service refuses or does not answer, with its status and what it said.
    """
    if huggingface_dataset:
        logger.warning("huggingface_dataset is for previews; a deployment has no data")
    code, name = python_code_to_evaluate, criterion_name_for_code
    if remote_url:
        if metric_folders or folder or code:
            logger.warning("with remote_url the service there scores; folders and code are not deployed")
        url = remote_url.rstrip("/")
        metric_folders, folder, multi_metrics = None, None, False
        code, name = _REMOTE.format(url=url if url.endswith("/evaluate") else f"{url}/evaluate"), "remote_eval_proxy"
    with _folders(metric_folders, multi_metrics, folder, code, name, reward_function_mode) as folders:
        bundle = bundle_of_folders(folders)
        if _target(target, account_id, api_key) == "fireworks":
            evaluator = Evaluator(evaluator_id, display_name or evaluator_id, description or "", bundle, api)
            return deploy_on_fireworks(Fireworks(fireworks_credentials(api_key, account_id)), evaluator, force)
        place = None if directory is None else Path(directory)
        return deploy_locally(bundle, evaluator_id, display_name, description, force, place, serve, port=port).description


def preview_folder_evaluation(evaluator_folder: str, **options: Any) -> EvaluatorPreviewResult:
    """`preview_evaluation` of a folder with a main.py, or of the folders in it that have one."""
    return preview_evaluation(metric_folders=_folders_in(evaluator_folder), **_without_multi_metrics(options))


def deploy_folder_evaluation(evaluator_id: str, evaluator_folder: str, **options: Any) -> dict[str, Any]:
    """`create_evaluation` of a folder with a main.py, or of the folders in it that have one."""
    return create_evaluation(evaluator_id, metric_folders=_folders_in(evaluator_folder), **_without_multi_metrics(options))


def _without_multi_metrics(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "multi_metrics"}


def _folders_in(folder: str) -> list[str]:
    place = Path(folder).resolve()
    found = [place] if (place / "main.py").is_file() else sorted(each.parent for each in place.glob("*/main.py"))
    if not found:
        raise FolderError(f"{folder}: must be a folder with a main.py, or with folders that have one")
    return [f"{each.name}={each}" for each in found]


def _target(target: Target | None, account_id: str | None, api_key: str | None) -> Target:
    if target not in (None, "local", "fireworks"):
        raise ValueError(f"target must be local or fireworks, got {target!r}")
    return target or ("fireworks" if account_id or api_key else "local")


@contextlib.contextmanager
def _folders(folders: Sequence[str] | None, multi: bool, folder: str | None, code: str | None, name: str, mode: str) -> Iterator[Sequence[str]]:
    """The folders that the arguments name, `name=path` each; those of code are there for as long as the block runs."""
    if mode not in ("pointwise", "batch"):
        raise ValueError(f"reward_function_mode must be pointwise or batch, got {mode!r}")
    if code is not None:
        if folders or folder:
            raise ValueError("python_code_to_evaluate must be given without metric_folders and folder")
        with tempfile.TemporaryDirectory(prefix="rl_rewards_code_") as place:
            Path(place, "main.py").write_text(code, encoding="utf-8")
            yield [f"{name}={place}"]
        return
    if multi:
        if not folder:
            raise ValueError("folder must be given with multi_metrics")
        folders = [f"{Path(folder).resolve().name}={folder}"]
    if not folders:
        raise ValueError("metric_folders must name a folder, as name=path")
    yield folders


def _samples(source: tuple[Any, ...], limit: int) -> list[Row]:
    file, dataset, split, prompt, response, keys = source
    if dataset:
        named = [None if name == default else name for name, default in ((prompt, "prompt"), (response, "response"))]
        rows = key_map_of(named[0], named[1], json.dumps(dict(keys)) if keys else None).rows(dataset_rows(dataset, split=split))
    elif file:
        rows = read_rows(file)
    else:
        raise ValueError("sample_file or huggingface_dataset must be given")
    found = list(itertools.islice(rows, limit))
    for row in found:
        if row.values is None:
            raise TableError(f"{dataset or file}, row {row.number}: {row.problem}")
    if not found:
        raise TableError(f"{dataset or file}: must have a sample, it has none")
    return found


def _previewed_here(rubric: Rubric, rows: Sequence[Row]) -> EvaluatorPreviewResult:
    began = time.perf_counter()
    evaluation = rubric.evaluate([sample_of(row.values or {}, i) for i, row in enumerate(rows)])
    preview = EvaluatorPreviewResult()
    preview.total_samples, preview.total_runtime_ms = len(rows), round((time.perf_counter() - began) * 1000)
    for i, score in enumerate(evaluation.totals()):
        metrics = {name: _said(column.results[i], column.scores[i]) for name, column in evaluation.columns.items()}
        preview.add_result(i, score is not None, score, metrics)
    return preview


def _said(result: EvaluateResult, score: float | None) -> dict[str, Any]:
    """What a metric made of a sample, as plain values."""
    parts = {name: part.model_dump() if isinstance(part, MetricResult) else part for name, part in result.metrics.items()}
    said = {"score": score, "reason": result.error or result.reason, "outcome": result.outcome.value}
    return said | ({"metrics": parts} if parts else {})


def _previewed_there(service: Fireworks, folders: Sequence[str], rows: Sequence[Row]) -> EvaluatorPreviewResult:
    began = time.perf_counter()
    said = preview_on_fireworks(service, named_folders(folders), [row.values or {} for row in rows])
    preview = EvaluatorPreviewResult()
    preview.total_samples = len(said.results) if said.total_samples is None else said.total_samples
    preview.total_runtime_ms = round((time.perf_counter() - began) * 1000) if said.total_runtime_ms is None else said.total_runtime_ms
    for result in said.results:
        preview.add_result(result.index, result.success, result.score, result.metrics)
    return preview
