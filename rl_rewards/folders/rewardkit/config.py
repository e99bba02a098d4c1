"""The TOML files of a harbor-rewardkit folder, checked: reward.toml and judge files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, PositiveInt, ValidationError

from rl_rewards.folders.rewardkit.aggregation import HOWS, How
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import shown

__all__ = ["CriterionTable", "JudgeFile", "JudgeTable", "RewardFile", "RewardTable", "ScoringTable", "is_judge_file", "read_toml", "validated"]


# Spellings that harbor-rewardkit takes, too.
_OTHERWISE = {"weighted_mean": "weighted-mean", "all_pass": "all-pass", "any_pass": "any-pass", "required_pass": "required-pass"}


def _hyphens(value: Any) -> Any:
    return _OTHERWISE.get(value, value) if isinstance(value, str) else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ScoringTable(_Table):
    """`[scoring]` of a judge file, `[scoring.STEM]` of reward.toml."""

    aggregation: Annotated[How, BeforeValidator(_hyphens)] = "weighted-mean"
    threshold: FiniteFloat = 0.5


class RewardTable(ScoringTable):
    """`[[reward]]` of reward.toml."""

    name: str | None = None
    weights: dict[str, FiniteFloat] = Field(default_factory=dict)


class RewardFile(_Table):
    """reward.toml."""

    reward: list[RewardTable] = Field(default_factory=list)
    scoring: dict[str, ScoringTable] = Field(default_factory=dict)


class JudgeTable(_Table):
    """`[judge]` of a judge file."""

    judge: str = "anthropic/claude-opus-5-5"
    model: str | None = None
    version: str | None = None
    files: tuple[str, ...] = ()
    mode: Literal["batched", "individual"] = "batched"
    timeout: float = 300
    reasoning_effort: str | None = None
    isolated: bool = False
    cwd: str | None = None
    reference: str | None = None
    atif_trajectory: str | None = Field(default=None, alias="atif-trajectory")
    mcp_servers: list[dict[str, Any]] = Field(default_factory=list)
    weight: FiniteFloat = 1.0
    prompt_template: str | None = None
    samples: PositiveInt = 1
    guard: Literal["off", "flag", "penalize"] = "off"


class CriterionTable(_Table):
    """`[[criterion]]` of a judge file."""

    description: str
    type: Literal["binary", "likert", "numeric", "rubric"] = "binary"
    name: str | None = None
    id: str | None = None
    points: int = 5
    levels: tuple[str, ...] = ()
    min: FiniteFloat = 0.0
    max: FiniteFloat = 1.0
    weight: FiniteFloat = 1.0
    files: tuple[str, ...] = ()
    negate: bool = False
    optional: bool = False
    annotations: dict[str, Any] = Field(default_factory=dict)


class JudgeFile(_Table):
    """A judge file."""

    judge: JudgeTable = Field(default_factory=JudgeTable)
    criterion: list[CriterionTable] = Field(min_length=1)
    scoring: ScoringTable = Field(default_factory=ScoringTable)


def read_toml(path: Path) -> dict[str, Any]:
    """The data of a TOML file.

    Raises:
        FolderError: when it is none, with its line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise FolderError(f"{shown(path)}: must be UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FolderError(f"{shown(path)}:{line[1] if line else 1}: no valid TOML: {error}") from None


def is_judge_file(data: dict[str, Any]) -> bool:
    """Whether a TOML file is a judge's: it has one of its tables."""
    return "judge" in data or "criterion" in data


def validated(model: Any, data: dict[str, Any], path: Path) -> Any:
    """The data as a checked table.

    Raises:
        FolderError: with every mistake, its field, what was found and the nearest allowed name.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_problem(model, data, found) for found in error.errors(include_url=False)]
        text = path.read_text(encoding="utf-8").splitlines()
        raise FolderError("\n".join(f"{shown(path)}:{_line(text, field)}: {field}: {message}" for field, message in lines)) from None


def _problem(model: Any, data: Any, found: Any) -> tuple[str, str]:
    location = list(found["loc"])
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")
    name = str(location[-1])
    if found["type"] == "extra_forbidden":
        allowed = _names_at(model, location[:-1])
        return field, f"there is no such field; allowed: {', '.join(allowed)}{nearest(name, allowed)}"
    if name == "aggregation":
        return field, f"must be one of {', '.join(HOWS)}, got {found['input']!r}{nearest(found['input'], HOWS)}"
    if found["type"] == "missing":
        return field, "is missing"
    return field, f"{found['msg'][0].lower()}{found['msg'][1:]}, got {found['input']!r:.80}"


def _names_at(model: Any, location: list[Any]) -> list[str]:
    """The fields of the table at a location."""
    tables = {"judge": JudgeTable, "criterion": CriterionTable, "reward": RewardTable}
    steps = [step for step in location if isinstance(step, str)]
    found = model if not steps else ScoringTable if steps[0] == "scoring" else tables[steps[0]]
    return [field.alias or name for name, field in found.model_fields.items()]


def _line(text: list[str], field: str) -> int:
    """About where a field is: the first line that names it, of the right table among several of one name."""
    table, number, name = re.match(r"(\w[\w-]*)?(?:\[(\d+)\])?.*?([\w-]+)?$", field).groups()  # type: ignore[union-attr]
    start = 0
    headings = [i for i, line in enumerate(text) if re.match(rf"\s*\[+\s*{re.escape(table or '')}\s*[\].]", line)]
    if headings:
        start = headings[min(int(number or 0), len(headings) - 1)]
    return next((i for i, line in enumerate(text[start:], start + 1) if name and re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", line)), start + 1)
