"""Who may call: keys from the environment, and no public address without one."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
from collections.abc import Mapping

from rl_rewards.redaction import Secret
from rl_rewards.user_errors import UserError

__all__ = ["Keys", "ServeError", "check_bind", "keys_from_environment"]


class ServeError(UserError):
    """A server that must not be started so."""


class Keys:
    """The keys that open the server; none opens it to whoever reaches it.

    Args:
        keys: the keys themselves.
    """

    def __init__(self, keys: list[str]) -> None:
        self._digests = [hashlib.sha256(Secret(key).reveal().encode()).digest() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def allow(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request's `Authorization: Bearer` or `X-Api-Key` has a key. Every key is compared, in constant time."""
        if not self._digests:
            return True
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        digest = hashlib.sha256(given).digest()
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def keys_from_environment(variable: str) -> Keys:
    """The keys in an environment variable, separated by commas; none where it is not set.

    Raises:
        ServeError: when it is set and holds no key, or one that is easily guessed.
    """
    raw = os.environ.get(variable)
    if raw is None:
        return Keys([])
    keys = [key.strip() for key in raw.split(",") if key.strip()]
    if not keys:
        raise ServeError(f"the environment variable {variable!r} must hold a key, or several with commas between, got none")
    if any(len(key) < 16 for key in keys):
        raise ServeError(f"a key in the environment variable {variable!r} must have at least 16 characters")
    return Keys(keys)


def check_bind(host: str, keys: Keys, variable: str) -> None:
    """Refuse an address that others reach, where no key is needed.

    Raises:
        ServeError: naming the variable to set.
    """
    if keys or _is_loopback(host):
        return
    raise ServeError(f"--host {host} can be reached from other machines, so a key is needed: set the environment variable {variable}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        raise ServeError(f"--host must be an address of this machine, got {host!r}") from None
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
