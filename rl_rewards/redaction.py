"""Secrets, and how they are kept out of every text that leaves the process: errors, logs, records, representations.

A key is read with `secret_from_environment` and held as a `Secret`, which shows itself as *** and makes its value known to `redact`. Whoever
builds a text from what went wrong (an exception, a server's reply, a URL) passes it through `redact`; `describe`, `EvaluateResult` and
`logger_for` do that by themselves.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import re
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = [
    "HIDDEN",
    "Secret",
    "know_environment",
    "logger_for",
    "redact",
    "redact_known",
    "redact_reason",
    "secret_from_environment",
    "secrets_of_reasons",
    "without_secrets",
]

HIDDEN = "***"
_SHORTEST = 6  # characters: a shorter value would hide ordinary words
_SECRET_NAMES = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$", re.IGNORECASE)
# What keys look like, wherever they come from: after an authorization scheme, in a URL, or with a vendor's prefix.
_SHAPES = re.compile(
    r"(?P<before>\b(?:bearer|basic)\s+|://[^/\s:@]*:(?=[^/\s@]+@)"
    r"|[?&#;](?:[a-z_-]*(?:api|access|auth)[_-]?)?(?:key|token|secret|password|passwd|pwd|sig|signature|credential)s?=)"
    r"[^\s&#@'\"<>,;]{4,}"
    r"|\b(?:sk|hf|gsk|ghp|gho|pk|rk|nvapi|xox[abprs]|pypi|glpat)[-_][A-Za-z0-9_-]{16,}|\bAKIA[A-Z0-9]{16}\b",
    re.IGNORECASE,
)
_known: set[str] = set()
secrets_of_reasons: set[str] = set()  # what `redact_reason` looks for: known secrets, and those of the environment at the start of a batch


class Secret:
    """A value that no text may show. Its length is not shown either."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST:
            _known.add(value)
            secrets_of_reasons.add(value)

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def secret_from_environment(variable: str, option: str) -> Secret:
    """The key in an environment variable, without what a .env file or a shell may have put around it: white space, a BOM, quotes.

    Args:
        option: the option that names the variable, for errors.

    Raises:
        ValueError: when the variable is not set or empty, or its value cannot be sent in an HTTP header. The value is not shown.
    """
    raw = os.environ.get(variable)
    if raw is None:
        raise ValueError(f"the environment variable {variable!r} ({option}) is not set")
    value = raw.strip().strip("\ufeff\u200b").strip()
    for mark in "\"'":
        if len(value) > 1 and value.startswith(mark) and value.endswith(mark):
            value = value[1:-1].strip()
            break
    Secret(raw)
    secret = Secret(value)
    if not value:
        raise ValueError(f"the environment variable {variable!r} ({option}) must hold a key, got nothing but white space or quotes")
    wrong = next((place for place, character in enumerate(value) if not "!" <= character <= "~"), None)
    if wrong is not None:
        raise ValueError(
            f"the environment variable {variable!r} ({option}) must hold a key of visible ASCII characters, "
            f"got U+{ord(value[wrong]):04X} as character {wrong + 1}; its value is not shown here"
        )
    return secret


def redact(text: str) -> str:
    """`text` with *** for every known secret, whole or encoded, for the values of environment variables that are named like secrets, and for
    what looks like a key."""
    return _redacted(text, frozenset(_known | _secrets_of_environment()))


def redact_known(text: str) -> str:
    """`text` with *** for every secret that was made, whole or encoded, and nothing else changed: for data, such as a server's reply."""
    return _pattern(frozenset(_known)).sub(HIDDEN, text) if _known else text


def know_environment() -> None:
    """Look which variables of the environment hold secrets, for `redact_reason`. Called before every batch: for every reason it would be slow."""
    secrets = _known | _secrets_of_environment()
    secrets_of_reasons.update(secrets)  # never empty in between: other threads read it
    secrets_of_reasons.intersection_update(secrets | _known)


def redact_reason(text: str) -> str:
    """`text` with *** for every known secret, and for those of the environment: for what a reward says of a score, such as a judge's reply."""
    return _pattern(frozenset(secrets_of_reasons)).sub(HIDDEN, text) if secrets_of_reasons else text


def without_secrets(error: BaseException) -> BaseException:
    """The exception itself, or, where it or one that led to it shows a secret, one of the same name, place and redacted text without them."""
    if not any(_shows_secret(each) for each in _chain(error)):
        return error
    cls = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    return cls(redact(_text(error))).with_traceback(error.__traceback__)


def logger_for(name: str) -> logging.Logger:
    """A module's logger, whose messages and tracebacks hold no secrets, and nothing that a file in UTF-8 cannot."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, _Redacting) for each in logger.filters):
        logger.addFilter(_Redacting())
    return logger


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and all that its traceback would tell of: causes, contexts, members of groups."""
    found, left = [], [error]
    while left:
        each = left.pop()
        if not any(each is other for other in found):
            found.append(each)
            left += [other for other in (each.__cause__, each.__context__, *getattr(each, "exceptions", ())) if isinstance(other, BaseException)]
    return found


def _shows_secret(error: BaseException) -> bool:
    text = _text(error) + "".join(map(str, getattr(error, "__notes__", ())))
    return redact(text) != text


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's own class
        return "(its message cannot be read)"


class _Redacting(logging.Filter):
    _traceback = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (shown := _encodable(redact(message))) != message:
            record.msg, record.args = shown, ()
        if record.exc_info and record.exc_info[1] is not None:
            text = self._traceback.formatException(record.exc_info)
            if (shown := redact(text)) != text:
                error = without_secrets(record.exc_info[1])
                record.exc_text, record.exc_info = _encodable(shown), (type(error), error, record.exc_info[2])
            elif (shown := _encodable(text)) != text:
                record.exc_text = shown
        return True


def _encodable(text: str) -> str:
    """The text with halves of surrogate pairs, which a policy can write and no log file takes, as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


@lru_cache(maxsize=1024)  # a batch that fails has the same error in every row
def _redacted(text: str, secrets: frozenset[str]) -> str:
    return _SHAPES.sub(lambda found: f"{found['before'] or ''}{HIDDEN}", _pattern(secrets).sub(HIDDEN, text))


def _secrets_of_environment() -> set[str]:
    # As bytes: decoding every name takes ten times longer, and a batch that fails looks here for every row.
    values = (os.fsdecode(os.environb[name]).strip() for name in os.environb if _names_a_secret(name))
    return {value for value in values if len(value) >= _SHORTEST + 2}


@lru_cache(maxsize=4096)
def _names_a_secret(variable: bytes) -> bool:
    return _SECRET_NAMES.search(os.fsdecode(variable)) is not None


@lru_cache(maxsize=32)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)


def _forms(secret: str) -> set[str]:
    """How a secret may be written in a text."""
    data = secret.encode(errors="replace")
    forms = {secret, secret.strip(), quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret), data.hex()}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], repr(data)[2:-1]}
    forms |= {"".join(f"%{byte:02x}" for byte in data)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {_within_base64(data, before, encode) for before in range(3)}
    return forms


def _within_base64(data: bytes, before: int, encode: Any) -> str:
    """The characters that stand for `data` in a base64 text, `before` bytes after a multiple of three, whatever is around it."""
    text = encode(b"\0" * before + data).rstrip(b"=").decode()
    partial_end = (before + len(data)) % 3 != 0
    return text[(0, 2, 3)[before] : len(text) - partial_end]
