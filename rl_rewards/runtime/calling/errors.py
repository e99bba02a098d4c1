"""Calls that brought no reply to read."""

from __future__ import annotations

from rl_rewards.redaction import redact
from rl_rewards.types import Outcome

__all__ = ["CallError", "RetryableError"]


class CallError(Exception):
    """A call that brought no reply to read. Its text holds no secret.

    Attributes:
        outcome: `timeout` or `error`.
        of_the_input: whether it may be because of what was sent, so that a call with another input may succeed.
        server_down: whether the server cannot be reached or does not work, so that another call would fail as well.
        status: the HTTP status of its last reply, where there was one.
    """

    def __init__(self, outcome: Outcome, text: str, of_the_input: bool = False, server_down: bool = False, status: int | None = None) -> None:
        super().__init__(redact(text))
        self.outcome = outcome
        self.of_the_input = of_the_input
        self.server_down = server_down
        self.status = status


class RetryableError(Exception):
    """An attempt failed in a way that another one may not.

    Attributes:
        retry_after: seconds that the server asks to wait, where it does.
        busy: whether the server works and has too much to do.
        status: the HTTP status of its reply, where there was one.
    """

    def __init__(self, text: str, retry_after: float | None = None, busy: bool = False, status: int | None = None) -> None:
        super().__init__(redact(text))
        self.retry_after = retry_after
        self.busy = busy
        self.status = status
