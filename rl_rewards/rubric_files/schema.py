"""JSON schema of a rubric file, generated from the classes that read it, so that editors complete and check it.

Shipped as rubric.schema.json beside this file; `python -m rl_rewards.rubric_files.schema` writes it anew, `rl-rewards schema` prints it. For an
editor with the YAML language server, print it beside the rubric and begin the rubric with

    # yaml-language-server: $schema=rubric.schema.json
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from rl_rewards import parsers
from rl_rewards.kinds import Kinds
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.locations import TABLES, aliases_of, kinds_of, option_names, positional_names, shape_of_field
from rl_rewards.rubric_files.validation import VERSION

PATH = Path(__file__).with_name("rubric.schema.json")

_Schema = dict[str, Any]
_SPEC_OF = "spec of"


def rubric_schema() -> _Schema:
    """The JSON schema (draft 2020-12) of a rubric file."""
    definitions: _Schema = {}
    schema = _class_schema(Rubric, definitions)
    schema["properties"]["rewards"]["minItems"] = 1
    version = {"description": "Version of the file's form; a file without one is of this version.", "const": VERSION}
    schema["properties"] = {"version": version, **schema["properties"]}
    for kinds in TABLES:
        definitions[kinds.noun] = _spec_schema(kinds, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rl_rewards rubric",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


class _Generator(GenerateJsonSchema):
    """Marks the place of a parser or scorer; pydantic itself follows no reference that it did not make, so `_tidy` puts it in."""

    def is_instance_schema(self, schema: Any) -> _Schema:
        kinds = kinds_of(schema["cls"])
        return super().is_instance_schema(schema) if kinds is None else {_SPEC_OF: kinds.noun}


def _class_schema(cls: type, definitions: _Schema) -> _Schema:
    """The schema of a configured class; classes that it holds are added to `definitions`, each with the words of its docstrings."""
    schema = TypeAdapter(cls).json_schema(schema_generator=_Generator, ref_template="#/$defs/{model}")
    held = schema.pop("$defs", {})
    for each in _held_classes(cls):
        definitions[each.__name__] = _describe(_tidy(held[each.__name__]), each)
    return _describe(_tidy(schema), cls)


def _spec_schema(kinds: Kinds, definitions: _Schema) -> _Schema:
    """What a file may write for a parser, scorer or aggregate: a kind, a mapping of one kind to its options or its first option, a list of parsers."""
    options, bare = {}, []
    for kind in sorted(kinds.table):
        cls = kinds.load(kind)
        name = f"{kinds.noun}.{kind}"
        definitions[name] = _class_schema(cls, definitions)
        forms: list[_Schema] = [{"$ref": f"#/$defs/{name}"}]
        for first in positional_names(cls)[:1]:
            # A mapping is read as options by name, and nothing as the defaults, whatever the first option may be.
            forms.append({"$ref": f"#/$defs/{name}/properties/{first}", "not": {"type": ["object", "null"]}})
        if not definitions[name].get("required"):
            forms.append({"type": "null"})
            bare.append(kind)
        options[kind] = {"description": definitions[name].get("description", ""), "anyOf": forms}
    one_kind = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": options,
        "patternProperties": {":": {"description": f"A {kinds.noun} class of your own, 'package.module:Class', with its options."}},
    }
    chain = [{"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/{kinds.noun}"}}] if kinds is parsers.KINDS else []
    return {"anyOf": [*([{"enum": bare}] if bare else []), one_kind, *chain]}


def _held_classes(cls: type) -> Iterator[type]:
    """The configured classes in the fields of a configured class, at any depth."""
    for name in option_names(cls):
        shape = shape_of_field(cls, name)
        if isinstance(shape, type):
            yield shape
            yield from _held_classes(shape)


def _describe(schema: _Schema, cls: type) -> _Schema:
    """`schema` with the words that the class has for itself and its fields."""
    schema["description"] = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    for parent in reversed(cls.__mro__):
        for name, text in _field_docs(parent).items():
            if name in schema.get("properties", {}):
                schema["properties"][name]["description"] = text
    for alias, name in aliases_of(cls).items():
        schema["properties"][alias] = schema["properties"][name]
    return schema


def _field_docs(cls: type) -> dict[str, str]:
    """What is stated about each field of a class: under `Args:` in its docstring, or in the string below the field."""
    if cls.__module__.partition(".")[0] != Rubric.__module__.partition(".")[0]:
        return {}
    arguments = inspect.cleandoc(cls.__doc__ or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    docs = {name: " ".join(text.split()) for name, text in re.findall(r"^    (\w+): (.*(?:\n     .*)*)", arguments, re.MULTILINE)}
    declared: Any = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    for field, text in zip(declared.body, declared.body[1:]):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(getattr(text.value, "value", None), str):
            docs[ast.unparse(field.target)] = " ".join(ast.literal_eval(text.value).split())
    return docs


def _tidy(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of field names, and with references to the specs of parsers and scorers."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidy(item) for key, item in schema.items() if not (key == "title" and isinstance(item, str))}
    if _SPEC_OF in tidied:
        tidied["$ref"] = f"#/$defs/{tidied.pop(_SPEC_OF)}"
    return tidied


def schema_text() -> str:
    """The schema as the shipped file has it."""
    return json.dumps(rubric_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
