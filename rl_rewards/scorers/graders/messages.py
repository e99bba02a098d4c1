"""The messages of model graders: templates in, messages of a chat endpoint out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from rl_rewards.configured import configured
from rl_rewards.scorers.graders.fields import GraderFields
from rl_rewards.scorers.graders.template import GraderTemplate, as_item, grader_template

__all__ = ["GraderMessage"]

_ROLES = {"developer": "system"}  # of OpenAI's newer models; other servers know system alone
_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "input_image": "image_url", "input_audio": "input_audio"}


@configured
class GraderMessage:
    """A message that a model grader is asked with, in OpenAI's form.

    Raises:
        ValueError: when its content is not text, a part or a list of these, or has a placeholder that is none.
    """

    role: Literal["user", "assistant", "system", "developer"]
    """Who says it."""
    content: Annotated[str | dict[str, Any] | tuple[str | dict[str, Any], ...], BeforeValidator(as_item)]
    """Text with templates, or parts: {type: input_text, text: ...}, {type: input_image, image_url: ..., detail: ...}, {type: input_audio, input_audio: {data: ..., format: ...}}."""
    type: Literal["message"] | None = field(default=None, kw_only=True)
    """Always message, where it is given."""

    def __post_init__(self) -> None:
        for part in self._parts:
            if isinstance(part, Mapping) and part.get("type") not in _PARTS:
                raise ValueError(f"the type of a part must be one of {', '.join(_PARTS)}, got {part.get('type')!r:.80}")
        if not self.templates:
            raise ValueError("content must have text, an image or audio in it")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "templates"}

    def __hash__(self) -> int:
        return hash((self.role, repr(self.content)))

    @cached_property
    def templates(self) -> tuple[GraderTemplate, ...]:
        """The templates in it."""
        return tuple(grader_template(text) for part in self._parts for text in _texts(part))

    @property
    def _parts(self) -> Sequence[str | Mapping[str, Any]]:
        return self.content if isinstance(self.content, tuple) else (self.content,)

    def filled(self, fields: GraderFields) -> dict[str, Any]:
        """The message for one sample, as a chat endpoint takes it.

        Raises:
            MissingReferenceError: when the row lacks something.
            NoSampleValueError: when the completion does.
        """
        parts = [_filled(part, fields) for part in self._parts]
        role = _ROLES.get(self.role, self.role)
        if all(part["type"] == "text" for part in parts):
            return {"role": role, "content": "\n".join(part["text"] for part in parts)}
        return {"role": role, "content": parts}


def _texts(part: str | Mapping[str, Any]) -> Iterator[str]:
    if isinstance(part, str):
        yield part
        return
    for value in part.values():
        if isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, str) and value != part.get("type"):
            yield value


def _filled(part: str | Mapping[str, Any], fields: GraderFields) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": grader_template(part).fill(fields)}
    kind = _PARTS[part["type"]]
    if kind == "text":
        return {"type": "text", "text": grader_template(str(part.get("text", ""))).fill(fields)}
    if kind == "image_url":
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": kind, kind: {"url": grader_template(str(part.get("image_url", ""))).fill(fields), **detail}}
    audio = part.get("input_audio")
    given = {name: grader_template(str(value)).fill(fields) for name, value in audio.items()} if isinstance(audio, Mapping) else {}
    return {"type": kind, kind: given}
