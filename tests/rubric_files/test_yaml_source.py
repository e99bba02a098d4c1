"""YAML read by the core rules of 1.2, with a line for every value."""

import math

import pytest

from rl_rewards.rubric_files.errors import RubricFileError
from rl_rewards.rubric_files.yaml_source import YamlSource


def read(text):
    return YamlSource(text if isinstance(text, bytes) else text.encode(), "r.yaml").data


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        ("1e-6", 1e-6),
        (".5", 0.5),
        ("2.", 2.0),
        ("-.inf", -math.inf),
        # what YAML 1.1 makes numbers, dates or truth values of, and we do not
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("y", "y"),
        ("=", "="),
        ("0b1", "0b1"),
        # quoted is always text
        ('"no"', "no"),
        ("'010'", "010"),
        ('"1e3"', "1e3"),
        ('""', ""),
        ('"\\ud800"', "\ud800"),
    ],
)
def test_plain_values_are_what_yaml_1_2_says(plain, value):
    assert read(f"a: {plain}")["a"] == value
    assert type(read(f"a: {plain}")["a"]) is type(value)


def test_nan_is_a_number():
    assert math.isnan(read("a: .nan")["a"])


@pytest.mark.parametrize("plain", ["yes", "no", "on", "off", "No", "OFF", "010", "-007", "00"])
def test_a_plain_value_that_readers_disagree_about_is_refused(plain):
    with pytest.raises(RubricFileError, match=rf"r\.yaml:2: b: plain {plain} is .* in quotes"):
        read(f"a: 1\nb: {plain}")


def test_an_ambiguous_key_is_refused_too():
    with pytest.raises(RubricFileError, match="plain on is text"):
        read("a: {on: 1}")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a: given twice, first in line 1"),
        ("x:\n- {k: 1}\n- k: 1\n  k: 2", 4, r"x\[1\]\.k: given twice, first in line 3"),
        ("a: 1\n1: 2", 2, "a key must be text, found 1"),
        ("? [a]\n: 1", 1, "a key must be text"),
        ("a: 1\nb: [", 2, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: 1\nb: \x00", 2, "not YAML: special characters"),
        (b"a: 1\nb: \xff", 2, "not YAML: not UTF-8 text"),
        ("a\n---\nb", 2, "not YAML: but found another document"),
        ("a: *b", 1, "undefined alias"),
        ("a: &x\n  b: *x", 1, "an alias that holds itself"),
        ("a: !!python/object/apply:os.system [x]", 1, "tags are not allowed"),
        ("a: !thing x", 1, "tags are not allowed"),
        ("a: !!int x", 1, "not a int"),
        ("[" * 5000, 1, "nested too deeply"),
    ],
)
def test_what_is_not_a_plain_document_is_refused_with_its_line(text, line, message):
    with pytest.raises(RubricFileError, match=rf"^r\.yaml:{line}: .*{message}|^r\.yaml:{line}: {message}"):
        read(text)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(RubricFileError) as raised:
        read("a: no\nb: 010\na: 1")
    assert [problem.line for problem in raised.value.problems] == [1, 2, 3]


def test_aliases_are_shared():
    data = read("a: &a [x]\nb: [*a, *a]")
    assert data["b"] == [["x"], ["x"]] and data["b"][0] is data["a"]


@pytest.mark.parametrize("nested", ["[{}]", "{{k: {}}}"])
def test_nested_aliases_that_stand_for_too_many_values_are_refused(nested):
    def line(i):
        before = ", ".join(f"*a{i - 1}" for _ in range(9)) if "k" not in nested else None
        return f"a{i}: &a{i} [{before}]" if before else f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(9))}}}"

    with pytest.raises(RubricFileError, match="a[45]: must have at most 20,000 values with all aliases written out"):
        read("\n".join(["a0: &a0 [x]", *map(line, range(1, 40))]))


def test_a_long_document_without_aliases_is_read():
    assert len(read("a: [" + "x, " * 30_000 + "x]")["a"]) == 30_001


def test_every_value_knows_its_line():
    source = YamlSource(b"# first\na:\n  b: 1\n  c:\n  - x\n  - {y: 1,\n     z: 2}\n", "r.yaml")
    places = {("a",): 2, ("a", "b"): 3, ("a", "c", 0): 5, ("a", "c", 1): 6, ("a", "c", 1, "z"): 7}
    assert {path: source.line(path) for path in places} == places


def test_a_path_that_is_not_there_has_the_line_of_what_is_above_it():
    source = YamlSource(b"a:\n  b: 1\n", "r.yaml")
    assert source.line(("a", "nope", 3)) == 1
    assert source.line(("a", "b", "deeper")) == 2
