"""NeMo-Gym 0.4: a resource server. Its app.py holds

    from rl_rewards.bridges.nemo_gym import resources_server

    RubricResourcesServer = resources_server("rubric.yaml")
    if __name__ == "__main__":
        RubricResourcesServer.run_webserver()

A reply has the row, the reward, every reward and component as fields, and `mask_sample`, `failure_kind`, `failure_reason`. The contract is that of
`rl-rewards serve` (/verify).
"""

from __future__ import annotations

import os
from typing import Any

from rl_rewards.bridges.caller import Caller
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.scoring import RubricScoring
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.serving.contracts.base import Query
from rl_rewards.serving.contracts.nemo_gym import NEMO_GYM
from rl_rewards.serving.errors import NoScoreError, RequestError

__all__ = ["CALLER", "FAILURES", "Verification", "resources_server"]

FAILURES = {"error": "a 503, for which NeMo-Gym 0.4 ends the rollout", "mask": "mask_sample, which NeMo-Gym after 0.4 reads"}
CALLER = Caller("NeMo-Gym", instead="its row is answered with mask_sample or a 503: failures='mask' or 'error'")


class Verification:
    """A rubric behind NeMo-Gym's `verify`: a request's fields in, the reply's fields out.

    Args:
        rubric: a Rubric, or a rubric file.
        failures: what a row without a score is answered with: error (a 503), or mask (`mask_sample`; NeMo-Gym 0.4.0 does not read it, and would take
            the number beside it).
    """

    def __init__(self, rubric: Rubric | str | os.PathLike[str], failures: str = "error") -> None:
        if failures not in FAILURES:
            raise BridgeError(f"failures must be {' or '.join(FAILURES)}, got {failures!r}{nearest(failures, FAILURES)}")
        self.scoring, self._options = RubricScoring(rubric, CALLER), {"verify_failures": failures}

    async def reply(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request.

        Raises:
            RequestError: a request that is wrong (422).
            NoScoreError: a row without a score, with failures error (503).
        """
        assert NEMO_GYM.model is not None
        body = NEMO_GYM.model.model_validate(fields)
        samples = NEMO_GYM.read(body, self.scoring.rubric, self._options)
        rubric = self.scoring.rubric
        evaluation = rubric.evaluate(samples) if self.scoring.is_quick else await rubric.aevaluate(samples)
        return NEMO_GYM.write(Query(NEMO_GYM, samples, body, options=self._options), evaluation)


def resources_server(rubric: Rubric | str | os.PathLike[str], failures: str = "error") -> Any:
    """A class of resource server, a SimpleResourcesServer of NeMo-Gym's, whose `verify` scores with a rubric.

    Args:
        failures: what a row without a score is answered with: error or mask.
    """
    from fastapi import HTTPException
    from nemo_gym.base_resources_server import (  # pyright: ignore[reportMissingImports]
        BaseResourcesServerConfig,
        BaseVerifyRequest,
        BaseVerifyResponse,
        SimpleResourcesServer,
    )
    from pydantic import ConfigDict

    verification = Verification(rubric, failures)

    class VerifyRequest(BaseVerifyRequest):
        model_config = ConfigDict(extra="allow")

    class VerifyResponse(BaseVerifyResponse):
        model_config = ConfigDict(extra="allow")

    class RubricResourcesServer(SimpleResourcesServer):
        config: BaseResourcesServerConfig

        async def verify(self, body: VerifyRequest) -> VerifyResponse:
            try:
                return VerifyResponse(**await verification.reply(body.model_dump(mode="json", exclude_unset=True)))
            except (NoScoreError, RequestError) as error:
                raise HTTPException(error.status, error.body()["error"]) from error

    # FastAPI reads annotations by value, and these classes are local ones.
    RubricResourcesServer.verify.__annotations__ = {"body": VerifyRequest, "return": VerifyResponse}
    return RubricResourcesServer
