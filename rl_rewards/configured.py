"""`@configured`: how parsers, scorers, aggregates, rewards and rubrics declare their options.

A configured class is a frozen pydantic dataclass: checked when it is made, hashable, picklable, equal when its options are, and able to
describe itself as JSON schema. Unknown options are refused, not dropped: a typo in a reward must not train a model.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, dataclass_transform

from pydantic import AfterValidator, ConfigDict, Field, SecretStr
from pydantic.dataclasses import dataclass

from rl_rewards.redaction import Secret

if TYPE_CHECKING:
    Value = TypeVar("Value", covariant=True)
    Given = TypeVar("Given", contravariant=True)

    class Converted(Generic[Value, Given]):
        """To a type checker, an option that is given as one type and read as another; pydantic's validators convert it."""

        def __get__(self, instance: object, owner: Any) -> Value: ...
        def __set__(self, instance: object, value: Given) -> None: ...


__all__ = ["SecretOption", "configured"]

_CONFIG = ConfigDict(
    extra="forbid",
    allow_inf_nan=False,
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,  # pydantic would print all of a class's arguments, keys among them
)
_Class = TypeVar("_Class", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def configured(cls: _Class) -> _Class:
    """Make a class a configured one; type checkers read its fields as those of a frozen dataclass."""
    made: Any = dataclass(frozen=True, config=_CONFIG)(cls)
    return made


def _remember(secret: SecretStr) -> SecretStr:
    Secret(secret.get_secret_value())
    return secret


SecretOption = Annotated[SecretStr, AfterValidator(_remember)]
"""An option that holds a key: shown in no representation or error, and written to no file."""
