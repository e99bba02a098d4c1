"""Calls that brought no reply to read."""

from __future__ import annotations

from rl_rewards.redaction import redact
from rl_rewards.types import Outcome


class CallError(Exception):
    """A call that brought no reply to read. Its text holds no secret.

    Attributes:
        outcome: `timeout` or `error`.
        of_the_input: whether it may be what was sent that the server, or its reader, could not bear: another input might do.
    """

    def __init__(self, outcome: Outcome, text: str, of_the_input: bool = False) -> None:
        super().__init__(redact(text))
        self.outcome = outcome
        self.of_the_input = of_the_input


class RetryableError(Exception):
    """An attempt failed in a way that another one may not.

    Attributes:
        retry_after: seconds that the server asks to wait, where it does.
    """

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(redact(text))
        self.retry_after = retry_after
