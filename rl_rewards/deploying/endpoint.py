"""A deployed evaluation as a rubric: what `--reward-endpoint` of the recipes names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from rl_rewards.formats import load_rubric
from rl_rewards.redaction import redact, secret_from_environment
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.scorers.http import Http
from rl_rewards.scorers.http.forms import version_of
from rl_rewards.user_errors import UserError

__all__ = ["KEY", "EndpointError", "load_endpoint", "load_rewards"]

KEY = "RL_REWARDS_API_KEY"
"""Environment variable with the key of a deployed evaluation, where it needs one."""
_PATH = re.compile(r".*/v1/evaluations/([A-Za-z0-9_][A-Za-z0-9_.-]*)/?")


class EndpointError(UserError, ValueError):
    """A reward endpoint that cannot be used."""


def load_rewards(rubric: str | None, reward_endpoint: str | None) -> Rubric:
    """The rubric of a recipe: that of a file, or the evaluation at an endpoint.

    Raises:
        EndpointError: when there is neither or both; what loading raises.
    """
    if (rubric is None) == (reward_endpoint is None):
        raise EndpointError(f"either --rubric or --reward-endpoint must be given, got {'both' if rubric else 'neither'}")
    return load_endpoint(reward_endpoint) if reward_endpoint is not None else load_rubric(rubric or "")


def load_endpoint(url: str) -> Rubric:
    """The evaluation at `http://HOST/v1/evaluations/ID` as a rubric of one reward, called ID: its score is the weighted total there.

    Every reward of the evaluation is a component. A failure of the endpoint is a failure of the reward: no score, never a zero. So is a reply of
    another version (rubric or package) than the one that is there now.

    Raises:
        EndpointError: when the address is none, or nothing there describes an evaluation of that id.
    """
    try:
        check_url(url, "reward_endpoint")
    except ValueError as error:
        raise EndpointError(str(error)) from None
    found = _PATH.fullmatch(urlsplit(url).path)
    if found is None:
        raise EndpointError(f"reward_endpoint must be an address such as http://127.0.0.1:8000/v1/evaluations/ID, got {redact(url)!r}")
    about = _description(url)
    options: dict[str, Any] = {"columns": about["columns"], "needs_groups": about.get("needs_groups") is True}
    if (version := version_of(about)) is not None:  # so it is in the run's rubric, and a run that goes on with another is refused
        options["version"] = version
    if KEY in os.environ:
        options["api_key_env"] = KEY
    return Rubric((Reward(found[1], Http(url, form="evaluation", **options)),))


def _description(url: str) -> Mapping[str, Any]:
    """What an evaluation says of itself."""
    import httpx

    headers = {"authorization": f"Bearer {secret_from_environment(KEY, 'reward_endpoint').reveal()}"} if KEY in os.environ else {}
    try:
        reply = httpx.get(url, headers=headers, timeout=30.0)
    except httpx.HTTPError as error:
        raise EndpointError(f"reward_endpoint {url} gives no answer: {redact(str(error)) or type(error).__name__}") from None
    if reply.status_code in (401, 403):
        raise EndpointError(f"reward_endpoint {url} needs another key (HTTP {reply.status_code}): set the environment variable {KEY}")
    try:
        said = reply.json()
    except ValueError:
        said = None
    if not reply.is_success or not isinstance(said, Mapping) or not isinstance(said.get("columns"), list):
        shown = redact(" ".join(reply.text.split()))[:300]
        raise EndpointError(f"reward_endpoint {url} must describe an evaluation, as rl-rewards serve does, got HTTP {reply.status_code}: {shown}")
    return said
