"""A judge file, read: the model that it names, its criteria, and what of it is not supported."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rl_rewards.folders.rewardkit.config import CriterionTable, JudgeFile
from rl_rewards.folders.rewardkit.judges import JudgedCriterion, RewardkitJudge
from rl_rewards.folders.rewardkit.workspace import workspace_name
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers.judge.criteria import RESERVED, Criterion
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import shown
from rl_rewards.user_errors import user_message

__all__ = ["files_named_by", "judge_of"]

_AGENTS = ("claude-code", "codex", "fx")
# Provider of LiteLLM -> its OpenAI-compatible endpoint and the variable with the key; the variable in the third place names another endpoint.
_PROVIDERS: dict[str, tuple[str, str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "anthropic": ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", None),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", None),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", None),
    "fireworks_ai": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", None),
    "together_ai": ("https://api.together.xyz/v1", "TOGETHER_API_KEY", None),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY", None),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY", None),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", None),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY", None),
    "hosted_vllm": ("", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE"),
}
_PLACEHOLDER = "{criteria}"


def judge_of(path: Path, root: Path, config: JudgeFile, named: tuple[str, ...]) -> RewardkitJudge:
    """The scorer of a judge file.

    Args:
        root: the folder of harbor-rewardkit.
        named: the files of the workspace that all criteria of the folder name.

    Raises:
        FolderError: naming every field that is not supported, or wrong.
    """
    table = config.judge
    if refused := _refused(config):
        raise FolderError("\n".join(f"{shown(path)}: {field}: {why}" for field, why in refused))
    try:
        return RewardkitJudge(
            _model(os.environ.get("REWARDKIT_JUDGE") or table.judge, table.timeout, table.samples, table.reasoning_effort),
            criteria=tuple(_criteria(config.criterion)),
            files=tuple(map(workspace_name, table.files)),
            named=named,
            mode=table.mode,
            samples=table.samples,
            injection=table.guard,
            instructions=_instructions(path, root, config),
            aggregation=config.scoring.aggregation,
            threshold=config.scoring.threshold,
        )
    except (ValidationError, ValueError) as error:
        if isinstance(error, FolderError):
            raise
        raise FolderError(f"{shown(path)}: {user_message(error) or error}") from None


def files_named_by(path: Path, config: JudgeFile) -> list[str]:
    """The files of the workspace that a judge file names.

    Raises:
        FolderError: when one lies outside.
    """
    try:
        return [workspace_name(name) for name in [*config.judge.files, *(name for each in config.criterion for name in each.files)]]
    except ValueError as error:
        raise FolderError(f"{shown(path)}: {error}") from None


def _refused(config: JudgeFile) -> list[tuple[str, str]]:
    """Fields that ask for what is not supported -> why."""
    table = config.judge
    name = os.environ.get("REWARDKIT_JUDGE") or table.judge
    refused = []
    if name in _AGENTS:
        refused.append(("judge.judge", f"the agent {name!r} is not supported: a judge must be a model, such as 'openai/gpt-5'"))
    elif name == "jev":
        refused.append(("judge.judge", "'jev' is not supported: a judge must be a model, such as 'openai/gpt-5'"))
    elif table.model is not None:
        refused.append(("judge.model", "is for agents, which are not supported; a model is named by `judge`"))
    agents = "is for agents, which are not supported"
    refused += [(f"judge.{field}", agents) for field in ("version", "isolated", "cwd", "mcp_servers") if getattr(table, field)]
    if table.atif_trajectory is not None:
        refused.append(("judge.atif-trajectory", "is not supported: the judge sees prompt and response"))
    if table.mode == "batched":
        refused += [(f"criterion[{i}].files", 'needs mode = "individual"') for i, each in enumerate(config.criterion) if each.files]
    return refused


def _model(name: str, timeout: float, samples: int, effort: str | None) -> ChatModel:
    """The model that LiteLLM's name stands for.

    Raises:
        ValueError: when its provider is none that is supported, or has no address.
    """
    provider, slash, model = name.partition("/")
    if not slash:
        provider, model = ("anthropic" if name.startswith("claude") else "openai"), name
    if provider not in _PROVIDERS:
        raise ValueError(f"judge.judge: the provider of a model must be one of {', '.join(_PROVIDERS)}, got {provider!r} in {name!r}")
    url, variable, other = _PROVIDERS[provider]
    url = (other and os.environ.get(other)) or url
    if not url:
        raise ValueError(f"judge.judge: the address of {provider!r} must be in the environment variable {other}, which is not set")
    return ChatModel(
        model,
        base_url=url,
        api_key_env=variable if variable in os.environ or provider != "hosted_vllm" else None,
        timeout=timeout,
        temperature=None if samples > 1 else 0.0,
        extra_body={} if effort is None else {"reasoning_effort": effort},
    )


def _criteria(tables: list[CriterionTable]) -> list[JudgedCriterion]:
    criteria: list[JudgedCriterion] = []
    for number, table in enumerate(tables):
        name = _name(table, number)
        if name in (each.criterion.name for each in criteria):
            raise ValueError(f"criterion[{number}].name: criteria must have different names, got {name!r} twice; give each a `name`")
        set_here = table.model_fields_set
        negate = table.negate if "negate" in set_here else "negative" in str(table.annotations.get("type", "")).lower()
        optional = table.optional if "optional" in set_here else "optional" in str(table.annotations.get("importance", "")).lower()
        try:
            criteria.append(
                JudgedCriterion(
                    _asked(name, table), weight=table.weight, negate=negate, optional=optional, files=tuple(map(workspace_name, table.files))
                )
            )
        except ValueError as error:
            raise ValueError(f"criterion[{number}]: {user_message(error) or error}") from None
    return criteria


def _asked(name: str, table: CriterionTable) -> Criterion:
    if table.type == "likert":
        if table.points < 2:
            raise ValueError(f"points must be at least 2, got {table.points}")
        return Criterion(name, table.description, choices=tuple(map(str, range(1, table.points + 1))))
    if table.type == "numeric":
        return Criterion(name, table.description, range=(table.min, table.max))
    if table.type == "rubric":
        if not 2 <= len(table.levels) <= 10 or not all(level.strip() for level in table.levels):
            raise ValueError(f"levels must be 2 to 10 descriptions, got {list(table.levels)}")
        described = "; ".join(f"{i} = {level}" for i, level in enumerate(table.levels))
        return Criterion(name, f"{table.description} ({described})", choices=tuple(map(str, range(len(table.levels)))))
    return Criterion(name, table.description)


def _name(table: CriterionTable, number: int) -> str:
    name = table.name or re.sub(r"[^a-z0-9]+", "_", table.description[:40].lower()).strip("_")
    if not re.match(r"[A-Za-z_]", name) or name in RESERVED or name == "guard":
        name = f"criterion_{name or number + 1}"
    return name


def _instructions(path: Path, root: Path, config: JudgeFile) -> str | None:
    """The file's own prompt, without the criteria, which are told anyway, and the reference solution."""
    parts = []
    if (name := config.judge.prompt_template) is not None:
        file = path.parent / name
        if file.suffix not in (".txt", ".md") or not file.is_file():
            raise FolderError(f"{shown(path)}: judge.prompt_template: must be a .txt or .md file beside it, got {name!r}")
        text = file.read_text(encoding="utf-8")
        if _PLACEHOLDER not in text:
            raise FolderError(f"{shown(file)}: a prompt template must have {_PLACEHOLDER}")
        parts.append(text.replace(_PLACEHOLDER, "(the criteria above)").strip())
    if (name := config.judge.reference) is not None:
        file = _reference(path, root, name)
        parts.append(f"A reference solution to compare with:\n{file.read_text(encoding='utf-8').strip()}")
    return "\n\n".join(parts) or None


def _reference(path: Path, root: Path, name: str) -> Path:
    """The file of a reference solution: beside the judge file, or in the folder, which harbor calls /tests."""
    places = [path.parent / name, root / name, root / name.removeprefix("/tests/")]
    found: Any = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FolderError(f"{shown(path)}: judge.reference: must be a file of the folder, got {name!r}, which is not there")
    return found
