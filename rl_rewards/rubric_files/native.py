"""The native rubric file: YAML <-> Rubric.

    rewards:
      - name: correct
        parse: {tag: answer}
        score: {string_match: {equals: "{{references.answer}}"}}

The fields are those of Rubric and Reward, and `version: 1`, which may be left out. A parser or scorer is a kind (`boxed`), or a kind with its options (`{tag: {name: answer}}`), where
the first option's name may be left out (`{tag: answer}`). A list of parsers is applied one after the other.

A rubric file is code: `function:`, `module:Class` and `trust_remote_code` run what they name, some of it as soon as the file is read. Read a
file of somebody else's first, or load it with `code=False`, which refuses all three.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rl_rewards.loading import no_code, relative_to
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.errors import Problem, RubricFileError, field_name
from rl_rewards.rubric_files.specs import plain
from rl_rewards.rubric_files.validation import VERSION, coercions, name_problems, problems_of, remote_code, version_problem
from rl_rewards.rubric_files.yaml_source import CoreResolver, YamlSource
from rl_rewards.tables.atomic import atomic_path
from rl_rewards.user_errors import user_message


def load(source: YamlSource, directory: Path, *, code: bool = True) -> Rubric:
    """The rubric of a native rubric file.

    Args:
        directory: where the file is: other files that it names are looked for there.
        code: whether the file may name code to run: functions, classes and files to import, and code that comes with a checkpoint. Without
            it the library's own kinds, entry points of installed packages and sandboxed snippets are left.

    Raises:
        RubricFileError: when it is wrong; the message has every mistake that was found, each with file, line and field.
    """
    data = source.data
    if not isinstance(data, Mapping):
        found = "is empty" if data is None else f"holds {type(data).__name__}"
        raise RubricFileError(source.name, [Problem(1, "", f"a rubric file is a mapping with `rewards:`, but this one {found}")])
    if (wrong := version_problem(source)) is not None:
        raise RubricFileError(source.name, [wrong])
    fields = {name: value for name, value in data.items() if name != "version"}
    problems = name_problems(source)
    if not code:
        refused = "code that comes with a checkpoint must not be run here (no code)"
        problems += [Problem(source.line(place), field_name(place), refused) for place in remote_code(data)]
    with relative_to(directory), contextlib.nullcontext() if code else no_code():
        try:
            rubric = Rubric(**fields)
        except ValidationError as error:
            found = problems_of(error, source)
            raise RubricFileError(source.name, problems + [each for each in found if not problems or each.field != "rewards"]) from None
        except ImportError as error:
            line, field = _place_of_import_error(fields, source)
            raise RubricFileError(source.name, [Problem(line, field, user_message(error) or str(error))]) from error
        problems += coercions(rubric, source)
    if problems:
        raise RubricFileError(source.name, problems)
    return rubric


def _place_of_import_error(fields: dict[str, Any], source: YamlSource) -> tuple[int, str]:
    """Line and field of the first reward that needs a package which is not installed."""
    for i, reward in enumerate(fields.get("rewards") or ()):
        try:
            Rubric(rewards=(reward,))
        except ImportError:
            return source.line(("rewards", i)), field_name(("rewards", i))
        except ValidationError:
            continue
    return 1, ""


def save(rubric: Rubric, path: str | os.PathLike[str]) -> None:
    """Write a rubric file that loads back equal. Options that have their default are left out.

    Raises:
        OSError: when it cannot be written.
        ValueError: when it holds a parser or scorer that no file can name, such as a function made inside another one.
    """
    text = to_text(rubric, Path(path).resolve().parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode())


def to_text(rubric: Rubric, directory: Path) -> str:
    """The text of a rubric's file in `directory`, which functions' files beside it are relative to.

    Raises:
        ValueError: when it holds a parser or scorer that no file can name.
    """
    data = {"version": VERSION, **plain(rubric, directory)}
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


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
