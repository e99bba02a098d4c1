"""A JSON file as a source: its data is Python's own, every value has its line, and what is wrong is said with the line."""

import json

import pytest

from rl_rewards.rubric_files import RubricFileError
from rl_rewards.rubric_files.json_source import JsonSource
from rl_rewards.rubric_files.sources import source_of

TEXTS = [
    '{"a": [1, 2.5, -0, 1e3, true, false, null], "b": {}}',
    '{\n\t"tab": "\\u00e9\\ud83d\\ude00\\/", "long key ' + "k" * 2000 + '": []}',
    "[]",
    ' "x" ',
    "-1.5E-7",
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:20])
def test_its_data_is_that_of_the_json_module(text):
    assert JsonSource(text.encode(), "f.json").data == json.loads(text)


def test_every_value_has_its_line():
    source = source_of(b'\xef\xbb\xbf{\n "a":\n  [1,\n   {"b": 2}],\n "c": 3}', "config")
    assert [source.line(path) for path in ((), ("a",), ("a", 0), ("a", 1, "b"), ("c",), ("absent",))] == [1, 2, 3, 4, 5, 1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"a": 1,\n}', 2, "double quotes, got '}'"),
        ('{"a": 1\n "b": 2}', 2, "',' or '}'"),
        ("[1\n2]", 2, "',' or ']'"),
        ('{"a": NaN}', 1, "must be a value"),
        ('{"a":\n01}', 2, "',' or '}', got '1}'"),
        ('{"a": "x\ny"}', 1, "control character"),
        ("{}\n\n{}", 3, "must end here"),
        ("", 1, "the end of the file"),
        ("{'a': 1}", 1, "double quotes"),
        ('{"a": 1,\n"a": 2}', 2, "given twice, first in line 1"),
        ("[" * 100_000, 1, "nested too deeply"),
        ('{"a": // x\n1}', 1, "must be a value"),
    ],
)
def test_what_is_no_json_is_named_with_its_line(text, line, words):
    with pytest.raises(RubricFileError) as caught:
        source_of(text.encode(), "config.json")
    [problem] = caught.value.problems
    assert problem.line == line and words in problem.message


def test_a_flow_mapping_of_yaml_is_yaml_unless_its_name_says_json():
    assert source_of(b"{a: 1}", "f.yaml").data == {"a": 1}
    with pytest.raises(RubricFileError):
        source_of(b"{a: 1}", "f.json")
