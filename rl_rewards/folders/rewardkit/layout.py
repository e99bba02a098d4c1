"""The scoring inputs of a harbor-rewardkit folder as a tree: criteria files, judge files and directories, with their aggregations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rl_rewards.folders.rewardkit.aggregation import check_weights
from rl_rewards.folders.rewardkit.config import JudgeFile, RewardFile, RewardTable, ScoringTable, is_judge_file, read_toml, validated
from rl_rewards.folders.rewardkit.discovery import children_of, python_files_of
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import shown

__all__ = ["CriteriaInput", "Group", "JudgeInput", "Node", "layout_of"]


@dataclass(frozen=True)
class CriteriaInput:
    """A Python file with criteria."""

    path: Path
    scoring: ScoringTable
    weight: float = 1.0


@dataclass(frozen=True)
class JudgeInput:
    """A judge file."""

    path: Path
    config: JudgeFile

    @property
    def weight(self) -> float:
        return self.config.judge.weight


@dataclass(frozen=True)
class Group:
    """A directory with its inputs by name, and how they combine; the root may have several aggregations."""

    path: Path
    inputs: Mapping[str, Node] = field(default_factory=dict)
    tables: tuple[RewardTable, ...] = ()
    has_children: bool = False
    weight: float = 1.0

    def weights(self, table: RewardTable | None) -> dict[str, float]:
        """Input -> its weight in an aggregation."""
        given = table.weights if table is not None else {}
        return {name: given.get(name, node.weight) for name, node in self.inputs.items()}


Node = CriteriaInput | JudgeInput | Group


def layout_of(root: Path, with_criteria: frozenset[str]) -> Group:
    """The tree of a folder.

    Args:
        with_criteria: the Python files, relative to the root, that register criteria.

    Raises:
        FolderError: for a file that is wrong, two inputs of one name, a weight of none, or nothing to score.
    """
    group = _group(root, root, with_criteria)
    if not group.inputs:
        raise FolderError(f"{shown(root)}: the folder must have criteria or judge files, and has none")
    _check_root(group)
    return group


def _group(root: Path, directory: Path, with_criteria: frozenset[str]) -> Group:
    config, judges = _tomls(directory)
    inputs: dict[str, Node] = {}

    def add(name: str, node: Node) -> None:
        if name in inputs:
            raise FolderError(f"{shown(directory)}: inputs must have different names, got two called {name!r}: rename the file or directory")
        inputs[name] = node

    for path in python_files_of(directory):
        if path.relative_to(root).as_posix() in with_criteria:
            add(path.stem, CriteriaInput(path, config.scoring.get(path.stem, ScoringTable())))
    if unknown := [name for name in config.scoring if name not in inputs]:
        raise FolderError(
            f"{shown(directory / 'reward.toml')}: scoring.{unknown[0]}: there must be a Python file with criteria of that name, "
            f"there are {', '.join(inputs) or 'none'}{nearest(unknown[0], inputs)}"
        )
    for path, judge in judges:
        add(path.stem, JudgeInput(path, judge))
    children = [child for path in children_of(directory) if (child := _group(root, path, with_criteria)).inputs]
    for child in children:
        add(child.path.name, child)
    group = Group(directory, dict(sorted(inputs.items())), tuple(config.reward), bool(children))
    for i, table in enumerate(config.reward):
        _check_table(group, table, i)
    if directory != root:
        _check_nested(group)
    return group


def _tomls(directory: Path) -> tuple[RewardFile, list[tuple[Path, JudgeFile]]]:
    config, judges = RewardFile(), []
    for path in sorted(directory.glob("*.toml")):
        data = read_toml(path)
        if is_judge_file(data):
            judges.append((path, validated(JudgeFile, data, path)))
        elif path.name == "reward.toml":
            config = validated(RewardFile, data, path)
    return config, judges


def _check_table(group: Group, table: RewardTable, number: int) -> None:
    file = shown(group.path / "reward.toml")
    if not group.inputs:
        raise FolderError(f"{file}: reward[{number}]: the directory must have criteria or judge files to combine, and has none")
    for name in table.weights:
        if name not in group.inputs:
            near = nearest(name, group.inputs)
            raise FolderError(
                f"{file}: reward[{number}].weights.{name}: a weight must be of an input, which are {', '.join(group.inputs)}, got {name!r}{near}"
            )
    try:
        check_weights(list(group.weights(table).values()), table.aggregation)
    except ValueError as error:
        raise FolderError(f"{file}: reward[{number}].weights: {error}") from None


def _check_nested(group: Group) -> None:
    file = shown(group.path / "reward.toml")
    if len(group.tables) > 1:
        raise FolderError(f"{file}: reward: a directory within the folder must have one [[reward]] at most, got {len(group.tables)}")
    if group.tables and group.tables[0].name is not None:
        raise FolderError(
            f"{file}: reward[0].name: must be left out in a directory within the folder, whose name it has; got {group.tables[0].name!r}"
        )


def _check_root(group: Group) -> None:
    file, seen = shown(group.path / "reward.toml"), set()
    for i, table in enumerate(group.tables):
        if not table.name:
            raise FolderError(f"{file}: reward[{i}].name: is missing")
        if table.name in seen or (group.has_children and table.name in group.inputs):
            raise FolderError(f"{file}: reward[{i}].name: must differ from the other rewards and dimensions, got {table.name!r}")
        seen.add(table.name)
