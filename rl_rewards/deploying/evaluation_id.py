"""Ids of evaluations: what a service, a directory and a URL can hold alike."""

from __future__ import annotations

import re

from rl_rewards.user_errors import UserError

__all__ = ["DeployError", "check_id"]

_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


class DeployError(UserError, ValueError):
    """A deployment that cannot be made: what must hold and what was found."""


def check_id(evaluation_id: str) -> str:
    """An id as it is: Fireworks' rule for evaluators and Cloud Run's for services.

    Raises:
        DeployError: when it is none; proposes the nearest one.
    """
    if _ID.fullmatch(evaluation_id):
        return evaluation_id
    near = re.sub(r"[^a-z0-9]+", "-", evaluation_id.lower()).strip("-").lstrip("0123456789-")[:63].rstrip("-")
    proposed = f"; did you mean {near!r}?" if near else ""
    raise DeployError(
        f"an id must be 1 to 63 small letters, digits and '-', beginning with a letter and not ending with '-', got {evaluation_id!r:.100}{proposed}"
    )
