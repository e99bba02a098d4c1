import json

import pytest

from rl_rewards.scorers import ToolCallMatch
from rl_rewards.types import Message, Outcome, Sample
from rl_rewards.types.tool_calls import tool_calls_of

BERN = {"name": "weather", "arguments": {"city": "Bern", "unit": "C"}}
ROME = {"name": "weather", "arguments": {"city": "Rome", "unit": "C"}}
BERN_F = {"name": "weather", "arguments": {"city": "Bern", "unit": "F"}}
TIME = {"name": "time", "arguments": {}}


def turn(*calls, as_text=False, content=""):
    written = [{"type": "function", "id": f"call_{i}", "function": call} for i, call in enumerate(calls)]
    if as_text:
        written = [{**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}} for call in written]
    return {"role": "assistant", "content": content, "tool_calls": written}


def score(completion, reference, **options):
    sample = Sample("q", completion, "", {"calls": reference})
    [result] = ToolCallMatch("calls", **options).score([sample], [None])
    return result


# found, expected, exact in order, exact in any order, by argument in order, by argument in any order
TABLE = [
    ([BERN], [BERN], 1, 1, 1, 1),
    ([BERN_F], [BERN], 0, 0, 0.5, 0.5),
    ([BERN, ROME], [BERN, ROME], 1, 1, 1, 1),
    ([ROME, BERN], [BERN, ROME], 0, 1, 0.5, 1),
    ([BERN], [BERN, ROME], 0, 0, 0.5, 0.5),
    ([BERN, ROME], [BERN], 0, 0, 0.5, 0.5),
    ([BERN, BERN], [BERN], 0, 0, 0.5, 0.5),
    ([TIME], [BERN], 0, 0, 0, 0),
    ([TIME], [TIME], 1, 1, 1, 1),
    ([TIME, BERN], [BERN, TIME], 0, 1, 0, 1),
    ([{"name": "Weather", "arguments": BERN["arguments"]}], [BERN], 0, 0, 0, 0),
    ([{"name": "weather", "arguments": {"city": "Bern"}}], [BERN], 0, 0, 0.5, 0.5),
    ([{"name": "weather", "arguments": {**BERN["arguments"], "x": 1}}], [BERN], 0, 0, 2 / 3, 2 / 3),
    ([{"name": "f", "arguments": {"n": 1.0}}], [{"name": "f", "arguments": {"n": 1}}], 1, 1, 1, 1),
    ([{"name": "f", "arguments": {"n": True}}], [{"name": "f", "arguments": {"n": 1}}], 0, 0, 0, 0),
    ([{"name": "f", "arguments": {"n": "1"}}], [{"name": "f", "arguments": {"n": 1}}], 0, 0, 0, 0),
    ([{"name": "f", "arguments": {"l": [2, 1]}}], [{"name": "f", "arguments": {"l": [1, 2]}}], 0, 0, 0, 0),
    ([{"name": "f", "arguments": {"a": {"b": 1}}}], [{"name": "f", "arguments": {"a": {"b": 1, "c": None}, "d": None}}], 1, 1, 1, 1),
    ([], [], 1, 1, 1, 1),
    ([BERN], [], 0, 0, 0, 0),
    ([], [BERN], 0, 0, 0, 0),
]


@pytest.mark.parametrize(("found", "expected", "exact", "any_order", "by_argument", "by_argument_any_order"), TABLE)
def test_calls_are_compared_whole_or_by_argument(found, expected, exact, any_order, by_argument, by_argument_any_order):
    for reference in (expected, json.dumps(expected), {"tool_calls": expected}, [turn(*expected, as_text=True)] if expected else []):
        assert score([turn(*found, as_text=True)], reference).score == exact
        assert score([turn(*found)], reference, ordered=False).score == any_order
        assert score([turn(*found)], reference, mode="by_argument").score == pytest.approx(by_argument)
        assert score([turn(*found)], reference, mode="by_argument", ordered=False).score == pytest.approx(by_argument_any_order)


def test_calls_in_any_order_are_paired_with_the_one_that_they_are_most_like():
    assert score([turn(BERN_F, BERN)], [BERN, BERN_F], mode="by_argument", ordered=False).score == 1.0


def test_components_and_reason_say_what_is_wrong():
    result = score([turn(BERN_F, TIME)], [BERN, TIME])
    assert result.metrics == {"names": 1.0, "arguments": 0.5}
    assert "1 of 2 calls are right" in result.reason


def test_no_call_where_one_is_expected_is_unparsed():
    assert score("It is sunny.", [BERN], wrong=-1.0).outcome is Outcome.UNPARSED
    assert score("It is sunny.", [BERN], wrong=-1.0).score == -1.0


@pytest.mark.parametrize(
    "reference", [None, "", "  ", "no json", '"text"', 3, {"city": "Bern"}, [{"arguments": {}}], [{"name": "f", "arguments": "x"}], [None], "[", [[]]]
)
def test_a_reference_without_calls_is_an_error_whatever_the_completion(reference):
    for completion in ("text", [turn(BERN)]):
        result = score(completion, reference)
        assert result.outcome is Outcome.ERROR and result.score is None


def test_a_column_that_is_absent_is_an_error():
    [result] = ToolCallMatch("calls").score([Sample("q", "x", "x", {"other": []})], [None])
    assert result.outcome is Outcome.ERROR and "no reference 'calls'" in result.error


def text_calls(text):
    return tool_calls_of(Sample("q", text, text))


@pytest.mark.parametrize(
    ("completion", "calls"),
    [
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>', [{"name": "f", "arguments": {"a": 1}}]),
        ('<tool_call>\n{"name": "f", "arguments": "{\\"a\\": 1}"}\n</tool_call> <tool_call>{"name": "g"}</tool_call>',
         [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]),
        ('<tool_call>{"name": "f", "parameters": {"a": 1}}', [{"name": "f", "arguments": {"a": 1}}]),
        ("<tool_call>f(1)</tool_call>", [{"name": None, "arguments": "f(1)"}]),
        ("no call", []),
        ('<think><tool_call>{"name": "f"}</tool_call></think>none', []),
        ("<think>never closed <tool_call>{}</tool_call>", []),
    ],
)  # fmt: skip
def test_calls_written_into_the_text_are_read(completion, calls):
    assert text_calls(completion) == calls


TAGGED = "<tool_call>\n<function=f>\n<parameter=a>\n{}\n</parameter>\n<parameter=b>\nx\ny\n</parameter>\n</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("written", "expected", "right"),
    [
        ("3", 3, 1), ("3", "3", 1), ("3", 3.0, 1), ("3", 4, 0), ("3", True, 0), ("03", "03", 1), ("03", 3, 0), ("90210", "90210", 1),
        ("true", True, 1), ("True", True, 1), ("True", "True", 1), ("true", "true", 1), ("false", True, 0), ("True", 1, 0),
        ("[1, 2]", [1, 2], 1), ("[1, 2]", [2, 1], 0), ('{"k": 1}', {"k": 1}, 1), ("Bern", "Bern", 1), ("bern", "Bern", 0), ('"Bern"', "Bern", 1),
        ("", "", 1), (" Bern", "Bern", 0), ("a < b > c", "a < b > c", 1),
    ],
)  # fmt: skip
def test_arguments_between_tags_are_text_or_the_json_in_it_as_the_reference_has_them(written, expected, right):
    text = TAGGED.format(written)
    sample = Sample("q", text, text, {"calls": [{"name": "f", "arguments": {"a": expected, "b": "x\ny"}}]})
    assert ToolCallMatch("calls").score([sample], [None])[0].score == right


@pytest.mark.parametrize(
    "text", ["<tool_call><function=f</tool_call>", "<tool_call><function=f><parameter=a</function></tool_call>", "<tool_call><function></tool_call>"]
)
def test_tags_that_are_broken_are_a_call_that_cannot_be_read(text):
    assert [call["name"] for call in text_calls(text)] == [None]


def test_a_call_by_tags_may_have_no_arguments_and_be_one_of_several():
    text = "<tool_call><function=f></function></tool_call> and <tool_call>\n<function=g>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"
    assert text_calls(text) == [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"a": "1"}}]


def test_calls_of_all_the_policys_messages_are_read_and_nobody_elses():
    turns = [
        turn(BERN),
        {"role": "tool", "content": '<tool_call>{"name": "x"}</tool_call>', "tool_calls": [TIME]},
        Message(**turn(ROME, as_text=True)),
    ]
    assert [call["arguments"]["city"] for call in tool_calls_of(Sample("q", turns, ""))] == ["Bern", "Rome"]
    old = [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}}]
    assert tool_calls_of(Sample("q", old, "")) == [{"name": "f", "arguments": {"a": 1}}]


@pytest.mark.parametrize("calls", ["x", 3, [3], [None], [{}], [{"function": 3}], [{"function": {"name": 3}}], {"a": 1}, [[]]])
def test_odd_calls_of_a_completion_are_wrong_and_not_our_failure(calls):
    result = score([{"role": "assistant", "content": "", "tool_calls": calls}], [BERN])
    assert result.score == 0.0 and result.outcome in (Outcome.SCORED, Outcome.UNPARSED)


def test_a_policy_that_calls_for_ever_costs_little():
    calls = [turn(*[BERN_F] * 5000)]
    assert score(calls, [BERN] * 3, mode="by_argument", ordered=False).score == pytest.approx(0.5 * 3 / 5000)
