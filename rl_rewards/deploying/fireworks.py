"""Calls of Fireworks' REST API: with the key, retries and limits, and errors that have the status and what the service said."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rl_rewards.deploying.credentials import ACCOUNT, FireworksCredentials
from rl_rewards.runtime import event_loop
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.runtime.calling.http import http_client, request_json
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.user_errors import UserError

__all__ = ["Fireworks", "FireworksError"]


class FireworksError(UserError, RuntimeError):
    """A call that the service refused or did not answer: its text has the status and the body.

    Attributes:
        status: of its reply; None where there was none.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Fireworks:
    """The service, as one account sees it.

    Args:
        limits: of one call.
    """

    def __init__(self, credentials: FireworksCredentials, limits: CallLimits | None = None) -> None:
        self.credentials = credentials
        self._limits = limits or CallLimits(timeout=300.0, retries=2)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = True) -> Any:
        """The JSON that the service replies, None for nothing.

        Args:
            path: from the service's address on, such as /v1/accounts/me/evaluators.
            repeatable: whether the same call may be made twice, where the first one's fate is not known.

        Raises:
            FireworksError: when it refuses or does not answer.
        """
        return event_loop.submit(self._call(method, path, body, repeatable)).result()

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None, repeatable: bool) -> Any:
        async with http_client(self.credentials.base_url, self.credentials.key) as client:
            try:
                return await request_json(client, method, path, body, self._limits, repeatable=repeatable)
            except CallError as error:
                raise FireworksError(f"{method} {self.credentials.base_url}{path}: {error}", error.status) from None

    @cached_property
    def account(self) -> str:
        """The account's id: that of the credentials, else whose key it is by the service's own word.

        Raises:
            FireworksError: when the service does not say it.
        """
        return self.credentials.account or event_loop.submit(self._own_account()).result()

    async def _own_account(self) -> str:
        """The account that a key belongs to, from a header of /verifyApiKey."""
        path, header = "/verifyApiKey", "x-fireworks-account-id"
        where, wanted = f"GET {self.credentials.base_url}{path}", f"set {ACCOUNT}, or `account_id = ...` in ~/.fireworks/auth.ini"
        async with http_client(self.credentials.base_url, self.credentials.key) as client:
            try:
                reply = await client.get(path, timeout=self._limits.timeout)
            except Exception as error:
                raise FireworksError(f"{where}: {type(error).__name__}: the account's id cannot be asked for; {wanted}") from None
        account = reply.headers.get(header, "").strip()
        if not reply.is_success or not account:
            found = f"HTTP {reply.status_code}" if not reply.is_success else f"no header {header}"
            raise FireworksError(f"{where}: the account's id must be in its reply, got {found}; {wanted}", reply.status_code)
        return account

    @property
    def evaluators(self) -> str:
        """The path of the account's evaluators."""
        return f"/v1/accounts/{self.account}/evaluators"
