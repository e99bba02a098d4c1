"""Tool calls of a completion, addressed by parsers and by `when`."""

import json

import pytest

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.parsers import parser
from rl_rewards.types import Outcome


def call(name, arguments, **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def said(*calls, content=""):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


TOOL = {"role": "tool", "name": "weather", "content": '{"city": "Paris"}'}
TRIP = [
    said(call("weather", {"city": "Bern", "days": 3, "at": {"lat": 46.9}, "hours": [6, 18], "rain": True, "note": None}, id="c1")),
    TOOL,
    said(call("mail", json.dumps({"to": "ann", "body": "sunny"}))),
    {"role": "assistant", "content": "It is sunny."},
]


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("tool_calls[0].arguments.city", "Bern"),
        ("tool_calls[0].arguments['city']", "Bern"),
        ("tool_calls[0].name", "weather"),
        ("tool_calls[0].id", "c1"),
        ("tool_calls[0].arguments.days", "3"),
        ("tool_calls[0].arguments.rain", "true"),
        ("tool_calls[0].arguments.at.lat", "46.9"),
        ("tool_calls[0].arguments.hours[1]", "18"),
        ("tool_calls[0].arguments.hours", [6, 18]),
        ("tool_calls[1].arguments.to", "ann"),  # arguments as JSON text, as OpenAI's API has them
        ("tool_calls[0].arguments.note", None),
        ("tool_calls[0].arguments.country", None),
        ("tool_calls[0].arguments.city.name", None),
        ("tool_calls[2].name", None),
    ],
)
def test_a_value_of_a_call_is_an_answer(address, answer):
    sample = Sample.from_row({"prompt": "?", "completion": TRIP})
    assert parser({"tool_call": address}).read(sample) == answer


def test_calls_that_are_written_in_the_text_are_found():
    text = '<think>which city?</think>Sure.<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>'
    assert parser({"tool_call": "tool_calls[0].arguments.city"}).read(Sample("?", text, text)) == "Bern"


@pytest.mark.parametrize("broken", ["tool_calls[x]", "tool_calls..name", "", "tool_calls[0", "city", "answer.tool_calls[0]", "tool_callsx[0]"])
def test_another_address_is_refused(broken):
    with pytest.raises(ValueError, match="address"):
        parser({"tool_call": broken})


def test_a_call_is_scored_like_any_answer():
    reward = Reward("city", {"string_match": "{{references.city}}"}, parse={"tool_call": "tool_calls[0].arguments.city"})
    assert reward(prompts=["?", "?"], completions=[TRIP, [{"role": "assistant", "content": "Bern"}]], city=["Bern", "Bern"]) == [1.0, 0.0]


def test_when_selects_by_a_call():
    length = {"length_window": {"min_tokens": 0, "max_tokens": 9, "unit": "words"}}
    rubric = Rubric(
        [
            Reward("weather", length, when={"tool_calls[0].name": ["weather", "forecast"], "task": "trip"}),
            Reward("days", length, when={"tool_calls[0].arguments.days": 3}),
            Reward("all", length),
        ]
    )
    rows = [{"completion": TRIP, "task": "trip"}, {"completion": TRIP, "task": "other"}, {"completion": [said(call("mail", "{}"))], "task": "trip"}]
    result = rubric.evaluate([Sample.from_row({"prompt": "?", **row}, i) for i, row in enumerate(rows)])
    outcomes = {name: [each.outcome is Outcome.SCORED for each in column.results] for name, column in result.columns.items()}
    assert outcomes == {"weather": [True, False, False], "days": [True, True, False], "all": [True] * 3}
    assert rubric.columns == {"task"}


def test_when_refuses_an_address_that_is_none():
    with pytest.raises(ValueError, match="an address goes on with"):
        Reward("r", {"string_match": "x"}, when={"tool_calls[first].name": "weather"})


def test_rows_are_not_refused_for_calls_that_nobody_made_yet():
    from rl_rewards.checks import check_routes

    check_routes(Rubric([Reward("r", {"string_match": "x"}, when={"tool_calls[0].name": "weather"})]), [{"prompt": "?"}])
