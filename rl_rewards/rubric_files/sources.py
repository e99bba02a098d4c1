"""A file on disk -> its data with lines: JSON or YAML."""

from __future__ import annotations

import os

from rl_rewards.rubric_files.errors import Problem, RubricFileError
from rl_rewards.rubric_files.json_source import JsonSource
from rl_rewards.rubric_files.yaml_source import YamlSource
from rl_rewards.tables.regular_file import open_regular

_LARGEST = 8 << 20  # bytes


def read_source(path: str | os.PathLike[str]) -> YamlSource:
    """The content of a file of rewards, whatever its format.

    Raises:
        OSError: when it cannot be read, or is a pipe, a device or a directory.
        RubricFileError: when it is neither JSON nor YAML, or larger than any rubric.
    """
    with open_regular(path) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise RubricFileError(os.fspath(path), [Problem(1, "", f"a rubric file must be at most {_LARGEST >> 20} MiB large")])
    return source_of(content, os.fspath(path))


def source_of(content: bytes, name: str) -> YamlSource:
    """The source of a file's bytes: JSON where it is that, or is named so, else YAML.

    Raises:
        RubricFileError: when it is neither.
    """
    if name.lower().endswith(".json"):
        return JsonSource(content, name)
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        try:
            return JsonSource(content, name)
        except RubricFileError:  # a flow mapping of YAML, perhaps
            pass
    return YamlSource(content, name)
