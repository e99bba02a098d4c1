"""A YAML file as plain data in which every value knows its line.

Read by YAML 1.2's core rules, which are JSON's: `true` and `false` are the only truth values, `1e-6` is a number, `2024-01-01` and `1:30` are
text. Plain `yes`, `no`, `on`, `off` and `010` are refused, because other readers of the same file take them for something else.
A key that is given twice is refused too: the usual reader keeps the last one and says nothing.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from rl_rewards.rubric_files.errors import Path, Problem, RubricFileError, field_name

TAG = "tag:yaml.org,2002:"
_AMBIGUOUS_TRUTH = re.compile(r"(?:yes|no|on|off)", re.IGNORECASE)
_AMBIGUOUS_NUMBER = re.compile(r"[-+]?0[0-9]+")


class CoreResolver(BaseResolver):
    """YAML 1.2's core schema."""


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.0123456789"),
):
    CoreResolver.add_implicit_resolver(TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first))


# Values of a document once its aliases are written out; nested aliases double it with every line.
_MOST_VALUES = 20_000


class _Loader(Reader, Scanner, Parser, Composer, CoreResolver):
    def __init__(self, stream: bytes) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        CoreResolver.__init__(self)


class YamlSource:
    """A YAML document: its data, and the line of every value in it.

    Args:
        content: the file's bytes.
        name: the file's name, for messages.

    Attributes:
        data: dicts with text keys, lists, text, numbers, truth values and None.

    Raises:
        RubricFileError: when it is not YAML, or holds a key twice, an ambiguous plain value, a tag or a key that is not text.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self._problems: list[Problem] = []
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()
        self._values: dict[int, int] = {}
        self._has_alias = False
        self._root: Node | None = None
        try:
            self._root = self._compose(content)
            self.data: Any = None if self._root is None else self._construct(self._root, ())
        except RecursionError:
            raise RubricFileError(name, [Problem(1, "", "nested too deeply")]) from None
        if self._problems:
            raise RubricFileError(name, self._problems)

    def _compose(self, content: bytes) -> Node | None:
        """The document's nodes; None for an empty one."""
        try:
            return _Loader(content).get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = f"not YAML: {error.problem or error.context}" + (f" ({error.context})" if error.problem and error.context else "")
            if "unknown escape character" in message:
                message += r"""; in double quotes a backslash begins an escape: write a pattern in single quotes, '\d+'"""
            raise RubricFileError(self.name, [Problem(mark.line + 1 if mark else 1, "", message)]) from None
        except yaml.reader.ReaderError as error:
            line = content[: error.position].count(b"\n") + 1 if isinstance(error.position, int) else 1
            raise RubricFileError(
                self.name,
                [Problem(line, "", f"not YAML: {'' if error.encoding == 'unicode' else f'not {error.encoding.upper()} text, '}{error.reason}")],
            ) from None

    def line(self, path: Path) -> int:
        """The line (from 1) of the value at `path`, or of the nearest value above it that the file has."""
        node, line = self._root, 1 if self._root is None else self._root.start_mark.line + 1
        for step in path:
            if isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
                continue
            pairs = node.value if isinstance(node, MappingNode) else ()
            found = next(((key, value) for key, value in pairs if key.value == step), None)
            if found is None:
                break
            node, line = found[1], found[0].start_mark.line + 1
        return line

    def _refuse(self, node: Node, path: Path, message: str) -> None:
        self._problems.append(Problem(node.start_mark.line + 1, field_name(path), message))

    def _construct(self, node: Node, path: Path) -> Any:
        if id(node) in self._built:  # an alias: its value is shared
            self._has_alias = True
            return self._built[id(node)]
        if id(node) in self._open:
            self._refuse(node, path, "an alias that holds itself")
            return None
        self._open.add(id(node))
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            value = self._mapping(node, path)
        elif isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            value = [self._construct(item, (*path, index)) for index, item in enumerate(node.value)]
        elif isinstance(node, ScalarNode):
            value = self._scalar(node, path)
        else:
            value = self._refuse(node, path, f"tags are not allowed, found {node.tag!r}")
        self._open.discard(id(node))
        self._built[id(node)] = value
        self._values[id(node)] = 1 + sum(self._values.get(id(child), 1) for child in _children(node))
        if self._has_alias and self._values[id(node)] > _MOST_VALUES and not self._problems:
            self._refuse(node, path, f"must have at most {_MOST_VALUES:,} values with all aliases written out")
        return value

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._construct(key_node, path)
            if not isinstance(key, str):
                self._refuse(key_node, path, f"a key must be text, found {key!r}; write it in quotes")
                continue
            line = key_node.start_mark.line + 1
            if key in first:
                self._refuse(key_node, (*path, key), f"given twice, first in line {first[key]}")
                continue
            first[key] = line
            mapping[key] = self._construct(value_node, (*path, key))
        return mapping

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text, plain = node.value, node.style is None
        if plain and _AMBIGUOUS_TRUTH.fullmatch(text):
            truth = "true" if text.lower() in ("yes", "on") else "false"
            return self._refuse(
                node, path, f'plain {text} is text to some readers of YAML and {truth} to others: write {truth}, or "{text}" in quotes'
            )
        if plain and _AMBIGUOUS_NUMBER.fullmatch(text):
            return self._refuse(
                node, path, f'plain {text} is octal to some readers of YAML: write {text.lstrip("+-0") or "0"}, or "{text}" in quotes for text'
            )
        kind = node.tag.removeprefix(TAG)
        try:
            if kind == "str":
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                return int(text, 0)
            if kind == "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        except (ValueError, KeyError):
            return self._refuse(node, path, f"not a {kind}: {text!r:.80}")
        return self._refuse(node, path, f"tags are not allowed, found {node.tag!r}")


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, SequenceNode) else []
