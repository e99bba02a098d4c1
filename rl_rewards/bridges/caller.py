"""What a trainer can do, and whether it can use a rubric with these options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.unscorable import POLICIES, Policy
from rl_rewards.checks import check_weights
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest

__all__ = ["Caller", "check_bridge", "check_options"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What a trainer can do.

    Attributes:
        name: as its users write it.
        policies: those that it can carry out for a row without a score.
        groups: whether the bridge is handed whole groups of completions.
        token_ids: whether it hands over the completions' token ids.
        instead: what its users do about a policy or a reward that it cannot carry out.
    """

    name: str
    policies: tuple[Policy, ...] = ("raise",)
    groups: bool = False
    token_ids: bool = False
    instead: str = ""


def check_bridge(rubric: Rubric, caller: Caller, unscorable: str) -> Policy:
    """Check that a trainer can use a rubric, and return its policy for rows without a score.

    Raises:
        BridgeError: a policy that is unknown, or that the trainer cannot carry out; a reward that needs what the trainer does not hand over.
        RubricDataError: when every weight is 0.
    """
    check_weights(rubric)
    _check_needs(rubric, caller)
    return _policy(unscorable, caller)


def _policy(name: str, caller: Caller) -> Policy:
    for policy in caller.policies:
        if name == policy:
            return policy
    if name in POLICIES:
        raise BridgeError(f"unscorable must be {' or '.join(caller.policies)} for {caller.name}, got {name!r}: {caller.instead}")
    raise BridgeError(f"unscorable must be one of {', '.join(caller.policies)}, got {name!r}{nearest(name, POLICIES)}")


def _check_needs(rubric: Rubric, caller: Caller) -> None:
    for reward in rubric.rewards:
        traits = reward.score.traits
        if traits.needs_groups and not caller.groups:
            raise BridgeError(
                f"reward {reward.name!r} compares the completions of a group, and {caller.name} hands over one at a time: {caller.instead}"
            )
        if traits.needs_token_ids and not caller.token_ids:
            raise BridgeError(
                f"reward {reward.name!r} counts the policy's tokens, and {caller.name} hands over text alone: set its option `unit` to words or "
                f"characters"
            )


def check_options(given: Mapping[str, Any], allowed: Iterable[str], known: Iterable[str], where: str) -> None:
    """Check that there is no option of another name.

    Args:
        allowed: names of options, for the message.
        known: names that the trainer itself may pass beside them.

    Raises:
        BridgeError: naming the nearest option.
    """
    allowed = list(allowed)
    for name in given:
        if name not in allowed and name not in known:
            raise BridgeError(f"{where} has no option {name!r}; allowed: {', '.join(allowed)}{nearest(name, allowed)}")
