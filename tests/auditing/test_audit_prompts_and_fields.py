"""What prompts list or leave open, what replies hold beside what is compared, and rewards that compare through others: each with its siblings."""

import json

import pytest
from loopback.processes import chat_server  # noqa: F401

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.auditing import audit
from rl_rewards.auditing.asked import asks_for_order, leaves_order_open
from rl_rewards.auditing.audit import subject_of
from rl_rewards.auditing.made_answers import reordered
from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.scorers import Autorater


def made(*rewards):
    return Rubric(tuple(Reward(**reward) for reward in rewards))


def found(rewards, rows, severity="error"):
    return {finding.kind for finding in audit(made(*rewards), rows).findings if finding.severity.value == severity}


FEELINGS = [("It broke at once.", "negative"), ("I love it.", "positive"), ("It is blue.", "neutral"), ("Never again.", "negative"), ("Perfect.", "positive"), ("It came by post.", "neutral")]  # fmt: skip


def reviews(asked, spelled=lambda label: label, **columns):
    return [
        {"prompt": f"{asked}\n{text}", "label": spelled(label), **{name: make(label) for name, make in columns.items()}} for text, label in FEELINGS
    ]


IN_TAG = {"name": "right", "parse": {"tag": "a"}, "score": {"string_match": "label"}}
SPELLED = {
    "capitals that the column has not": ("Positive, Negative or Neutral? <a></a>", str, True),
    "small letters that the column has not": ("positive, negative or neutral? <a></a>", str.capitalize, True),
    "the column's own": ("positive, negative or neutral? <a></a>", str, False),
    "the column's own beside others": ("Positive, Negative or Neutral? <a>positive</a>, <a>negative</a>, <a>neutral</a>", str, False),
    "capitals that are asked for": ("positive, negative or neutral? In upper case: <a></a>", str.upper, False),
    "words with a line between": ("Very negative, very positive or very neutral? <a></a>", lambda label: f"very_{label}", True),
    "no choices": ("How does it sound? <a></a>", str, False),
}


@pytest.mark.parametrize("name", SPELLED)
def test_right_answers_are_paid_as_the_prompts_spell_them(name):
    asked, spelled, is_error = SPELLED[name]
    assert ("variant_unpaid" in found([IN_TAG], reviews(asked, spelled))) == is_error
    if name == "capitals that the column has not":
        any_case = {**IN_TAG, "score": {"string_match": {"reference": "label", "ignore_case": True}}}
        assert not found([any_case], reviews(asked, spelled))


def test_choices_in_an_object_are_paid_as_the_prompts_spell_them():
    rows = reviews('{"mood": Positive, Negative or Neutral}', lambda label: json.dumps({"mood": label}))
    assert "variant_unpaid" in found([{"name": "right", "parse": "json", "score": {"json_match": "label"}}], rows)


ORDERS = [
    ("Sort these words: b, a", True, False), ("List them in alphabetical order.", True, False), ("Order them by size.", True, False),
    ("Rank these from best to worst.", True, False), ("Name them in chronological order.", True, False), ("From smallest to largest.", True, False),
    ("Sort these into plants and animals.", False, False), ("Sort the following words into two groups.", False, False), ("What did they order?", False, False),
    ("Name all three, in any order.", False, True), ("The order does not matter.", False, True), ("Sort or not, order is not important.", False, True),
    ("Give them regardless of their order.", False, True), ("Which sort of tree is it?", False, False), ("They order the pizza: which one?", False, False), ("Order the following events.", True, False), ("What is 2 + 2?", False, False),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "asked", "is_open"), ORDERS, ids=[prompt for prompt, *_ in ORDERS])
def test_what_prompts_say_of_the_order_of_a_list(prompt, asked, is_open):
    assert (asks_for_order(prompt), leaves_order_open(prompt)) == (asked, is_open)


MOVED = [
    ("ant, bee, cow", "cow, bee, ant"), ("a\nb", "b\na"), ("a; b; c", "c; b; a"), ("[1, 2, 1]", "[2, 1, 1]"), ('["a", "b"]', '["b", "a"]'),
    ('{"tags": ["a", "b"], "n": 1}', '{"tags": ["b", "a"], "n": 1}'), ("1,234", None), ("3, 3", None), ("Bern", None), ("[1]", None), ('{"n": 1}', None),
    ("He came late, which nobody had thought possible, and left.", None), ("\\frac{1}{2}, 3", None), ("a > b", "b > a"), ("{broken", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "moved"), MOVED, ids=[repr(text) for text, _ in MOVED])
def test_a_list_is_put_into_another_order(text, moved):
    assert reordered(text) == moved


def same_items(parsed, answer):
    return float(parsed is not None and sorted(parsed.split(", ")) == sorted(answer.split(", ")))


LISTED = ["ant, bee, cow", "ash, elm, oak", "east, north, west", "fig, kiwi, pear", "gold, lead, tin", "bed, desk, sofa"]
TO_THE_LETTER, AS_A_SET = {"string_match": "answer"}, reward_function(same_items)


@pytest.mark.parametrize(
    ("asked", "score", "kinds"),
    [
        ("Sort alphabetically", TO_THE_LETTER, set()), ("Sort alphabetically", AS_A_SET, {"near_miss"}),
        ("Name them in any order", AS_A_SET, set()), ("Name them in any order", TO_THE_LETTER, {"variant_unpaid"}),
        ("Name them", AS_A_SET, set()), ("Name them", TO_THE_LETTER, set()),
    ],
    ids=["asked and compared", "asked and not compared", "open and not compared", "open and compared", "not said, not compared", "not said, compared"],
)  # fmt: skip
def test_the_order_of_a_list_is_compared_where_it_is_asked_for_alone(asked, score, kinds):
    rows = [{"prompt": f"{asked}, <a></a>: {len(answer)} letters", "answer": answer} for answer in LISTED]
    assert found([{"name": "right", "parse": {"tag": "a"}, "score": score}], rows) == kinds


FORM = {"type": "object", "properties": {"label": {"enum": ["positive", "negative", "neutral"]}, "why": {"type": "string"}}, "required": ["label"]}
VALID = {"name": "valid", "parse": "json", "score": {"json_schema": {"schema": FORM}}}


@reward_function
def any_label(parsed):
    return float(isinstance(parsed, dict) and parsed.get("label") in ("positive", "negative", "neutral"))


@reward_function
def reads_anything(parsed, **columns):
    return float(isinstance(parsed, dict) and parsed.get("label") in ("positive", "negative", "neutral") and columns is not None)


def labelled(**columns):
    return reviews('JSON with "label" (positive, negative, neutral) and "why".', **columns)


SEATS = {"type": "object", "required": ["label"], "properties": {**FORM["properties"], "seats": {"type": "integer"}}}
RIGHT_LABEL = {"name": "right", "parse": {"json_value": "label"}, "score": {"string_match": "label"}}
BOTH = [{"name": name, "parse": {"json_value": name}, "score": {"string_match": name}} for name in ("city", "day")]


def stays(asked):
    trips = [("Bern", "Monday"), ("Oslo", "Friday"), ("Rome", "Sunday"), ("Lima", "Tuesday"), ("Cork", "Thursday"), ("Graz", "Saturday")]
    return [
        {"prompt": f"{asked}\n{seats} to {city} on {day}", "city": city, "day": day, "seats": seats} for seats, (city, day) in enumerate(trips, 2)
    ]


FIELDS = {
    "validity alone": ([VALID], labelled(), True),
    "code for validity": ([{"name": "valid", "parse": "json", "score": any_label}], labelled(), True),
    "code that may read every column": ([{"name": "valid", "parse": "json", "score": reads_anything}], labelled(), False),
    "compared in a metric": ([VALID, {"name": "right", "weight": 0, "parse": {"json_value": "label"}, "score": {"string_match": "label"}}], labelled(), False),
    "compared": ([{"name": "right", "parse": {"json_value": "label"}, "score": {"string_match": "label"}}], labelled(), False),
    "a remark that is not": (
        [{"name": "right", "parse": {"json_value": "label"}, "score": {"string_match": "label"}}], labelled(why=lambda label: f"The writer sounds {label} to all who read it."), False
    ),
    "a second field that is not": ([RIGHT_LABEL, {**VALID, "weight": 0.2, "score": {"json_schema": {"schema": SEATS}}}], [{**row, "prompt": f"{row['prompt']} With seats.", "seats": i} for i, row in enumerate(labelled())], True),
    "a third one that the prompt names beside others": (BOTH, stays("JSON: city, day and seats."), True),
    "a column that no line names beside the fields": (BOTH, stays("JSON: city and day.\nseats: 40 in all"), False),
    "all that is asked for": (BOTH, stays("JSON: city and day."), False),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_a_column_has_and_no_reward_reads_is_an_error(name):
    rewards, rows, is_error = FIELDS[name]
    assert ("field_not_compared" in found(rewards, rows)) == is_error


TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}}} for name, key in [("weather", "city"), ("mail", "to")]]  # fmt: skip
ASKED = [("weather", "Bern"), ("mail", "Ann"), ("weather", "Oslo"), ("mail", "Bob"), ("weather", "Rome"), ("mail", "Cy")]


def called(**columns):
    return [
        {"prompt": f"{tool} {value}", "tools": TOOLS, "tool": tool, **{name: make(tool, value) for name, make in columns.items()}}
        for tool, value in ASKED
    ]


def arguments(tool, value):
    return {"city" if tool == "weather" else "to": value}


@pytest.mark.parametrize(
    ("columns", "is_error"),
    [
        ({"arguments": lambda *call: json.dumps(arguments(*call))}, True), ({"calls": lambda *call: json.dumps([{"name": call[0], "arguments": arguments(*call)}])}, True),
        ({"level": lambda *call: "easy"}, False), ({"meta": lambda *call: json.dumps({"source": call[1]})}, False), ({}, False),
    ],
    ids=["arguments", "calls", "another column", "an object of other fields", "none"],
)  # fmt: skip
def test_arguments_of_a_call_that_a_column_has_and_no_reward_reads_are_an_error(columns, is_error):
    name_alone = {"name": "tool", "parse": {"tool_call": "tool_calls[0].name"}, "score": {"string_match": "tool"}}
    assert ("field_not_compared" in found([name_alone], called(**columns))) == is_error


SUMS = [{"prompt": f"What is {a} + {b}? In <a></a>.", "answer": str(a + b)} for a, b in [(12, 30), (7, 44), (25, 61), (9, 18), (33, 41), (58, 6)]]
SUM = {"name": "right", "weight": 0, "parse": {"tag": "a"}, "score": {"number_match": "answer"}}
BRIEF = {"length_window": {"min_tokens": 1, "max_tokens": 400, "unit": "words"}}
THROUGH = {
    "a formula": [SUM, {"name": "total", "score": {"formula": "2 * right"}}],
    "a formula of a formula": [SUM, {"name": "half", "weight": 0, "score": {"formula": "right / 2"}}, {"name": "total", "score": {"formula": "half + 1"}}],
    "a gate": [SUM, {"name": "brief", "score": BRIEF, "gate": {"reward": "right", "at_least": 1.0}}],
    "a gate of a formula's part": [SUM, {"name": "brief", "weight": 0, "score": BRIEF, "gate": {"reward": "right"}}, {"name": "total", "score": {"formula": "brief"}}],
}  # fmt: skip


@pytest.mark.parametrize("name", THROUGH)
def test_what_is_compared_through_another_reward_is_compared(name):
    assert "nothing_is_compared" not in found(THROUGH[name], SUMS, "note")
    assert not found(THROUGH[name], SUMS)


def test_a_metric_alone_compares_nothing_that_is_paid():
    assert "nothing_is_compared" in found([SUM, {"name": "brief", "score": BRIEF}], SUMS, "note")


CITIES = [
    {"prompt": f"Capital of {land}?", "answer": city} for land, city in [("France", "Paris"), ("Italy", "Rome"), ("Norway", "Oslo"), ("Peru", "Lima")]
]


@pytest.mark.parametrize(
    ("options", "kinds"), [({}, set()), ({"parse": {"regex": r"(\w+)\W*$"}}, {"denied"})], ids=["the verdict", "the last word of the reply"]
)
def test_an_autorater_is_asked_about_the_answers_of_the_columns_that_its_question_holds(chat_server, options, kinds):  # noqa: F811
    model = ChatModel("m", base_url=chat_server.url())
    rater = Autorater("It is {{references.answer}}. SAY:{{response}}:YAS", model=model, equals="{{references.answer}}", **options)
    rubric = made({"name": "rated", "score": rater})
    subject = subject_of(rubric, CITIES)
    assert subject.reads_references == ["rated"] and subject.learned
    assert [subject.honest.right(row) for row in range(2)] == ["Paris", "Rome"]
    assert found([{"name": "rated", "score": rater}], CITIES) >= kinds


GRADERS = [
    {"name": "form", "weight": 0.2, "score": {"regex_match": {"pattern": r"[A-Z]\w+", "mode": "full"}}},
    {"name": "right", "weight": 0.8, "score": {"string_check": "{{ item.answer }}"}},
]


@pytest.mark.parametrize(("weight", "severity"), [(0.2, "warning"), (2.0, "error")], ids=["by the grader", "by the pattern"])
def test_a_trailing_newline_is_an_error_where_more_than_a_graders_contract_costs_it(weight, severity):
    assert "variant_unpaid" in found([{**GRADERS[0], "weight": weight}, GRADERS[1]], CITIES, severity)


GATES = [
    ({"number_match": "answer"}, 0.0, {"error"}),
    ({"number_match": "answer"}, 0.5, set()),
    ({"number_match": {"reference": "answer", "wrong": -1.0}}, 0.0, set()),
    ({"number_match": {"reference": "answer", "wrong": -1.0}}, -1.0, {"error"}),
    ({"regex_match": "\\d"}, 0.0, {"warning"}),
]


@pytest.mark.parametrize(("score", "at_least", "severities"), GATES, ids=["zero", "half", "zero of -1 to 1", "-1 of -1 to 1", "a gate of form"])
def test_a_gate_that_wrong_answers_pass_like_right_ones_is_an_error(score, at_least, severities):
    gate = {"name": "brief", "weight": 0.3, "score": BRIEF, "gate": {"reward": "gating", "at_least": at_least}}
    rubric = made({**SUM, "weight": 1.0}, {"name": "gating", "weight": 0.1, "parse": {"tag": "a"}, "score": score}, gate)
    assert {finding.severity.value for finding in audit(rubric, SUMS).findings if finding.kind == "gate_never_closes"} == severities
