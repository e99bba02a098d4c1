"""Replies of servers as text and JSON, of a bounded size whatever the server sends."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpx

from rl_rewards.redaction import redact_known
from rl_rewards.runtime.calling.errors import CallError
from rl_rewards.types import Outcome

__all__ = ["ACCEPTED_ENCODINGS", "TooLargeError", "excerpt", "read_json", "read_text"]

ACCEPTED_ENCODINGS = "gzip, identity"
_LONGEST_INTEGER = 300  # digits: about what a float can hold; Python refuses to read more than 4,300 and takes quadratic time for them


class TooLargeError(CallError):
    """A reply is larger than the limit."""

    def __init__(self, most: int) -> None:
        super().__init__(Outcome.ERROR, f"a reply must be at most {most} bytes; this one is larger", of_the_input=True)


async def read_text(reply: httpx.Response, most: int) -> str:
    """The reply's text, read from a stream and decompressed here, so that never more than the limit is held in memory.

    Raises:
        TooLargeError: when it is more than `most` bytes.
        CallError: when it is compressed in another way than gzip, or is damaged.
    """
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise CallError(Outcome.ERROR, f"a reply must be plain or gzip, got content-encoding {encoding!r:.80}")
    content = bytearray()
    inflate = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    async for data in reply.aiter_raw():
        try:
            content += data if inflate is None else inflate.decompress(data, most - len(content) + 1)
        except zlib.error as error:
            raise CallError(Outcome.ERROR, f"the reply is no valid gzip: {error}") from None
        if len(content) > most:
            raise TooLargeError(most)
        if inflate is not None and inflate.eof:
            break
    if inflate is not None and content and not inflate.eof:
        raise CallError(Outcome.ERROR, "the reply is no valid gzip: it ends too early")
    return content.decode("utf-8", errors="replace").removeprefix("\ufeff")


def read_json(text: str) -> Any:
    """What a reply says. An integer of more digits than a number can have is infinite, so that it costs its own row and no other.

    Raises:
        CallError: when it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(redact_known(text), parse_int=_integer)
    except RecursionError:
        raise CallError(Outcome.ERROR, "the reply is nested too deeply", of_the_input=True) from None
    except ValueError:
        raise CallError(Outcome.ERROR, f"the reply is not JSON: {excerpt(text)!r}") from None


def excerpt(text: str) -> str:
    """The beginning of a reply for an error. Secrets are removed before it is cut, for half a key would not be recognised."""
    return redact_known(text)[:200]


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("-inf" if digits.startswith("-") else "inf")
