"""Requirements with the versions that are installed here, of a deployment and of all that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from rl_rewards.deploying.evaluation_id import DeployError

__all__ = ["extras_of", "locked"]

OURS = "rl-rewards"
# Where a kind's code is -> the extra that it needs.
_EXTRAS = {
    "rl_rewards.scorers.math": "math",
    "rl_rewards.scorers.instruction_following": "ifeval",
    "rl_rewards.scorers.text_similarity": "graders",
    "rl_rewards.scorers.graders.score_model": "judge",
    "rl_rewards.scorers.graders.label_model": "judge",
    "rl_rewards.scorers.judge": "judge",
    "rl_rewards.scorers.autorater": "judge",
    "rl_rewards.scorers.reward_model": "train",
    "rl_rewards.scorers.embedding": "train",
}
_ANSWERED_HERE = {OURS, "reward-kit", "eval-protocol"}  # their names lead to this package in a metric folder


def extras_of(kinds: Iterable[str]) -> list[str]:
    """The extras of this package that a served rubric needs, from the modules of its parsers and scorers."""
    needed = {extra for kind in kinds for place, extra in _EXTRAS.items() if kind == place or kind.startswith(f"{place}.")}
    return sorted(needed | {"serve"})


def locked(requirements: Sequence[str], extras: Iterable[str]) -> list[str]:
    """`name==version` of every package that the requirements and this package with its extras need, themselves included but this package, sorted.

    Raises:
        DeployError: for a requirement that is none, or is not installed here in a version that fits: what was never run is not deployed.
    """
    pinned: dict[str, str] = {}
    left = [(f"{OURS}[{','.join(extras)}]", ""), *((line, "") for line in requirements)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        line, needed_by = left.pop()
        requirement = _requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(requirement.name)
        if needed_by == "" and name in _ANSWERED_HERE - {OURS}:
            continue
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        found = _installed(requirement, needed_by)
        if name != OURS:
            pinned[name] = found.version.partition("+")[0]  # what comes after + names a build of one index
        for inner in found.requires or ():
            if _applies(inner, requirement.extras):
                left.append((inner.partition(";")[0].strip(), name))
    return [f"{name}=={version}" for name, version in sorted(pinned.items())]


def _requirement(line: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement as error:
        raise DeployError(f"a requirement must be a package's name with its versions, such as numpy>=2, got {line!r}: {error}") from None


def _installed(requirement: Requirement, needed_by: str) -> Distribution:
    try:
        found = distribution(requirement.name)
    except PackageNotFoundError:
        found = None
    if found is None or not requirement.specifier.contains(found.version, prereleases=True):
        has = "it is not installed" if found is None else f"version {found.version} is installed"
        by = f" (for {needed_by})" if needed_by else ""
        raise DeployError(f"{requirement}{by} must be installed here, so that the versions that were tried are those that are deployed; {has}")
    return found


def _applies(line: str, extras: Iterable[str]) -> bool:
    marker = Requirement(line).marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
