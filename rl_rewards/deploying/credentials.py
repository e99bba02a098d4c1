"""Keys of Fireworks: from the environment, else from ~/.fireworks/auth.ini. They are shown in no text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rl_rewards.redaction import Secret
from rl_rewards.runtime.calling.urls import check_url
from rl_rewards.user_errors import UserError

__all__ = ["CredentialsError", "FireworksCredentials", "fireworks_credentials"]

KEY, ACCOUNT, BASE = "FIREWORKS_API_KEY", "FIREWORKS_ACCOUNT_ID", "FIREWORKS_API_BASE"
_DEFAULT_BASE = "https://api.fireworks.ai"


class CredentialsError(UserError, ValueError):
    """Credentials that are missing or cannot be used; their values are not shown."""


@dataclass(frozen=True)
class FireworksCredentials:
    """Who calls Fireworks, and where.

    Attributes:
        key: the API key.
        account: the account's id; None where only the service can tell (`Fireworks.account`).
        base_url: the service, without a slash at the end.
    """

    key: Secret
    account: str | None
    base_url: str


def fireworks_credentials(api_key: str | None = None, account_id: str | None = None) -> FireworksCredentials:
    """The credentials that are given, else those of FIREWORKS_API_KEY and FIREWORKS_ACCOUNT_ID, else of `api_key` and `account_id` in auth.ini.

    The service is FIREWORKS_API_BASE, by default https://api.fireworks.ai.

    Raises:
        CredentialsError: when there is no key, it cannot be sent in a header, or the address of the service is none.
    """
    file = Path.home() / ".fireworks" / "auth.ini"
    stored = _entries(file)
    key = _plain(api_key) or _plain(os.environ.get(KEY)) or stored.get("api_key")
    if not key:
        raise CredentialsError(f"a key of Fireworks must be in the environment variable {KEY}, or in {file} as `api_key = ...`; there is none")
    secret = Secret(key)
    if not all("!" <= character <= "~" for character in key):
        raise CredentialsError("the key of Fireworks must be of visible ASCII characters; its value is not shown here")
    account = _plain(account_id) or _plain(os.environ.get(ACCOUNT)) or stored.get("account_id")
    base = (os.environ.get(BASE) or _DEFAULT_BASE).strip().rstrip("/")
    try:
        check_url(base, BASE)
    except ValueError as error:
        raise CredentialsError(str(error)) from None
    return FireworksCredentials(secret, account, base)


def _entries(file: Path) -> dict[str, str]:
    """`key = value` lines of a file, of any section, the first of each name; none where there is no such file."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{file} cannot be read: {error.strerror if isinstance(error, OSError) else 'it must be UTF-8 text'}") from None
    entries: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";", "[")) and _plain(value):
            entries.setdefault(name.strip().lower(), _plain(value) or "")
    return entries


def _plain(value: str | None) -> str | None:
    """A value without the white space, BOM and quotes that a file or a shell may have put around it; None where nothing is left."""
    value = (value or "").strip().strip("\ufeff\u200b").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value or None
