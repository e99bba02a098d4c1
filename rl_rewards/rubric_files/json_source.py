"""A JSON file as plain data in which every value knows its line.

YAML's reader is no reader of JSON: it refuses tabs and `\\/`, and takes the two halves of an escaped surrogate pair for two characters.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # pyright: ignore[reportAttributeAccessIssue] - the reader of strings that the module itself uses

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rl_rewards.rubric_files.errors import Problem, RubricFileError
from rl_rewards.rubric_files.yaml_source import TAG, YamlSource

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_WORDS = {"true": "bool", "false": "bool", "null": "null"}


class JsonSource(YamlSource):
    """A JSON document: its data, and the line of every value in it.

    Raises:
        RubricFileError: when it is not JSON (RFC 8259: no comments, no NaN, no trailing commas), or holds a key twice.
    """

    def _compose(self, content: bytes) -> Node:
        try:
            self._text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RubricFileError(self.name, [Problem(content[: error.start].count(b"\n") + 1, "", f"not UTF-8: {error.reason}")]) from None
        node, end = self._value_node(self._skip(0))
        if (end := self._skip(end)) < len(self._text):
            raise self._wrong(end, "must end here")
        return node

    def _value_node(self, at: int) -> tuple[Node, int]:
        """The node of the value that begins at a place, and the place behind it."""
        first = self._text[at : at + 1]
        if first == "{":
            return self._object_node(at)
        if first == "[":
            return self._list_node(at)
        if first == '"':
            return self._string_node(at)
        if number := _NUMBER.match(self._text, at):
            return self._scalar_node("float" if number["rest"] else "int", number[0], at), number.end()
        for word, kind in _WORDS.items():
            if self._text.startswith(word, at):
                return self._scalar_node(kind, word, at), at + len(word)
        raise self._wrong(at, "must be a value")

    def _string_node(self, at: int) -> tuple[Node, int]:
        if self._text[at : at + 1] != '"':
            raise self._wrong(at, "must be text in double quotes")
        try:
            text, end = scanstring(self._text, at + 1, True)
        except ValueError as error:
            raise self._wrong(getattr(error, "pos", at), getattr(error, "msg", str(error))) from None
        return self._scalar_node("str", text, at), end

    def _list_node(self, at: int) -> tuple[Node, int]:
        items: list[Node] = []
        end = self._skip(at + 1)
        while self._text[end : end + 1] != "]":
            if items:
                end = self._expect(end, ",", "]")
            item, end = self._value_node(end)
            items.append(item)
            end = self._skip(end)
        return SequenceNode(TAG + "seq", items, self._mark(at)), end + 1

    def _object_node(self, at: int) -> tuple[Node, int]:
        pairs: list[tuple[Node, Node]] = []
        end = self._skip(at + 1)
        while self._text[end : end + 1] != "}":
            if pairs:
                end = self._expect(end, ",", "}")
            key, end = self._string_node(end)
            value, end = self._value_node(self._expect(self._skip(end), ":"))
            pairs.append((key, value))
            end = self._skip(end)
        return MappingNode(TAG + "map", pairs, self._mark(at)), end + 1

    def _expect(self, at: int, mark: str, *others: str) -> int:
        if self._text[at : at + 1] != mark:
            raise self._wrong(at, f"must be {' or '.join(map(repr, (mark, *others)))}")
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _scalar_node(self, kind: str, text: str, at: int) -> ScalarNode:
        return ScalarNode(TAG + kind, text, self._mark(at), style='"')

    def _mark(self, at: int) -> yaml.Mark:
        return yaml.Mark(self.name, at, self._line_of(at), 0, None, 0)

    def _line_of(self, at: int) -> int:
        """The line of a place, from 0. Places are asked for in the file's order, so each line break is counted once."""
        counted, lines = self._counted if self._counted[0] <= at else (0, 0)
        self._counted = at, lines + self._text.count("\n", counted, at)
        return self._counted[1]

    _counted: tuple[int, int] = (0, 0)

    def _wrong(self, at: int, rule: str) -> RubricFileError:
        found = repr(self._text[at : at + 20]) if at < len(self._text) else "the end of the file"
        return RubricFileError(self.name, [Problem(self._text.count("\n", 0, at) + 1, "", f"not JSON: {rule}, got {found}")])
