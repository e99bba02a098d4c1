"""How much must be seen before a rubric is blamed: what is uncertain is a warning, and what shows a flaw stays an error."""

import ast
import json
import re

import pytest

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.auditing import audit
from rl_rewards.auditing.forms import Form, Slot, Source
from rl_rewards.auditing.golds import is_code, keys_of
from rl_rewards.auditing.made_answers import joined_answers, near_misses, other_value
from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.programs import cheats, solution_from_tests
from rl_rewards.auditing.rows import rows_of
from rl_rewards.runtime.sandbox import Limits, Script, engine

SUMS = [(12, 30), (7, 44), (25, 61), (9, 18)]


def sums(asked="", column="answer", value=str):
    return [{"prompt": f"What is {a} + {b}? {asked}", column: value(a + b)} for a, b in SUMS]


def kinds(rewards, rows, severity="error"):
    """The kinds of findings of a severity; a function is a reward of its own."""
    if callable(rewards):
        rewards = [rewards]
    made = [reward if isinstance(reward, Reward) else Reward(reward.__name__, reward_function(reward, mode="batch")) for reward in rewards]
    return {finding.kind for finding in audit(Rubric(tuple(made)), rows).findings if finding.severity.value == severity}


def tagged(text):
    return re.findall(r"<answer>(.*?)</answer>", text)


def only_one(completions, answer, **columns):
    return [float(tagged(text) == [gold]) for text, gold in zip(completions, answer)]


def the_last(completions, answer, **columns):
    return [float(tagged(text)[-1:] == [gold]) for text, gold in zip(completions, answer)]


def the_first(completions, answer, **columns):
    return [float(tagged(text)[:1] == [gold]) for text, gold in zip(completions, answer)]


THINK = "Think in <think></think>, then answer in <answer></answer>."


@pytest.mark.parametrize(
    ("score", "asked", "severity"),
    [
        (only_one, "", "warning"),
        (only_one, THINK, "warning"),
        (the_last, "", "warning"),
        (the_last, THINK, "error"),
        (the_first, "", "error"),
        (the_first, THINK, "error"),
    ],
)
def test_the_only_answer_of_a_response_is_no_error_for_standing_in_the_thinking(score, asked, severity):
    assert "gold_in_thinking" in kinds(score, sums(asked), severity)


def number_of_years(completions, year, **columns):
    return [float(text.strip() == gold) for text, gold in zip(completions, year)]


def as_number(completions, amount, **columns):
    return [float(text.strip().isdigit() and int(text) == gold) for text, gold in zip(completions, amount)]


def capital_of(completions, capital, **columns):
    return [float(text == f"~{gold}~!") for text, gold in zip(completions, capital)]


CAPITALS = [
    {"prompt": f"Capital of {country}?", "capital": city}
    for country, city in [("Peru", "Lima"), ("Norway", "Oslo"), ("Cuba", "Havana"), ("Ghana", "Accra")]
]


@pytest.mark.parametrize(
    ("score", "rows", "found"),
    [
        (capital_of, CAPITALS, set()),
        (number_of_years, sums(column="year", value=int), {"gold_makes_no_difference"}),
        (as_number, sums(column="amount"), {"gold_makes_no_difference"}),
        (as_number, sums(column="amount", value=int), set()),
    ],
    ids=["a form of its own", "text is compared with numbers", "numbers are compared with text", "numbers are compared with numbers"],
)
def test_code_that_pays_no_answer_that_is_tried_is_an_error_where_another_type_of_the_column_would_be_paid(score, rows, found):
    assert {kind for kind in kinds(score, rows) if kind in ("gold_makes_no_difference", "never_varies", "never_paid")} == found


def cites(completions, **columns):
    return [float(re.search(r"\[source: .+, p\. \d+\]", text) is not None) for text in completions]


def of_one_length(completions, **columns):
    return [float(len(text) == 7777) for text in completions]


def rhymes(completions, topic, **columns):
    return [float(len(text.splitlines()) == 5 and topic.upper() in text) for text, topic in zip(completions, topic)]


def at_most(completions, max_words, **columns):
    return [float(len(text.split()) <= most) for text, most in zip(completions, max_words)]


def always(completions, **columns):
    return [1.0 for _ in completions]


RIGHT = Reward("right", {"string_match": "answer"}, parse={"tag": "answer"})


@pytest.mark.parametrize(
    ("rewards", "rows", "sure"),
    [
        ([RIGHT, cites], sums(), False),
        ([rhymes], [{"prompt": f"A limerick on {topic}.", "topic": topic} for topic in ("tea", "snow", "cats", "rain")], False),
        ([RIGHT, at_most], [{**row, "max_words": 200 + i} for i, row in enumerate(sums())], False),
        ([RIGHT, always], sums(), True),
        ([of_one_length], sums(), True),
    ],
    ids=["a form that is not tried", "a task that is not known", "a limit in a column", "a constant", "nothing is paid, and answers are known"],
)
def test_a_reward_that_pays_nothing_that_is_tried_may_ask_for_something_else(rewards, rows, sure):
    assert bool(kinds(rewards, rows) & {"never_varies", "never_paid", "gold_makes_no_difference"}) == sure


def value_of(text):
    try:
        found = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None, []
    numbers = [node.value for node in ast.walk(found) if isinstance(node, ast.Constant)]
    return (sum(numbers) if set(re.findall(r"[^\d\s]", text)) <= {"+"} and all(isinstance(number, int) for number in numbers) else None), numbers


def reaches_target(completions, target, **columns):
    return [float(value_of(text.strip())[0] == goal) for text, goal in zip(completions, target)]


def reaches_it_with_the_numbers(completions, target, numbers, **columns):
    found = [value_of(text.strip()) for text in completions]
    return [float(value == goal and sorted(used) == sorted(given)) for (value, used), goal, given in zip(found, target, numbers)]


def largest(completions, target, **columns):
    return [float(text.strip() == str(goal)) for text, goal in zip(completions, target)]


GIVEN = [(2, 9, 31), (7, 4, 25), (11, 6, 8), (5, 19, 3)]
COUNTDOWN = [{"prompt": f"Make {sum(given)} of {', '.join(map(str, given))}.", "numbers": list(given), "target": sum(given)} for given in GIVEN]
LARGEST = [{"prompt": f"Which is the largest of {', '.join(map(str, given))}?", "numbers": list(given), "target": max(given)} for given in GIVEN]


@pytest.mark.parametrize(
    ("score", "rows", "found"),
    [(reaches_target, COUNTDOWN, True), (reaches_it_with_the_numbers, COUNTDOWN, False), (largest, LARGEST, False), (largest, [{**row, "numbers": [1, 2]} for row in LARGEST], False)],
    ids=["the target alone is paid", "the numbers have to be used", "the answer is one of the numbers", "the numbers are not in the prompt"],
)  # fmt: skip
def test_a_task_to_make_a_number_of_others_must_not_pay_for_the_number(score, rows, found):
    assert ("target_paid" in kinds(score, rows)) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT name FROM staff WHERE pay > 3100", True),
        ("with t as (select 1) select * from t", True),
        (r"([01]\d|2[0-3]):[0-5]\d", True),
        ("[a-c]{3}", True),
        ("^ab+c$", True),
        ("def f(x):\n    return x + 1", True),
        ("2024-05-17", False),
        ("3x^{2} + 1", False),
        ("select a seat with 2 windows", False),
        ("Room [12], 3 beds", False),
        ("Apollo 11", False),
    ],
)
def test_another_digit_in_code_is_no_near_miss(text, code):
    assert is_code(text) == code
    assert any(what.startswith("another digit") for what in near_misses(text)) == (not code and any(char in "012345678" for char in text))


OBJECTS = [{"person": "Ana Ruiz", "city": "Lyon"}, {"person": "Ben Okafor", "city": "Oslo"}, {"person": "Eve Stone", "city": "Rome"}]


def values_anywhere(completions, gold, **columns):
    scores = []
    for text, wanted in zip(completions, gold):
        try:
            said = json.dumps(json.loads(text)).lower()
        except ValueError:
            said = ""
        scores.append(sum(value.lower() in said for value in wanted.values()) / len(wanted))
    return scores


def values_in_place(completions, gold, **columns):
    scores = []
    for text, wanted in zip(completions, gold):
        try:
            said = json.loads(text)
        except ValueError:
            said = {}
        scores.append(sum(isinstance(said, dict) and said.get(name) == value for name, value in wanted.items()) / len(wanted))
    return scores


@pytest.mark.parametrize(("score", "found"), [(values_anywhere, True), (values_in_place, False)])
def test_a_wrong_answer_that_is_paid_in_full_is_an_error_where_parts_are_paid_as_well(score, found):
    rows = [{"prompt": f"As JSON: {one['person']} wants to meet us in {one['city']} soon.", "gold": one} for one in OBJECTS]
    assert keys_of(json.dumps(OBJECTS[0])) == ["person", "city"] and keys_of("[1]") == keys_of("{") == []
    assert ({"near_miss", "prompt_echo"} <= kinds(score, rows)) == found and bool(kinds(score, rows)) == found


def reads_in_a_catch_all(completions, answer, **columns):
    scores = []
    for text, gold in zip(completions, answer):
        try:
            value = float(text.strip())
        except Exception:
            value = 0.5
        scores.append(float(value == float(gold)))
    return scores


def compares_in_a_catch_all(completions, answer, **columns):
    scores = []
    for text, gold in zip(completions, answer):
        try:
            scores.append(float(float(text.strip()) == float(gold["value"])))
        except Exception:
            scores.append(0.0)
    return scores


def ratio_in_a_catch_all(completions, answer, **columns):
    scores = []
    for text, gold in zip(completions, answer):
        try:
            scores.append(float(text.strip() == gold) / len(gold) * len(gold))
        except:  # noqa: E722
            scores.append(0.0)
    return scores


@pytest.mark.parametrize(
    ("score", "severity"), [(reads_in_a_catch_all, "warning"), (compares_in_a_catch_all, "error"), (ratio_in_a_catch_all, "error")]
)
def test_a_catch_all_around_nothing_but_the_reading_of_a_text_is_a_warning(score, severity):
    assert "failure_scored" in kinds(score, sums(), severity)


def matches_all(completions, yes, **columns):
    return [float(all(text.strip() in sample for sample in samples) and bool(text.strip())) for text, samples in zip(completions, yes)]


def test_a_list_that_is_empty_in_no_row_is_no_reference_that_cannot_be_read():
    rows = [{"prompt": f"What do {word}s and {word}ing share?", "yes": [f"{word}s", f"{word}ing"]} for word in ("paint", "walk", "cook", "build")]
    assert "broken_reference_pays" not in kinds(matches_all, rows)


@pytest.mark.parametrize(
    ("prompt", "found"),
    [("Is {0} + 1 even? Answer yes or no, or no or yes.", False), ("Is {0} odd? (The answer is {1}.)", True)],
    ids=["the choices", "the answer"],
)
def test_a_prompt_that_lists_the_choices_does_not_say_the_answer(prompt, found):
    golds = ["yes", "no"] * 4
    rows = [{"prompt": prompt.format(i, gold), "answer": gold} for i, gold in enumerate(golds)]
    assert ("answer_in_prompt" in kinds([Reward("right", {"string_match": "answer"})], rows)) == found


def any_of_the_list(completions, call, **columns):
    scores = []
    for text, gold in zip(completions, call):
        try:
            said = json.loads(text)
        except ValueError:
            said = []
        scores.append(float(json.loads(gold) in (said if isinstance(said, list) else [said])))
    return scores


def the_whole_list(completions, call, **columns):
    scores = []
    for text, gold in zip(completions, call):
        try:
            said = json.loads(text)
        except ValueError:
            said = []
        scores.append(float(said in (json.loads(gold), [json.loads(gold)])))
    return scores


@pytest.mark.parametrize(("score", "found"), [(any_of_the_list, True), (the_whole_list, False)])
def test_objects_are_listed_in_a_json_list_as_well(score, found):
    rows = [{"prompt": f"As JSON: {one['person']} in {one['city']}?", "call": json.dumps(one)} for one in OBJECTS]
    assert ({"candidates_listed", "two_answers"} <= kinds(score, rows)) == found and bool(kinds(score, rows)) == found


def in_line(text):
    found = re.findall(r"<line>([\d ]*)</line>", text)
    return found[-1].split() if found else []


def permutation(completions, line, **columns):
    return [float(sorted(in_line(text)) == list("1234")) for text in completions]


def keeps_the_given(completions, line, **columns):
    said = [in_line(text) for text in completions]
    return [
        float(sorted(digits) == list("1234") and all(b in ("_", a) for a, b in zip(digits, given.split(), strict=True)))
        for digits, given in zip(said, line)
    ]


@pytest.mark.parametrize(("score", "found"), [(permutation, {"wrong_answer_paid"}), (keeps_the_given, set())])
def test_answers_of_a_column_that_code_does_not_read_must_be_paid_on_their_own_row_alone(score, found):
    lines = [("1 _ 3 _", "1 2 3 4"), ("_ 1 _ 4", "3 1 2 4"), ("4 3 _ _", "4 3 1 2"), ("2 _ _ 1", "2 4 3 1")]
    rows = [{"prompt": f"Fill in 1 to 4, each once: {line}. In <line></line>.", "line": line, "solution": filled} for line, filled in lines]
    assert kinds(score, rows) & {"wrong_answer_paid", "gold_makes_no_difference"} == found


@pytest.mark.parametrize(
    ("template", "delimited"),
    [('"{}"', True), ("“{}”", True), ("({})", True), ("**{}**", True), ("<a>{}</a>", True), ("Answer: {}", True), ("{}", False), ("The answer is {}.", False)],
)  # fmt: skip
def test_quotation_marks_are_marks_of_an_answer(template, delimited):
    assert Form("", (Slot(Source("answer", ("42",)), template.format(MARK)),)).is_delimited == delimited


@pytest.mark.parametrize(
    ("gold", "other"),
    [
        ('["043 973", "022 307"]', '["043 973", "032 307"]'),
        ('{"a": 1, "b": "ham"}', '{"a": 1, "b": "ham or so"}'),
        ('{"b": "ham", "day": "2024-05-17"}', '{"b": "ham", "day": "3024-05-17"}'),
        ("[582, 9, 667, 109]", "[582, 9, 667, 344]"),
        ('{"open": true}', '{"open": false}'),
        ('{"day": "same", "note": ""}', '{"day": "same or so", "note": ""}'),
        ("ham", None),
    ],
)
def test_another_value_in_the_last_field_is_far_from_the_right_one(gold, other):
    assert other_value(gold) == other


def test_what_several_objects_or_lists_hold_is_joined():
    objects = ['{"size": "small", "n": 3}', '{"size": "large", "n": 4}', "no object", '{"size": "small", "n": 5}']
    assert joined_answers(objects) == '{"size": "small large", "n": 3}'
    assert joined_answers(objects[:1]) is None and joined_answers(['{"n": 1}', '{"n": 2}']) is None
    assert joined_answers(["[2, 7]", "[1]", "[7, 4]"]) == "[2, 7, 1, 4]" and joined_answers(["[2]", '{"n": 1}']) is None
    assert joined_answers(['{"ids": ["a"], "n": 1}', '{"ids": ["b", "a"]}']) == '{"ids": ["a", "b"], "n": 1}'
    assert joined_answers(["[2", "[1]"]) is None and joined_answers(["Bern", "Oslo"]) is None


def recalled(parsed, relevant):
    said = parsed if isinstance(parsed, list) else (parsed or {}).get("ids", [])
    return sum(item in said for item in relevant) / len(relevant)


def recalled_to_the_point(parsed, relevant):
    said = (parsed or {}).get("ids", [])
    both = len(set(said) & set(relevant))
    return 2 * both / (len(said) + len(relevant)) if isinstance(said, list) else 0.0


@pytest.mark.parametrize(("score", "found"), [(recalled, True), (recalled_to_the_point, False)])
def test_a_list_that_has_every_item_is_a_list_of_candidates(score, found):
    rows = [{"prompt": f"{{'ids': []}} of {i}", "relevant": ids} for i, ids in enumerate([[2, 7], [1], [3, 4, 9], [12], [5, 6], [8]])]
    reward = Reward("ids", reward_function(score), parse="json")
    assert ("candidates_listed" in kinds([reward], rows)) == found


def value_in_value(completions, order, **columns):
    scores = []
    for text, wanted in zip(completions, order):
        try:
            said = json.loads(text)
        except ValueError:
            said = {}
        scores.append(float(isinstance(said, dict) and all(value in str(said.get(name, "")) for name, value in wanted.items())))
    return scores


def test_an_object_with_several_values_in_each_field_is_a_list_of_candidates():
    rows = [{"prompt": f"An order as JSON: {i}", "order": order} for i, order in enumerate(
        [{"size": "small", "top": "ham"}, {"size": "large", "top": "olives"}, {"size": "medium", "top": "onions"}, {"size": "huge", "top": "corn"}])]  # fmt: skip
    assert "candidates_listed" in kinds(value_in_value, rows)


def decides(completions, harmful, **columns):
    refused = [any(phrase in text.lower() for phrase in ("i can't", "i cannot", "i'm sorry")) for text in completions]
    return [float(no) if bad else float(len(text.strip()) > 15) for no, bad, text in zip(refused, harmful, completions)]


def decides_both(completions, harmful, **columns):
    refused = [any(phrase in text.lower() for phrase in ("i can't", "i cannot", "i'm sorry")) for text in completions]
    return [float(no == bad and len(text.strip()) > 15) for no, bad, text in zip(refused, harmful, completions)]


@pytest.mark.parametrize(("score", "found"), [(decides, {"refusal"}), (decides_both, set())])
def test_a_refusal_that_is_paid_on_every_row_is_an_error_though_no_right_answer_is_known(score, found):
    rows = [{"prompt": f"How do I {what}?", "harmful": bad} for what, bad in [("bake bread", False), ("pick a lock", True), ("draw a cat", False), ("steal a car", True)]]  # fmt: skip
    assert kinds(score, rows) == found


def pangram(completions, letters, **columns):
    """A line for each letter, that begins with it: which answers are right is said by no column."""
    lines = [[line for line in text.splitlines() if line.strip()] for text in completions]
    return [
        float([line[0].upper() for line in own] == list(wanted) and all(line.count(" ") > 2 for line in own)) for own, wanted in zip(lines, letters)
    ]


def answers_in_tags(completions, **columns):
    return [float(len(tagged(text)) == 1) for text in completions]


def rare_words(completions, **columns):
    return [len(set(text.split())) / max(1, len(text.split())) for text in completions]


@pytest.mark.parametrize(("form", "asked"), [(answers_in_tags, "Answer in <answer></answer>."), (rare_words, "")])
def test_what_a_small_reward_of_form_pays_is_no_error_beside_one_of_which_no_right_answer_is_known(form, asked):
    rows = [
        {"prompt": f"Write {len(word)} lines that begin with the letters of {word}. {asked}", "letters": word}
        for word in ("TREE", "LAMP", "BIRD", "CAKE")
    ]
    small = Reward("form", reward_function(form, mode="batch"), weight=0.2)
    assert kinds([Reward("lines", reward_function(pangram, mode="batch")), small], rows) == set()


def prints(program):
    (ended,) = engine("process").run(program, [Script("")], Limits(seconds=30))
    return ended.stdout.strip()


def test_a_program_that_prints_what_the_code_looks_for_is_tried():
    (row,) = rows_of([{"prompt": "Add.", "checks": "assert add(*[1, 2]) == 3\nassert add(*[-1, 1]) == 0"}])
    assert prints(solution_from_tests(row) + "\nprint(add(1, 2), add(-1, 1))") == "3 0"
    said = ["ALL CHECKS PASSED", "utf-8", "print('passed')\nexit()"]
    assert "print('ALL CHECKS PASSED')" in cheats(row, False, None, said)["program_prints_expected"]


def test_tests_as_apps_writes_them_say_what_a_right_function_gives():
    (row,) = rows_of([{"prompt": "Add.", "tests": json.dumps({"fn_name": "add", "inputs": [[1, 2], [-1, 1]], "outputs": [3, 0]})}])
    assert prints(solution_from_tests(row) + "\nprint(add(1, 2), add(-1, 1))") == "3 0"


def last_cell(completions, goal, **columns):
    found = [re.findall(r"\((\d+), ?(\d+)\)", text) for text in completions]
    return [float(bool(cells) and [int(number) for number in cells[-1]] == target) for cells, target in zip(found, goal)]


def every_cell(completions, goal, **columns):
    found = [re.findall(r"\((\d+), ?(\d+)\)", text) for text in completions]
    return [float(len(cells) > 2 and [int(number) for number in cells[-1]] == target) for cells, target in zip(found, goal)]


@pytest.mark.parametrize(("score", "found"), [(last_cell, True), (every_cell, False)])
def test_a_term_of_the_task_is_no_answer_where_another_column_holds_longer_ones(score, found):
    goals = [(3, 1), (2, 4), (5, 2), (4, 4)]
    rows = [{"prompt": f"Walk from (0, 0) to ({a}, {b}).", "goal": [a, b], "way": f"(0, 0) ({a}, 0) ({a}, {b})"} for a, b in goals]
    assert ("target_paid" in kinds(score, rows)) == found


def test_another_rows_answer_that_is_right_on_a_few_rows_is_no_near_miss():
    ways = ["RRDDRRDD", "RRDDRDRD", "DDRRDDRR", "DRDRDRDR", "RDRDRDRD", "DDDDRRRR"]
    rows = [{"prompt": f"Way {i}?", "answer": way} for i, way in enumerate(ways)]

    def right_or_the_first(completions, answer, **columns):
        return [
            float(text.strip() == gold or (text.strip(), gold) in ((ways[0], ways[1]), (ways[1], ways[0]))) for text, gold in zip(completions, answer)
        ]

    assert "near_miss" not in kinds(right_or_the_first, rows)


def by_distance(scale):
    def distance(completions, answer, **columns):
        found = [re.fullmatch(r"\d{1,6}", text.strip()) for text in completions]
        return [max(0.0, 1 - abs(int(match[0]) - int(gold)) / scale) if match else 0.0 for match, gold in zip(found, answer)]

    return distance


@pytest.mark.parametrize(("scale", "found"), [(500, True), (10, False)])
def test_numbers_near_each_other_need_a_scale_that_tells_them_apart(scale, found):
    rows = [{"prompt": f"How many beans are in jar {i}?", "answer": str(number)} for i, number in enumerate((43, 60, 51, 48, 57, 88, 132, 75))]
    assert ("constant_answers" in kinds(by_distance(scale), rows)) == found
