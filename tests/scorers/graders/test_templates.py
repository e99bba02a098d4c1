"""Graders' templates: what they read of a row and of a completion, and whose fault it is where there is nothing."""

import json
import pickle
from datetime import date

import pytest

from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.graders.fields import GivenSample, GraderFields, NoSampleValueError
from rl_rewards.scorers.graders.template import GraderTemplate, grader_template
from rl_rewards.types import Sample

CALL = {"type": "function", "id": "c1", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": [1, 2]}}}
ROW = {
    "answer": "Paris",
    "a": {"b": [{"c d": 1}, "x"]},
    "n": 3,
    "f": 2.5,
    "whole": 12.0,
    "yes": True,
    "list": ["ü", 1, None],
    "text": '{"deep": [7]}',
    "none": None,
    "nan": float("nan"),
    "day": date(2024, 1, 2),
    "blank": "",
}


def filled(text, answer="hello", completion=None, prompt="Where?"):
    sample = Sample(prompt, completion if completion is not None else str(answer), str(answer), ROW)
    return grader_template(text).fill(GraderFields(sample, answer))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ item.answer }}", "Paris"),
        ("{{item.answer}}", "Paris"),
        ("{{\n item.answer\t}}", "Paris"),
        ("{{ references.answer }}", "Paris"),
        ("a {{ item.answer }}, {{ item.n }}!", "a Paris, 3!"),
        ("{{ item.a.b[0]['c d'] }}{{ item.a.b[1] }}", "1x"),
        ("{{ item.f }} {{ item.whole }} {{ item.yes }}", "2.5 12 true"),
        ("{{ item.list }}", '["ü", 1, null]'),
        ("{{ item.a }}", '{"b": [{"c d": 1}, "x"]}'),
        ("{{ item.text.deep[0] }}", "7"),
        ("{{ item.blank }}", ""),
        ("{{ item.prompt }}", "Where?"),
        ("{{ item.messages[0].content }}", "Where?"),
        ("no placeholder { } }}", "no placeholder { } }}"),
        ("", ""),
        ("{{ sample.output_text }}", "hello"),
        ("{{ sample.choices[0].message.content }}", "hello"),
    ],
)
def test_a_template_is_filled(text, expected):
    assert filled(text) == expected


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("{{ sample.output_json.a }}", '{"a": 1}', "1"),
        ("{{ sample.output_json }}", ' {"a":  1} ', '{"a": 1}'),
        ("{{ sample.output_json[1] }}", "[1, null]", "null"),
        ("{{ sample.output_json.a }}", {"a": "x"}, "x"),
        ("{{ sample.output_text }}", {"a": "x"}, '{"a": "x"}'),
        ("{{ sample.output_json }}", "3", "3"),
    ],
)
def test_output_json_is_the_answer_read_as_json(text, answer, expected):
    assert filled(text, answer) == expected


@pytest.mark.parametrize("arguments", [CALL["function"]["arguments"], json.dumps(CALL["function"]["arguments"])])
def test_output_tools_are_the_calls_in_openais_form_and_arguments_can_be_addressed(arguments):
    call = {**CALL, "function": {"name": "weather", "arguments": arguments}}
    turns = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    assert filled("{{ sample.output_tools[0].function.name }}", "", turns) == "weather"
    assert filled("{{ sample.output_tools[0].function.arguments.city }}", "", turns) == "Zürich"
    assert filled("{{ sample.output_tools[0].function.arguments.days[1] }}", "", turns) == "2"
    assert filled("{{ sample.output_tools[0].function.arguments }}", "", turns) == '{"city": "Zürich", "days": [1, 2]}'
    assert filled("{{ sample.output_tools[0].id }}", "", turns) == "c1"
    assert filled("{{ sample.choices[0].message.tool_calls[0].function.name }}", "", turns) == "weather"


@pytest.mark.parametrize(
    ("text", "answer", "message"),
    [
        ("{{ sample.output_json }}", "no json", "the output is no JSON"),
        ("{{ sample.output_json.b }}", '{"a": 1}', "there is no sample.output_json.b: sample.output_json is an object of a"),
        ("{{ sample.output_json.a.b }}", '{"a": 1}', "sample.output_json.a is int"),
        ("{{ sample.output_json[3] }}", "[1]", "a list of 1"),
        ("{{ sample.output_json }}", "NaN", "no JSON"),
        ("{{ sample.output_json }}", "[" * 100_000, "no JSON"),
        ("{{ sample.output_tools[0].function.name }}", "text", "calls no tool"),
        ("{{ sample.output_audio.data }}", "text", "has no output_audio"),
    ],
)
def test_what_the_completion_lacks_is_the_policys(text, answer, message):
    with pytest.raises(NoSampleValueError, match=message):
        filled(text, answer)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ item.other }}", "there is no item.other: item is an object of answer"),
        ("{{ item.a.b[2] }}", r"there is no item.a.b\[2\]: item.a.b is a list of 2"),
        ("{{ item.answer.x }}", "item.answer is str"),
        ("{{ item.none }}", "item.none of this row is null"),
        ("{{ item.nan }}", "item.nan of this row is nan"),
        ("{{ item.day }}", "a date has no one spelling"),
    ],
)
def test_what_the_row_lacks_is_ours(text, message):
    with pytest.raises(MissingReferenceError, match=message):
        filled(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ answer }}", "the namespace of a placeholder must be item or sample, got 'answer'"),
        ("{{ sampel.output_text }}", "did you mean 'sample'"),
        ("{{ item }}", "must name a variable, such as {{ item.answer }}"),
        ("{{ item[0] }}", "must name a variable"),
        ("{{ sample.output }}", "sample has output_text, .*did you mean"),
        ("{{ }}", "a placeholder must be"),
        ("{{ item.a | upper }}", "goes on with .key"),
        ("{{ item.a[-1] }}", "goes on with"),
        ("{% if item.a %}{{ 1 + 1 }}", "a placeholder must be"),
        ("{{ item.__class__() }}", "goes on with"),
    ],
)
def test_what_is_no_template_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        GraderTemplate(text)


def test_what_a_model_writes_is_never_a_template():
    assert filled("{{ sample.output_text }}", "{{ item.answer }}") == "{{ item.answer }}"


def test_a_given_sample_is_taken_as_it_is():
    fields = GraderFields(Sample("q", "x", "x", ROW), GivenSample(output_text='{"a": 1}', output_tools=[CALL], extra=3))
    assert grader_template("{{ sample.output_json.a }}{{ sample.output_tools[0].function.arguments.city }}").fill(fields) == "1Zürich"
    with pytest.raises(NoSampleValueError, match="the sample has no choices; it has"):
        grader_template("{{ sample.choices }}").fill(fields)
    assert fields.sample == {"output_text": '{"a": 1}', "output_tools": [CALL], "extra": 3, "output_json": {"a": 1}}


def test_a_template_is_compiled_once_and_can_be_sent_to_a_process():
    made = grader_template("{{ item.answer }}")
    assert grader_template("{{ item.answer }}") is made
    assert pickle.loads(pickle.dumps(made)).columns == {"answer"} and not made.reads_sample
