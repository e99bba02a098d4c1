"""Prompts as named texts, and the file that holds one: what an optimizer improves, and `--prompt prompt.yaml` puts before every row.

system: You read invoices.               # the system message; the row's own is replaced
instructions: Answer with JSON alone.    # before the text of the row's last user turn, with an empty line between
examples:                                # a user's and an assistant's turn each, before the row's turns
- prompt: "Invoice 17, 20 EUR"
  completion: '{"total": 20}'
search: {...}                            # how it was found; read by people alone
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from rl_rewards.generation.model import Turns
from rl_rewards.rubric_files.errors import Problem, RubricFileError
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.tables.atomic import atomic_path
from rl_rewards.types import text_of

__all__ = ["TEXTS", "Example", "Prompt", "load_prompt", "question_of"]

TEXTS = ("system", "instructions")
"""The texts of a prompt that a model can rewrite."""
_FIELDS = (*TEXTS, "examples", "search")


@dataclass(frozen=True, slots=True)
class Example:
    """A solved row: the text of a user's turn, and the completion that earned a reward."""

    prompt: str
    completion: str


@dataclass(frozen=True)
class Prompt:
    """What is put before every row's own prompt; without any part, rows are asked as they are.

    Attributes:
        system: the system message; the row's own is replaced.
        instructions: put before the text of the row's last user turn.
        examples: user and assistant turns before the row's own.
    """

    system: str | None = None
    instructions: str | None = None
    examples: tuple[Example, ...] = field(default=())

    @property
    def texts(self) -> dict[str, str]:
        """The named texts that it has, without the examples."""
        return {name: text for name in TEXTS if (text := getattr(self, name)) is not None}

    @property
    def key(self) -> str:
        """What tells it from other prompts: its texts and the set of its examples. Their order makes no other prompt."""
        examples = sorted([example.prompt, example.completion] for example in self.examples)
        return hashlib.sha256(json.dumps([self.system, self.instructions, examples]).encode()).hexdigest()[:16]

    def __bool__(self) -> bool:
        return bool(self.texts or self.examples)

    def apply(self, prompt: Turns) -> Turns:
        """A row's prompt with this one before it, as messages; a text is the user's turn. Without any part, the prompt as it is."""
        if not self:
            return prompt
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        own = [turn for turn in turns[:1] if turn["role"] == "system"]
        system = own if self.system is None else [{"role": "system", "content": self.system}] if self.system else []
        solved = [
            {"role": role, "content": text}
            for example in self.examples
            for role, text in (("user", example.prompt), ("assistant", example.completion))
        ]
        return [*system, *solved, *self._instructed(turns[len(own) :])]

    def _instructed(self, turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not self.instructions:
            return turns
        last = next((i for i in reversed(range(len(turns))) if turns[i]["role"] == "user"), None)
        if last is None:
            return [*turns, {"role": "user", "content": self.instructions}]
        content = turns[last].get("content")
        if isinstance(content, list):
            content = [{"type": "text", "text": f"{self.instructions}\n\n"}, *content]
        else:
            content = f"{self.instructions}\n\n{text_of(content)}"
        return [*turns[:last], {**turns[last], "content": content}, *turns[last + 1 :]]

    def save(self, path: str | os.PathLike[str], search: Mapping[str, Any] | None = None) -> None:
        """Write the file that `load_prompt` reads.

        Args:
            search: how it was found, for people.
        """
        examples = [{"prompt": example.prompt, "completion": example.completion} for example in self.examples]
        content = {**self.texts, **({"examples": examples} if examples else {}), **({"search": dict(search)} if search else {})}
        with atomic_path(path) as temporary:
            temporary.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")


def load_prompt(path: str | os.PathLike[str]) -> Prompt:
    """The prompt in a file.

    Raises:
        OSError: when it cannot be read.
        RubricFileError: when it is no prompt; with the line and what is allowed.
    """
    source = YamlSource(Path(path).read_bytes(), os.fspath(path))
    problems = list(_problems(source.data, source))
    if problems:
        raise RubricFileError(source.name, problems)
    data = source.data
    examples = tuple(Example(**example) for example in data.get("examples") or ())
    return Prompt(data.get("system"), data.get("instructions"), examples)


def question_of(prompt: Turns) -> str:
    """The text of a prompt's last user turn: what an example shows of a row."""
    if isinstance(prompt, str):
        return prompt
    return next((text_of(turn.get("content")) for turn in reversed(prompt) if turn["role"] == "user"), "")


def _problems(data: Any, source: YamlSource) -> Any:
    if not isinstance(data, dict):
        yield Problem(1, "", f"a prompt must be a mapping with {', '.join(_FIELDS)}, found {type(data).__name__}")
        return
    yield from _unknown(data, _FIELDS, (), source)
    for name in TEXTS:
        if not isinstance(data.get(name), str | None):
            yield Problem(source.line((name,)), name, f"must be text, found {data[name]!r:.80}")
    if not any(data.get(name) is not None for name in (*TEXTS, "examples")):
        yield Problem(1, "", f"a prompt must have one of {', '.join(_FIELDS[:3])}, found {sorted(data) or 'none'}")
    examples = data.get("examples")
    if not isinstance(examples, list | None):
        yield Problem(source.line(("examples",)), "examples", f"must be a list of {{prompt, completion}}, found {examples!r:.80}")
        return
    for i, example in enumerate(examples or ()):
        place = f"examples[{i}]"
        if not isinstance(example, dict):
            yield Problem(source.line(("examples", i)), place, f"must be a mapping with prompt and completion, found {example!r:.80}")
            continue
        yield from _unknown(example, ("prompt", "completion"), ("examples", i), source)
        for name in ("prompt", "completion"):
            if not isinstance(example.get(name), str):
                yield Problem(source.line(("examples", i, name)), f"{place}.{name}", f"must be text, found {example.get(name)!r:.80}")


def _unknown(data: dict[str, Any], allowed: tuple[str, ...], path: tuple[str | int, ...], source: YamlSource) -> Any:
    for name in data.keys() - set(allowed):
        near = get_close_matches(name, allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield Problem(source.line((*path, name)), name, f"unknown; allowed are {', '.join(allowed)}{hint}")


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, and quotes what readers of YAML take for something else than text."""


def _reads_otherwise(text: str) -> bool:
    """Whether the reader of these files takes the plain text for something else, or refuses it."""
    try:
        return YamlSource(text.encode(), "text").data != text
    except (RubricFileError, UnicodeEncodeError):
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and not any(line != line.rstrip() for line in text.split("\n")) and text.strip() == text
    block = block and text.replace("\n", "").isprintable()
    style = "|" if block else '"' if not text.isprintable() or _reads_otherwise(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
