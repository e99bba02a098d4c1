"""`@configured`: how parsers, scorers, rewards and rubrics declare their options.

A configured class is a frozen pydantic dataclass: checked when it is made, hashable, picklable, equal when its options are, and able to
describe itself as JSON schema. Unknown options are refused, not dropped: a typo in a reward must not train a model.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, SecretStr
from pydantic.dataclasses import dataclass

from rl_rewards.redaction import Secret

configured = dataclass(
    frozen=True,
    config=ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,  # pydantic would print all of a class's arguments, keys among them
    ),
)


def _remember(secret: SecretStr) -> SecretStr:
    Secret(secret.get_secret_value())
    return secret


SecretOption = Annotated[SecretStr, AfterValidator(_remember)]
"""An option that holds a key: shown in no representation or error, and written to no file."""
