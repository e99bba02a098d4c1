"""What can be written in a rubric file: every parser, scorer, aggregate and option with its meaning, default and an example.

`rl-rewards list` and `rl-rewards explain KIND` print it; `python -m rl_rewards.rubric_files.explain` writes all of it to KINDS.md. It is made of
the shipped schema, the classes' docstrings and examples.yaml, which a test runs.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rl_rewards.kinds import Kinds
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import nearest
from rl_rewards.rubric_files.locations import TABLES
from rl_rewards.rubric_files.schema import PATH as SCHEMA_PATH
from rl_rewards.user_errors import UserError

__all__ = ["PAGE", "UnknownKindError", "examples_of", "explain", "page", "summaries"]

PAGE = Path(__file__).parent.parent / "KINDS.md"
_EXAMPLES = Path(__file__).with_name("examples.yaml")
_HEAD = """# Parsers, scorers, aggregates and their options

Made by `python -m rl_rewards.rubric_files.explain`; the same as `rl-rewards list` and `rl-rewards explain KIND` print. In a rubric file a parser, a
scorer or an aggregate is a kind (`boxed`) or a kind with its options (`{tag: {name: answer}}`); the name of the first option may be left out (`{tag: answer}`).
"""


_PARTS = {"chat_model": "ChatModel", "criterion": "Criterion"}
"""Options of several kinds that are mappings themselves -> their definition in the schema."""


class UnknownKindError(UserError, ValueError):
    """There is nothing of that name to explain."""


def summaries() -> Iterator[tuple[str, str, str]]:
    """(parser, scorer or aggregate, kind, its first sentence) for all kinds, those of installed packages last."""
    for kinds in TABLES:
        for kind in kinds.table:
            yield kinds.noun, kind, _definition(f"{kinds.noun}.{kind}").get("description", "").partition(". ")[0].rstrip(".")
        for kind, point in kinds.installed.items():
            yield kinds.noun, kind, f"of {point.value}"


def explain(name: str) -> str:
    """The page of a kind, of `reward`, `rubric`, `chat_model` or `criterion`, in Markdown; a name of two tables gives both.

    Raises:
        UnknownKindError: naming the nearest.
    """
    if name == "rubric":
        return _section(name, inspect.cleandoc(Rubric.__doc__ or "").partition("\n\nArgs:")[0], _schema(), "")
    if name == "reward":
        return _section(name, inspect.cleandoc(Reward.__doc__ or ""), _definition("Reward"), "")
    if name in _PARTS:
        return _section(name, _definition(_PARTS[name]).get("description", ""), _definition(_PARTS[name]), "")
    found = [_kind_section(kinds, name) for kinds in TABLES if name in kinds.table or name in kinds.installed]
    if not found:
        known = ["reward", "rubric", *_PARTS, *(kind for _, kind, _ in summaries())]
        raise UnknownKindError(f"there is no parser, scorer or aggregate {name!r}; `rl-rewards list` has all of them{nearest(name, known)}")
    return "\n".join(found)


def page() -> str:
    """All of it, as KINDS.md has it."""
    parts = [_HEAD]
    for kinds in TABLES:
        parts.append(f"## {kinds.noun.capitalize()}s\n")
        parts += [_kind_section(kinds, kind, "###") for kind in kinds.table]
    parts.append("## Rewards and rubrics\n")
    parts += [_section(name, text, schema, "", "###") for name, text, schema in _containers()]
    return "\n".join(parts)


def _containers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield "reward", "A reward of `rewards:`.", _definition("Reward")
    yield "rubric", "The file itself.", _schema()
    for name, definition in _PARTS.items():
        yield name, _definition(definition).get("description", ""), _definition(definition)


def examples_of(kinds: Kinds, kind: str) -> list[dict[str, Any]]:
    """The examples of a kind, as examples.yaml has them."""
    return _examples()[f"{kinds.noun}s"].get(kind, [])


def _kind_section(kinds: Kinds, kind: str, mark: str = "#") -> str:
    cls = kinds.load(kind)
    text = inspect.cleandoc(cls.__doc__ or "").partition("\n\nRaises:")[0]
    definition = _definition(f"{kinds.noun}.{kind}") if kind in kinds.table else {}
    return _section(f"{kind}", text, definition, "\n".join(map(_example, examples_of(kinds, kind))), mark, kinds.noun)


def _section(name: str, text: str, schema: dict[str, Any], examples: str, mark: str = "#", noun: str = "") -> str:
    lines = [f"{mark} `{name}`" + (f" ({noun})" if noun else ""), "", text, ""]
    if schema.get("properties"):
        lines += ["| option | value | default | meaning |", "|---|---|---|---|"]
        required = schema.get("required", [])
        for option, declared in schema["properties"].items():
            default = "required" if option in required else f"`{_written(declared['default'])}`" if "default" in declared else "none"
            meaning = declared.get("description", "").replace("|", "\\|").replace("\n", " ")
            lines.append(f"| `{option}` | {_value(declared)} | {default} | {meaning} |")
        lines.append("")
    if examples:
        lines += ["```yaml", examples, "```", ""]
    return "\n".join(lines)


def _example(example: dict[str, Any]) -> str:
    """An example as it stands in a rubric file, with a comment on what it makes of a response."""
    written = {name: example[name] for name in ("parse", "score", "aggregate") if name in example}
    text = _written(written).removeprefix("{").removesuffix("}")
    if "parsed" in example:
        return f"- {{{text}}}  # {_written(example['response'])} -> {_written(example['parsed'])}"
    if "gives" in example:
        return f"- {{{text}}}  # {_written(example['row'])} -> {example['gives']:g}"
    return f"- {{{text}}}"


def _value(declared: dict[str, Any]) -> str:
    """What may be written for an option."""
    if "const" in declared:
        return f"`{_written(declared['const'])}`"
    if "enum" in declared:
        return ", ".join(f"`{_written(each)}`" for each in declared["enum"])
    if "anyOf" in declared:
        return " or ".join(dict.fromkeys(_value(each) for each in declared["anyOf"] if each.get("type") != "null"))
    if "$ref" in declared:
        name = declared["$ref"].rpartition("/")[2]
        return {"parser": "a parser", "scorer": "a scorer", "aggregate": "an aggregate", "Reward": "a reward"}.get(name) or _fields(name)
    kind = declared.get("type")
    if kind == "array":
        items = declared.get("items") or {}
        return f"list of {_value(items)}" if items else "list"
    names = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true, false", "object": "mapping"}
    return names.get(str(kind), "anything")


def _fields(name: str) -> str:
    properties = _definition(name).get("properties", {})
    return f"mapping of {', '.join(f'`{each}`' for each in properties)}" if properties else "mapping"


def _written(value: Any) -> str:
    """A value on one line, as YAML reads it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1 << 20, allow_unicode=True).removesuffix("...\n").strip()
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text


@cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


def _definition(name: str) -> dict[str, Any]:
    return _schema()["$defs"].get(name, {})


@cache
def _examples() -> dict[str, Any]:
    return yaml.safe_load(_EXAMPLES.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
