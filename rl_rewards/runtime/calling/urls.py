"""Which addresses may be called: URLs are written into rubrics, records and logs, so none may hold a credential."""

from __future__ import annotations

import os
import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from rl_rewards.redaction import HIDDEN, redact

__all__ = ["ALLOWED_HOSTS", "check_url"]

ALLOWED_HOSTS = "RL_REWARDS_ALLOWED_HOSTS"
"""Environment variable with the hosts that may be called, `rewards.example.com, *.internal, 127.0.0.1:8080`; unset, all may."""
_TOKEN_NAMES = re.compile(
    r"(?:^|[_.-])(?:key|api-?key|apikey|token|secret|password|passwd|pwd|sig|signature|auth|authorization|credentials?|jwt|code)$"
)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def check_url(url: str, option: str = "url") -> None:
    """Check the address of a server.

    Args:
        option: the name of the option that holds it, for errors.

    Raises:
        ValueError: when it is not http:// or https://, has no host or a wrong port, or holds a user, a password or a key. The text has the
            address without them.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{option} must begin with http:// or https://, got {_shown(url)!r}")
    if not url.isprintable() or " " in url:
        raise ValueError(f"{option} must have no white space or control characters, got {_shown(url)!r}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its text may quote a password
        raise ValueError(f"{option} must be an address such as http://localhost:8000, with a port up to 65535, got {_shown(url)!r}") from None
    if not host:
        raise ValueError(f"{option} must name a host, such as http://localhost:8000, got {_shown(url)!r}")
    if "@" in parts.netloc:
        raise ValueError(f"{option} must hold no user or password, got {_shown(url)!r}; name the variable with the key in `api_key_env`")
    if not _is_allowed(parts):
        raise ValueError(f"{option} must be of a host in {ALLOWED_HOSTS}, which has {os.environ[ALLOWED_HOSTS]!r}, got {parts.netloc!r}")
    if names := _token_names(parts):
        raise ValueError(f"{option} must hold no key, got one in {names}: {_shown(url)!r}; name the variable with the key in `api_key_env`")


def _is_allowed(parts: SplitResult) -> bool:
    """Whether the environment's list of hosts, where it has one, has this one: `host`, `host:port` or `*.domain`, with a port or without."""
    allowed = os.environ.get(ALLOWED_HOSTS)
    if allowed is None:
        return True
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return any(_fits(pattern, host, port) for pattern in allowed.lower().replace(",", " ").split())


def _fits(pattern: str, host: str, port: int) -> bool:
    name, colon, number = (pattern, "", "") if pattern.endswith("]") or ":" not in pattern else pattern.rpartition(":")
    name = name.strip("[]")
    if colon and number != str(port):
        return False
    return host.endswith(name[1:]) and host != name[2:] if name.startswith("*.") else host == name


def _token_names(parts: SplitResult) -> list[str]:
    pairs = [pair for text in (parts.query, parts.fragment) for pair in parse_qsl(text.replace(";", "&"), keep_blank_values=True)]
    by_name = [name for name, _ in pairs if _TOKEN_NAMES.search(_CAMEL_CASE.sub("_", name).lower())]
    return by_name or [name for name, value in pairs if redact(value) != value]


def _shown(url: str) -> str:
    """The address without what may be user and password, and without the values of its query."""
    shown = re.sub(r"^([a-z][a-z0-9+.-]*:/*)?.*@", rf"\1{HIDDEN}@", url, flags=re.DOTALL | re.IGNORECASE)
    return redact(re.sub(r"(?<==)[^&;#]*", HIDDEN, shown))
