"""The native rubric file: YAML <-> Rubric.

    rewards:
      - name: correct
        parse: {tag: answer}
        score: {string_match: {equals: "{{references.answer}}"}}

The fields are those of Rubric and Reward. A parser or scorer is a kind (`boxed`), or a kind with its options (`{tag: {name: answer}}`), where
the first option's name may be left out (`{tag: answer}`). A list of parsers is applied one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from rl_rewards.loading import relative_to
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import Problem, RubricFileError
from rl_rewards.rubric_files.specs import plain
from rl_rewards.rubric_files.validation import coercions, mistakes
from rl_rewards.rubric_files.yaml_source import CoreResolver, YamlSource
from rl_rewards.tables.atomic import atomic_path


def load(path: str | os.PathLike[str]) -> Rubric:
    """Read a rubric file.

    Raises:
        OSError: when it cannot be read.
        RubricFileError: when it is wrong; the message has every mistake that was found, each with file, line and field.
    """
    source = YamlSource(Path(path).read_bytes(), os.fspath(path))
    data = source.data
    if not isinstance(data, Mapping):
        found = "is empty" if data is None else f"holds {type(data).__name__}"
        raise RubricFileError(source.name, [Problem(1, "", f"a rubric file is a mapping with `rewards:`, but this one {found}")])
    directory = Path(path).resolve().parent
    with relative_to(directory):
        try:
            rubric = Rubric(**data)
        except ValidationError as error:
            raise RubricFileError(source.name, mistakes(error, source)) from None
        except ImportError as error:
            raise RubricFileError(source.name, [Problem(1, "", f"a package that this rubric needs is not installed: {error}")]) from error
        changed = coercions(rubric, source)
    if changed:
        raise RubricFileError(source.name, changed)
    return rubric


def save(rubric: Rubric, path: str | os.PathLike[str]) -> None:
    """Write a rubric file that loads back equal. Options that have their default are left out.

    Raises:
        OSError: when it cannot be written.
        ValueError: when it holds a parser or scorer that no file can name, such as a function made inside another one.
    """
    directory = Path(path).resolve().parent
    text = yaml.dump(
        plain(rubric, directory), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120, encoding="utf-8"
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(text)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some reader of YAML, 1.1 or 1.2, would take for something else."""


for _first, _resolvers in CoreResolver.yaml_implicit_resolvers.items():
    for _tag, _pattern in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _pattern, [_first])


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML takes these for line breaks inside plain and single-quoted text, and reads them back as spaces.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _LINE_BREAKS & set(text) else None)


_LINE_BREAKS = frozenset("\x85\u2028\u2029\ufeff")
_Dumper.add_representer(str, _represent_text)
