"""A harbor-rewardkit folder as rewards of a rubric.

The folder's main score is a reward of the folder's name; its criteria files, judge files and directories are metrics (weight 0) called
`name.input`. A folder with several dimensions and no [[reward]] has no main score: there each dimension is trained on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rl_rewards.folders.rewardkit.aggregation import RewardkitAggregation
from rl_rewards.folders.rewardkit.config import RewardTable
from rl_rewards.folders.rewardkit.criteria import RewardkitCriteria
from rl_rewards.folders.rewardkit.discovery import load_checks
from rl_rewards.folders.rewardkit.judge_files import files_named_by, judge_of
from rl_rewards.folders.rewardkit.layout import CriteriaInput, Group, JudgeInput, Node, layout_of
from rl_rewards.folders.rewardkit.session import Check
from rl_rewards.loading import LoadError, code_allowed
from rl_rewards.reward import Reward
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.metric_folder import FolderError
from rl_rewards.scorers.metric_folder.contents import folder_digest, shown
from rl_rewards.scorers.metric_folder.requirements import check_requirements
from rl_rewards.user_errors import user_message

__all__ = ["rewardkit_rewards"]

_MAIN = "reward"  # the name of harbor's main score


def rewardkit_rewards(name: str, directory: Path, weight: float = 1.0, isolation: Mapping[str, Any] | None = None) -> list[Reward]:
    """The rewards of a folder.

    Args:
        name: of its main score.
        weight: of its main score in the total.
        isolation: options of a Reward for what runs the folder's code.

    Raises:
        FolderError: for a folder that is wrong, or asks for what is not supported, by name.
    """
    if not code_allowed():
        raise LoadError(f"the metric folder {str(directory)!r} is code, which must not be run here (no code)")
    directory = directory.resolve()
    check_requirements(directory)
    checks = load_checks(directory, folder_digest(directory))
    root = layout_of(directory, frozenset(checks))
    named = _named(root, checks)
    return _Rewards(name, directory, weight, dict(isolation or {}), named).of(root)


def _named(root: Group, checks: Mapping[str, Sequence[Check]]) -> tuple[str, ...]:
    """The files of the workspace that the folder's criteria and judges name."""
    names = {name for of_file in checks.values() for check in of_file for name in check.files}
    nodes: list[Node] = [root]
    for node in nodes:
        if isinstance(node, Group):
            nodes += node.inputs.values()
        elif isinstance(node, JudgeInput):
            names.update(files_named_by(node.path, node.config))
    return tuple(sorted(names))


class _Rewards:
    """Makes the rewards of one folder."""

    def __init__(self, name: str, directory: Path, weight: float, isolation: dict[str, Any], named: tuple[str, ...]) -> None:
        self._name, self._directory, self._weight, self._isolation, self._named = name, directory, weight, isolation, named
        self._made: list[Reward] = []

    def of(self, root: Group) -> list[Reward]:
        """The rewards, the main score last."""
        if not root.has_children and not any(table.name == _MAIN for table in root.tables) and len(root.inputs) == 1:
            [(_, only)] = root.inputs.items()
            self._node(only, self._name, self._weight)
            inputs = dict.fromkeys(root.inputs, self._name)
        else:
            main = next((table for table in root.tables if table.name == _MAIN), None)
            main = main or (root.tables[0] if len(root.tables) == 1 and root.has_children else None)
            alone = root.has_children and main is None
            inputs = {
                name: self._node(node, f"{self._name}.{_plain(name)}", self._weight if alone and not root.tables else 0.0)
                for name, node in root.inputs.items()
            }
            if not alone:
                self._add(self._name, self._aggregation(root, main, inputs), self._weight)
        for table in root.tables:
            if not (table.name == _MAIN or (root.has_children and len(root.tables) == 1)):
                several = root.has_children and not any(each.name == _MAIN for each in root.tables)
                self._add(f"{self._name}.{_plain(table.name or '')}", self._aggregation(root, table, inputs), self._weight if several else 0.0)
        return self._made

    def _node(self, node: Node, name: str, weight: float) -> str:
        """Make a node's rewards; the name of the one with its score."""
        if isinstance(node, CriteriaInput):
            file = node.path.relative_to(self._directory).as_posix()
            scoring = node.scoring
            scorer: Scorer = self._checked(
                node.path,
                RewardkitCriteria,
                str(self._directory),
                file,
                named=self._named,
                aggregation=scoring.aggregation,
                threshold=scoring.threshold,
            )
            self._add(name, scorer, weight, **({} if scorer.traits.runs_in_workers else self._isolation))
        elif isinstance(node, JudgeInput):
            self._add(name, judge_of(node.path, self._directory, node.config, self._named), weight)
        elif len(node.inputs) == 1 and not node.tables:
            [only] = node.inputs.values()
            return self._node(only, name, weight)
        else:
            inputs = {inner: self._node(child, f"{name}.{_plain(inner)}", 0.0) for inner, child in node.inputs.items()}
            self._add(name, self._aggregation(node, node.tables[0] if node.tables else None, inputs), weight)
        return name

    def _aggregation(self, group: Group, table: RewardTable | None, inputs: Mapping[str, str]) -> Scorer:
        weights = {inputs[name]: weight for name, weight in group.weights(table).items()}
        table = table or RewardTable()
        return self._checked(group.path / "reward.toml", RewardkitAggregation, weights, aggregation=table.aggregation, threshold=table.threshold)

    @staticmethod
    def _checked(path: Path, cls: type[Scorer], *options: Any, **more: Any) -> Scorer:
        try:
            return cls(*options, **more)
        except ValidationError as error:
            raise FolderError(f"{shown(path)}: {user_message(error)}") from None

    def _add(self, name: str, scorer: Scorer, weight: float, **isolation: Any) -> None:
        if name in (reward.name for reward in self._made):
            raise FolderError(
                f"{shown(self._directory)}: scores must have different names, got {name!r} more than once: rename an input or a [[reward]]"
            )
        self._made.append(Reward(name, scorer, weight=weight, **isolation))


def _plain(name: str) -> str:
    """A name of letters, digits, '_', '-' and '.'."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
