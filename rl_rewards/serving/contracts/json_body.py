"""Reads the body of a request: JSON of the contract's form, and nothing that two readers would understand differently."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rl_rewards.json_text import finite_number, refuse_constant
from rl_rewards.serving.errors import RequestError

__all__ = ["DEEPEST", "Body", "body_of", "decoded", "pointer"]

DEEPEST = 200  # levels of lists and objects: what scores and writes a value recurs with them, and pydantic gives up at 255


class Body(BaseModel):
    """A request's body. Fields that the contract does not name are kept: callers send more than they document."""

    model_config = ConfigDict(extra="allow", strict=True)


def pointer(*parts: Any) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def decoded(raw: bytes | str, where: str = "") -> Any:
    """The value of a JSON text.

    Args:
        where: pointer to the field that holds it, where it is not the body itself.

    Raises:
        RequestError: 400 when it is no JSON, has a key twice in an object or nests too deep.
    """
    what = where.rpartition("/")[2] or "the body"
    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        data = _DECODER.decode(text)
    except ValueError as error:
        raise RequestError(f"{what} must be JSON (UTF-8): {error}", where, 400, "invalid_json") from None
    except RecursionError:
        data = text = None
    if text is None or (text.count("[") + text.count("{") > DEEPEST and _is_deeper(data, DEEPEST)):
        raise RequestError(f"{what} must nest at most {DEEPEST} levels deep", where, 400, "invalid_json")
    return data


def body_of(raw: bytes, model: type[BaseModel] | None) -> Any:
    """The body of a request.

    Raises:
        RequestError: 400 when it is no JSON; 422 with a pointer when a field is missing or wrong.
    """
    data = decoded(raw)
    if model is None:
        return data
    if not isinstance(data, dict):
        raise RequestError(f"the body must be a JSON object, got {type(data).__name__}", "")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        given = first["input"]
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if first["type"] == "missing":
            said = _missing(str(first["loc"][-1]), given)
        else:
            said = f"{first['msg']}, got {json.dumps(given, ensure_ascii=False, default=str):.80}"
        raise RequestError(f"{said}{more}", pointer(*first["loc"])) from None


def _missing(name: str, given: Any) -> str:
    """What is said of a field that is not there: what is, and which of these may be meant."""
    fields = sorted(map(str, given)) if isinstance(given, dict) else []
    near = difflib.get_close_matches(name, fields, n=1)
    return f"{name} is required, got {f'the fields {fields!r:.200}' if fields else 'no field'}" + (f"; is it {near[0]!r:.80}?" if near else "")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. One with a key twice is refused: this reader would take the last, and a gateway before it the first."""
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"an object must have each key once, got {twice!r:.80} twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=refuse_constant, parse_float=finite_number)


def _is_deeper(data: Any, levels: int) -> bool:
    """Whether lists and objects nest more than so many levels deep."""
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(levels):
        if not level:
            return False
        inner = (item for value in level for item in (value.values() if isinstance(value, dict) else value))
        level = [item for item in inner if isinstance(item, (dict, list))]
    return bool(level)
