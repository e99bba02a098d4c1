"""What a server knows: its rubrics, and how a request to a contract becomes a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rl_rewards import __version__
from rl_rewards.pipeline.columns import Evaluation
from rl_rewards.recording.provenance import digest_of
from rl_rewards.redaction import logger_for
from rl_rewards.reward import RewardError
from rl_rewards.rubric import Rubric
from rl_rewards.serving.contracts.base import Contract, Query, check_needs, needs_more_than_rows, unusable_reference
from rl_rewards.serving.contracts.json_body import body_of
from rl_rewards.serving.contracts.native import SCORE
from rl_rewards.serving.errors import NoScoreError, RequestError, ServiceError
from rl_rewards.serving.middleware import GateLimits
from rl_rewards.serving.replies import Reply
from rl_rewards.serving.scoring import Limits, RubricService
from rl_rewards.serving.security import Keys
from rl_rewards.serving.telemetry import Telemetry
from rl_rewards.types import MissingReferenceError

__all__ = ["RubricServer", "ServeOptions"]

logger = logger_for(__name__)

# A body or a reply of more is read and written in a thread, so that the event loop answers others meanwhile.
_LARGE_BODY = 1 << 16  # bytes
_MANY_ROWS = 256


@dataclass(frozen=True)
class ServeOptions:
    """How a server answers.

    Attributes:
        keys: who may call; none: whoever reaches it.
        limits: what a rubric's scoring may take.
        gate: what callers may send.
        label_column: the column that OpenRLHF's labels are; by default the rubric's only one.
        verify_failures: a failure in a reply to NeMo-Gym: `mask` (mask_sample is true, which release 0.4.0 does not read) or `error` (503).
        about: rubric -> what is said of it besides, such as the version of a deployment.
        when_ready: called once every rubric is loaded.
    """

    keys: Keys = field(default_factory=lambda: Keys([]))
    limits: Limits = field(default_factory=Limits)
    gate: GateLimits = field(default_factory=GateLimits)
    label_column: str | None = None
    verify_failures: Literal["mask", "error"] = "mask"
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    when_ready: Callable[[], None] | None = None


class RubricServer:
    """Rubrics that are served.

    Args:
        rubrics: name -> rubric.
        options: keys and limits.
        telemetry: counts the outcomes.
    """

    def __init__(self, rubrics: Mapping[str, Rubric], options: ServeOptions, telemetry: Telemetry) -> None:
        self.services = {name: RubricService(rubric, options.limits) for name, rubric in rubrics.items()}
        self._telemetry = telemetry
        self._needy = {name: [reward for reward in rubric if needs_more_than_rows(reward)] for name, rubric in rubrics.items()}
        shared = {"label_column": options.label_column, "verify_failures": options.verify_failures}
        versions = {name: {"digest": digest_of(rubric, Path.cwd()), **options.about.get(name, {})} for name, rubric in rubrics.items()}
        self._about = {name: about | {"package": __version__} for name, about in versions.items()}
        self._options = {name: {**shared, "digest": about["digest"], "package": __version__} for name, about in self._about.items()}
        self._when_ready = options.when_ready
        self.warm_up_error: str | None = None

    async def warm_up(self) -> None:
        """Load what rewards load at their first batch. A failure is kept: the server stays up and not ready, so that its log can be read."""
        try:
            for service in self.services.values():
                await asyncio.to_thread(service.warm_up)
            if self._when_ready is not None:
                self._when_ready()
        except Exception as error:
            self.warm_up_error = f"{type(error).__name__}: {error}"
            logger.exception("a rubric cannot be loaded")

    def description(self, name: str) -> dict[str, Any]:
        """What a rubric is: its columns and rewards, and what else is known of it.

        Raises:
            RequestError: when there is none.
        """
        rubric = self._service(name)[1].rubric
        rewards = [{"name": reward.name, "weight": reward.weight} for reward in rubric]
        needs_groups = any(reward.score.traits.needs_groups for reward in rubric)
        return {"name": name, "columns": sorted(rubric.columns), "rewards": rewards, "needs_groups": needs_groups, **self._about[name]}

    async def answer(self, contract: Contract, raw: bytes, query: Mapping[str, str], rubric: str | None, log: dict[str, Any]) -> Reply:
        """The reply to a request. Whatever goes wrong is a 4xx where the caller can mend it, else a 503.

        Args:
            raw: the body.
            query: the query's arguments.
            rubric: the rubric in the path.
            log: fields of the request's line in the log, to be added to.
        """
        try:
            return await self._answer(contract, raw, query, rubric, log)
        except ServiceError as error:
            failure = error
        except Exception as error:
            logger.exception("a request could not be answered")
            failure = NoScoreError(f"the request could not be answered: {type(error).__name__}", "internal_error")
        log.update(error=failure.code, message=str(failure)[:200] if failure.status >= 500 else None)
        return Reply.of_error(failure)

    async def _answer(self, contract: Contract, raw: bytes, query: Mapping[str, str], rubric: str | None, log: dict[str, Any]) -> Reply:
        large = len(raw) > _LARGE_BODY
        body = await asyncio.to_thread(body_of, raw, contract.model) if large else body_of(raw, contract.model)
        name, service = self._service(rubric or query.get("rubric") or (getattr(body, "rubric", None) if contract is SCORE else None))
        reward = self._reward(contract, query.get("reward"), service)
        options = self._options[name]
        read = (contract.read, body, service.rubric, options)
        samples = await asyncio.to_thread(*read) if large else contract.read(body, service.rubric, options)
        log.update(rubric=name, rows=len(samples))
        asked = Query(contract, samples, body, reward, options)
        if self._needy[name]:
            check_needs(asked, self._needy[name])
        evaluation = await self._evaluate(service, asked)
        self._telemetry.scored(name, evaluation)
        return await asyncio.to_thread(_written, contract, asked, evaluation) if len(samples) > _MANY_ROWS else _written(contract, asked, evaluation)

    def _service(self, name: str | None) -> tuple[str, RubricService]:
        """A rubric by name; without one the server's only one.

        Raises:
            RequestError: 404 when there is none, 400 when a name is needed.
        """
        if name is None and len(self.services) == 1:
            name = next(iter(self.services))
        if name is None:
            raise RequestError(
                f"the server has several rubrics, so one must be named (?rubric=NAME): {sorted(self.services)}", None, 400, "no_rubric"
            )
        if name not in self.services:
            raise RequestError(f"no rubric {name!r:.200}; there are {sorted(self.services)}", None, 404, "unknown_rubric")
        return name, self.services[name]

    @staticmethod
    def _reward(contract: Contract, reward: str | None, service: RubricService) -> str | None:
        if reward is None or not contract.per_reward:
            return None
        names = [each.name for each in service.rubric]
        if reward not in names:
            raise RequestError(f"no reward {reward!r:.200} in the rubric; there are {names}", None, 404, "unknown_reward")
        return reward

    @staticmethod
    async def _evaluate(service: RubricService, asked: Query) -> Evaluation:
        try:
            return await service.score(asked.samples)
        except RewardError as error:  # `on_error: raise`
            if isinstance(error.__cause__, MissingReferenceError) and error.row is not None:
                reward = next(reward for reward in service.rubric if reward.name == error.reward)
                raise unusable_reference(asked, reward, error.row, error.__cause__, error.reason) from error
            raise NoScoreError(error.reason, "reward_error") from error
        except ServiceError:
            raise
        except Exception as error:
            logger.exception("a batch could not be scored")
            raise NoScoreError(f"the batch could not be scored: {type(error).__name__}", "internal_error") from error


def _written(contract: Contract, asked: Query, evaluation: Evaluation) -> Reply:
    return Reply.of_json(contract.write(asked, evaluation))
