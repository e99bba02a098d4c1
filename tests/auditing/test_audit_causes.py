"""Causes of findings that were missed, wrong or contradictory on rubrics that the audit had not been written against, each with its siblings."""

import difflib
import inspect
import re
import subprocess
import sys

import pytest

from rl_rewards import Reward, Rubric, reward_function
from rl_rewards.auditing import Severity, audit
from rl_rewards.auditing.asked import asked_templates
from rl_rewards.auditing.attacks.hollow import passages
from rl_rewards.auditing.audit import subject_of
from rl_rewards.auditing.golds import extractions, most_alike
from rl_rewards.auditing.made_answers import near_misses
from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.programs import cheats
from rl_rewards.auditing.rows import rows_of
from rl_rewards.auditing.sources import Sources
from rl_rewards.auditing.templates import is_odd, of_texts

SUMS = [(12, 30), (7, 44), (25, 61), (9, 18), (33, 41), (58, 6)]


def sums(asked=""):
    return [{"prompt": f"What is {a} + {b}? {asked}", "answer": str(a + b)} for a, b in SUMS]


def report(rewards, rows):
    return audit(Rubric(tuple(Reward(**{**reward, "score": batched(reward["score"])}) for reward in rewards)), rows)


def batched(score):
    return reward_function(score, mode="batch") if inspect.isfunction(score) else score


def errors(rewards, rows):
    return {finding.kind for finding in report(rewards, rows).at_least("error")}


def warnings(rewards, rows):
    return {finding.kind for finding in report(rewards, rows).at_least("warning")}


@pytest.mark.parametrize(
    ("prompt", "templates"),
    [
        ("Put it in <answer></answer>.", ["<answer>{}</answer>"]),
        ("Put it in <label>positive</label>.", ["<label>{}</label>"]),
        ("Think in <think></think>, then answer.", []),
        ("Reason in <reasoning>...</reasoning>, put it in <final>...</final>.", ["<final>{}</final>"]),
        (r"Put it in \boxed{}.", [r"\boxed{{{}}}"]),
        ("Give it as 'Answer: ' and the letter.", ["Answer: {}"]),
        ("End with '#### ' and the number.", ["#### {}"]),
        ('End with "The answer is X."', ["The answer is {}."]),
        ("End with `Final: [your answer]`", ["Final: {}"]),
        ("What is a 'mission'?", []),
        ("He said 'no' and left. Is x: 3?", []),
        ("Fill in: {'a': 1}", []),
    ],
)
def test_the_form_that_prompts_ask_for_is_read_from_them(prompt, templates):
    rows = rows_of([{"prompt": f"{i} {prompt}", "answer": "1"} for i in range(4)])
    assert asked_templates(rows) == [template.format(MARK) for template in templates]


def test_a_form_that_few_prompts_ask_for_is_not_the_one_that_is_asked_for():
    rows = rows_of([{"prompt": "In <answer></answer>.", "answer": "1"}, *({"prompt": f"What is {i}?", "answer": "1"} for i in range(3))])
    assert asked_templates(rows) == []


def first_capital(completions, answer, **columns):
    found = [re.search(r"[A-D]", text) for text in completions]
    return [float(match is not None and match[0] == gold) for match, gold in zip(found, answer)]


def first_number(completions, answer, **columns):
    found = [re.search(r"\d+", text) for text in completions]
    return [float(match is not None and match[0] == gold) for match, gold in zip(found, answer)]


LETTERS = [{"prompt": f"Question {i}: A, B, C or D? Give it as 'Answer: ' and the letter.", "answer": "BCDBCD"[i]} for i in range(6)]
ASKED = {
    "the first capital is that of the asked word": ([{"name": "correct", "score": first_capital}], LETTERS, True),
    "the parser wants other words": (
        [{"name": "correct", "parse": {"regex": r"The answer is (\d+)"}, "score": {"number_match": "answer"}}], sums("End with '#### ' and the number."), True,
    ),
    "the parser wants a box": ([{"name": "correct", "parse": "boxed", "score": {"number_match": "answer"}}], sums("In <answer></answer>."), True),
    "the asked words are paid": ([{"name": "correct", "score": first_number}], sums("Give it as 'Answer: ' and the number."), False),
    "the asked words have a unit behind them": (
        [{"name": "correct", "parse": {"regex": r"Total: (\d+) pens"}, "score": {"number_match": "answer"}}], sums("End with 'Total: ' and the pens."), False,
    ),
    "the asked tag stands behind thinking": (
        [{"name": "correct", "parse": {"tag": "answer"}, "score": {"number_match": "answer"}, "gate": {"reward": "format", "at_least": 1.0}},
         {"name": "format", "weight": 0, "score": "think_answer_format"}], sums("Think in <think></think>, answer in <answer></answer>."), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_a_form_that_is_asked_for_and_not_paid_is_an_error(name):
    rewards, rows, unpaid = ASKED[name]
    assert ("asked_form_unpaid" in errors(rewards, rows)) == unpaid


def behind_hashes(completions, answer, **columns):
    found = [re.findall(r"^#### *(\d+)$", text, re.MULTILINE) for text in completions]
    return [float(numbers == [gold.rpartition("#### ")[2]]) for numbers, gold in zip(found, answer)]


def test_a_solution_that_ends_in_the_answer_is_not_the_answer_that_is_asked_for():
    rows = [{**row, "answer": f"It is {row['answer']}, as it must be.\n#### {row['answer']}"} for row in sums("End with '#### ' and the number.")]
    assert not errors([{"name": "correct", "score": behind_hashes}], rows) & {"asked_form_unpaid", "near_miss", "denied"}


@pytest.mark.parametrize("pattern", [r"-?\d+", r"[ABCD]", r"(?i)yes|no", r"\w+$", r"^Answer", r"Total: .*"])
def test_the_text_of_a_pattern_is_not_written_before_an_answer(pattern):
    assert not [template for template in of_texts([pattern]) if template.startswith((pattern, pattern.rstrip()))]


@pytest.mark.parametrize("text", ["Answer:", "#### ", "Result = ", "The total is ", "[["])
def test_a_plain_text_is(text):
    assert any(template.startswith(text.rstrip()) for template in of_texts([text]))


@pytest.mark.parametrize(
    ("template", "odd"),
    [("a {}", True), ("therefore {}", True), ("{}", False), ("The answer is {}.", False), ("Preis: {}", False), ("x = {}", False), ("<a>{}</a>", False), ("#### {}", False)],
)  # fmt: skip
def test_of_equal_forms_one_without_odd_words_is_chosen(template, odd):
    assert is_odd(template.format(MARK)) == odd


def standardised(completions, answer, **columns):
    raw = [float(text.strip() == gold) for text, gold in zip(completions, answer)]
    mean = sum(raw) / len(raw)
    spread = (sum((one - mean) ** 2 for one in raw) / len(raw)) ** 0.5
    return [(one - mean) / (spread + 1e-4) for one in raw]


def ranked(completions, answer, **columns):
    raw = [float(text.strip() == gold) for text, gold in zip(completions, answer)]
    return [sum(other < one for other in raw) / len(raw) for one in raw]


@pytest.mark.parametrize("function", [standardised, ranked])
def test_scores_that_change_with_the_batch_are_the_only_finding_of_their_reward(function):
    assert warnings([{"name": "correct", "score": function}], sums()) == {"depends_on_batch"}


def grows_with_the_error(completions, answer, **columns):
    scores = []
    for text, gold in zip(completions, answer):
        try:
            scores.append(min(1.0, abs(float(text.strip()) - float(gold)) / float(gold)))
        except ValueError:
            scores.append(0.0)
    return scores


def test_a_score_of_the_wrong_sign_is_not_said_never_to_vary():
    assert errors([{"name": "correct", "score": grows_with_the_error}], sums()) == {"wrong_answers_pay_more"}


def long_and_right(completions, answer, **columns):
    return [-1.0 if len(text) > 20000 and gold in text else 0.0 for text, gold in zip(completions, answer)]


CORRECT = {"name": "correct", "parse": {"tag": "answer"}, "score": {"number_match": "answer"}}
AT_ITS_LENGTH = {
    "soft_overlong behind a gate": {"score": {"soft_overlong": {"max_tokens": 900, "buffer_tokens": 300, "unit": "words"}}, "gate": {"reward": "correct", "at_least": 1.0}},
    "soft_overlong beyond all that is tried": {"score": {"soft_overlong": {"max_tokens": 32768, "buffer_tokens": 1000}}},
    "in characters": {"score": {"soft_overlong": {"max_tokens": 90000, "buffer_tokens": 10000, "unit": "characters"}}},
    "repetition behind a gate": {"score": {"repetition": {"n": 4, "unit": "words"}}, "gate": {"reward": "correct", "at_least": 1.0}},
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ITS_LENGTH)
def test_a_reward_that_varies_at_some_length_is_not_said_never_to_vary(name):
    assert "never_varies" not in warnings([CORRECT, {"name": "brief", "weight": 0.2, **AT_ITS_LENGTH[name]}], sums("In <answer></answer>."))


def test_a_gate_that_stays_closed_is_still_found():
    closed = {"name": "brief", "score": {"soft_overlong": {"max_tokens": 100, "buffer_tokens": 10}}, "gate": {"reward": "correct", "at_least": 2.0}}
    assert "gate_never_opens" in errors([CORRECT, closed], sums())


PENALTIES = {
    "repetition": {"repetition": {"n": 3, "unit": "words"}},
    "soft_overlong": {"soft_overlong": {"max_tokens": 9000, "buffer_tokens": 100}},
    "a function of ours": lambda completions, **columns: [-float("sorry" in text or text == "") for text in completions],
}


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_of_negative_weight_is_an_error(name):
    found = report([CORRECT, {"name": "cost", "weight": -0.5, "score": PENALTIES[name]}], sums())
    assert [finding.remedy for finding in found.findings if finding.kind == "penalty_pays"] == ["weight: 0.5"]


def test_a_penalty_of_positive_weight_and_a_bonus_of_negative_weight_are_none():
    rewards = [
        CORRECT,
        {"name": "cost", "weight": 0.5, "score": PENALTIES["repetition"]},
        {"name": "hedges", "weight": -0.2, "score": {"regex_match": "maybe"}},
    ]
    assert "penalty_pays" not in errors(rewards, sums())


def test_words_that_scorers_of_patterns_look_for_are_tried():
    rewards = [
        {"name": "right", "weight": 0, "parse": {"tag": "answer"}, "score": {"number_match": "answer"}},
        {"name": "polite", "weight": 0, "score": {"regex_match": r"(?i)\b(please|thank you)\b"}},
    ]
    for formula, pays in (("max(right, polite)", True), ("right * (0.8 + 0.2 * polite)", False)):
        assert ("keyword_stuffing" in errors([*rewards, {"name": "total", "score": {"formula": formula}}], sums("In <answer></answer>."))) == pays


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Rewrite it politely.\nSentence: Send me the file.", {"Sentence: Send me the file.", "Send me the file."}),
        ('Shorten "The long train is late again today" to three words.', {"The long train is late again today"}),
        ("Shorten 'The long train is late' please.", {"The long train is late"}),
        ("What is 2 + 2?", set()),
        ("It's Tom's and Ann's.", set()),
    ],
)
def test_the_passage_that_a_question_gives_is_tried_as_an_answer(question, found):
    assert set(passages(question).values()) == found


def test_copying_the_passage_is_found_where_it_is_much_like_the_target():
    pairs = [("Send me the file by noon.", "Please send me the file by noon."), ("Close the big window now.", "Please close the big window now."),
             ("Print ten copies of the report.", "Please print ten copies of the report."), ("Move your car from the gate.", "Please move your car from the gate.")]  # fmt: skip
    rows = [{"prompt": f"Rewrite it politely.\nSentence: {a}", "target": b} for a, b in pairs]
    assert "prompt_echo" in errors([{"name": "alike", "score": {"text_similarity": {"reference": "target"}}}], rows)


@pytest.mark.parametrize(
    ("golds", "alike"),
    [
        (["hypertension", "hypotension", "asthma"], "hypotension"),
        (["increase", "decrease", "stay"], "decrease"),
        (["the Nile", "Nile", "Amazon"], None),
        (["Paris", "Paris, France", "Rome"], None),
        (["120", "121", "7"], None),
        (["B", "C", "D"], None),
        (["Oslo", "Lima", "Rome"], None),
    ],
)
def test_the_answer_of_another_row_that_is_most_alike_is_a_near_miss(golds, alike):
    assert most_alike(golds, 0) == alike


TERMS = ["hypertension", "hypotension", "hyperglycemia", "hypoglycemia", "tachycardia", "anemia"]


def alike(completions, answer, **columns):
    return [float(difflib.SequenceMatcher(None, text.strip(), gold).ratio() > 0.8) for text, gold in zip(completions, answer)]


def spelled_alike(completions, answer, **columns):
    return [float(difflib.SequenceMatcher(None, text.strip(), gold).ratio() > 0.95) for text, gold in zip(completions, answer)]


@pytest.mark.parametrize(("function", "found"), [(alike, True), (spelled_alike, False)])
@pytest.mark.parametrize("terms", [TERMS, [*TERMS[::2], *TERMS[1::2]]], ids=["side by side", "apart"])
def test_an_answer_of_another_row_that_is_paid_like_the_right_one_is_an_error(function, found, terms):
    rows = [{"prompt": f"Term {i}?", "answer": term} for i, term in enumerate(terms)]
    assert bool(errors([{"name": "term", "score": function}], rows) & {"near_miss", "wrong_answer_paid"}) == found


def test_digits_behind_a_decimal_are_no_near_miss():
    assert "digits behind it" not in near_misses("76.5") and near_misses("76")["digits behind it"] == "767"
    rows = [{"prompt": f"Half of {n}?", "value": n / 2} for n in (153, 47, 91, 235, 67, 301)]
    assert errors([{"name": "right", "parse": "boxed", "score": {"number_match": {"reference": "value", "relative": 0.01}}}], rows) == set()


def test_a_list_may_be_the_answer_as_json_and_in_a_line():
    found = extractions(["fig", "plum"])
    assert found["as it is"] == "fig" and found["the list as JSON"] == '["fig", "plum"]' and found["the list in a line"] == "fig, plum"
    assert extractions(["fig"])["the list as JSON"] == '["fig"]' and "the list as JSON" not in extractions([])


@pytest.mark.parametrize(
    ("lists", "names"),
    [([["fig"], ["plum"]], ["fruit"]), ([["fig"], ["plum", "kiwi"]], ["fruit", "fruit (the list as JSON)", "fruit (the list in a line)"])],
)
def test_lists_are_answers_as_lists_where_some_row_has_several(lists, names):
    subject = subject_of(Rubric((Reward("right", reward_function(json_list, mode="batch")),)), [{"prompt": "?", "fruit": items} for items in lists])
    assert [source.name for source in Sources(subject.rows, [])._plain(["fruit"])] == names


def json_list(completions, **columns):
    import json

    scores = []
    for text, gold in zip(completions, columns["ordered"]):
        try:
            scores.append(float(json.loads(text) == gold))
        except ValueError:
            scores.append(0.0)
    return scores


def test_a_reward_that_compares_a_list_written_as_json_is_sound():
    rows = [
        {"prompt": f"Sort {b}, {a}. A JSON list only.", "ordered": [a, b]}
        for a, b in [("fig", "plum"), ("kiwi", "lime"), ("date", "pear"), ("acorn", "berry")]
    ]
    assert errors([{"name": "sorted", "score": json_list}], rows) == set()


GRADER = """def grade(sample, item):
    reply = sample.get("output_json")
    return float(isinstance(reply, dict) and reply.get("language") == item["language"])
"""


def test_a_key_of_the_reply_may_be_named_like_the_column():
    words = [("Bonjour", "French"), ("Hallo", "German"), ("Hola", "Spanish"), ("Ciao", "Italian")]
    rows = [{"prompt": f"Language of {word}? As JSON with key language.", "language": language} for word, language in words]
    assert errors([{"name": "language", "score": {"python_grader": {"source": GRADER, "engines": ["monty", "process"]}}}], rows) == set()


@pytest.mark.parametrize(("golds", "found"), [
    (["New York | NYC", "Tolstoy | Leo Tolstoy", "Nile | River Nile", "Mars"], True),
    (["New York||NYC", "Tolstoy||Leo Tolstoy", "Nile||River Nile", "Mars"], True),
    ([["New York", "NYC"], ["Tolstoy", "Leo Tolstoy"], ["Nile", "River Nile"], ["Mars"]], False),
    (["|x| + |y|", "|a - 3|", "||v||", "P(A|B)"], False),
])  # fmt: skip
def test_several_answers_in_one_text_are_an_error_where_one_alone_is_unpaid(golds, found):
    rows = [{"prompt": f"Question {i}?", "answer": gold} for i, gold in enumerate(golds)]
    assert ("alternatives_in_one_text" in errors([{"name": "right", "parse": {"tag": "answer"}, "score": {"exact_match": "answer"}}], rows)) == found


def test_references_that_a_scorer_cannot_read_are_named_though_no_right_answer_can_be_made_of_them():
    rows = [{"prompt": f"Question {i}?", "answer": 1 + i % 4} for i in range(8)]
    found = report([{"name": "choice", "score": {"multiple_choice": "answer"}}], rows)
    (finding,) = [finding for finding in found.at_least("error") if finding.kind == "reward_fails"]
    assert (finding.rows, finding.of) == (2, 8) and "rows 4, 8" in finding.evidence


def countdown(completions, numbers, target, **columns):
    scores = []
    for text, given, wanted in zip(completions, numbers, target):
        found = re.findall(r"\d+", text)
        total = sum(map(int, found)) if re.fullmatch(r"\d+(?: \+ \d+)+", text.strip()) else None
        scores.append(float(sorted(map(int, found)) == sorted(given) and total == wanted))
    return scores


def test_a_check_of_what_the_prompt_demands_is_not_blamed_for_paying_no_answer_that_can_be_made():
    rows = [
        {"prompt": f"Make {a + b + c} from {a}, {b} and {c}, each once.", "numbers": [a, b, c], "target": a + b + c}
        for a, b, c in [(2, 9, 31), (7, 4, 25), (11, 6, 8), (5, 19, 3)]
    ]
    found = report([{"name": "sum", "score": countdown}], rows)
    assert found.sound and "right_answer_unknown" in {finding.kind for finding in found.at_least(Severity.WARNING)}


def reverses_word(completions, word, **columns):
    return [float(text.strip() == given[::-1]) for text, given in zip(completions, word)]


def reverses_answer(completions, answer, **columns):
    return [float(text.strip() == given[::-1]) for text, given in zip(completions, answer)]


@pytest.mark.parametrize(("score", "column", "sound"), [(reverses_word, "word", True), (reverses_answer, "answer", False)])
def test_a_column_that_the_prompt_says_is_no_answer_unless_it_is_named_like_one(score, column, sound):
    rows = [{"prompt": f"Reverse the word {word}.", column: word} for word in ("planet", "silver", "garden", "window")]
    assert report([{"name": "reversed", "score": score}], rows).sound == sound


def names_of(parsed, people):
    return float(isinstance(parsed, dict) and parsed.get("people") == people)


def test_a_key_of_parsed_json_may_be_named_like_the_column_and_hold_a_list():
    rows = [
        {"prompt": f"People in: {a} met {b}. As JSON.", "people": [a, b]}
        for a, b in [("Ada", "Bob"), ("Cleo", "Dan"), ("Finn", "Gia"), ("Kim", "Leo")]
    ]
    assert errors([{"name": "people", "parse": "json", "score": reward_function(names_of)}], rows) == set()


def test_arguments_that_are_paid_one_by_one_are_no_near_miss():
    rows = [
        {"prompt": f"A table for {n} at {h}?", "call": [{"name": "book", "arguments": {"people": n, "hour": h}}]}
        for n, h in [(2, 18), (5, 20), (3, 19), (7, 21)]
    ]
    assert errors([{"name": "call", "score": {"tool_call_match": {"reference": "call", "mode": "by_argument"}}}], rows) == set()


def unreadable(completions, answer, **columns):
    return [float(text.strip() == f"~{gold}~!") for text, gold in zip(completions, answer)]


def test_a_reward_that_reads_the_answer_and_never_pays_it_is_still_an_error():
    assert "gold_makes_no_difference" in errors([{"name": "correct", "score": unreadable}], sums())


TYPES = [
    {"prompt": f"Write {name}(n).", "tests": [f"assert isinstance({name}(3), int)", f"assert {name}(5) is not None"]}
    for name in ("double", "triple", "cube", "negate")
]
APART = [{"prompt": f"Write {name}(n).", "tests": [f"assert abs({name}(3) - {a}) < 1e-6", f"assert abs({name}(5) - {b}) < 1e-6"]} for name, a, b in [("double", 6, 10), ("triple", 9, 15), ("cube", 27, 125)]]  # fmt: skip


def test_tests_that_any_program_passes_are_an_error_and_those_of_unknown_results_a_warning():
    rewards = [{"name": "passes", "parse": "code_block", "score": {"python_tests": {"reference": "tests", "engines": ["monty", "process"]}}}]
    assert errors(rewards, TYPES) == {"form_without_content"}
    found = report(rewards, APART)
    assert found.sound and "right_answer_unknown" in {finding.kind for finding in found.findings}


@pytest.mark.parametrize(
    ("columns", "programs"),
    [
        ({"tests": [{"input": str(n), "output": "YES" if n == 7 else "NO"} for n in range(4, 9)]}, ["print('NO')"]),
        ({"tests": [{"input": "1", "output": "2"}]}, []),
        ({"tests": ["assert f(1) == 0", "assert f(2) == 0", "assert f(3) == 5"]}, ["def f(*args, **kwargs):\n    return 0"]),
        ({"tests": ["assert f(1) == 1"]}, []),
    ],
)
def test_programs_of_one_result_are_made_of_tests_that_are_enough_to_tell(columns, programs):
    (row,) = rows_of([{"prompt": "Write it.", **columns}])
    assert cheats(row, False)["program_gives_constant"] == programs


# Sound rubrics that were blamed at first sight in sets E and F of the page, and flawed ones that were missed.


def test_aggregates_of_a_rubric_do_not_stop_its_audit():
    rubric = Rubric(
        (Reward("right", {"string_match": "answer"}, parse={"tag": "answer"}),), aggregates=({"accuracy": {"reward": "right", "label": "answer"}},)
    )
    found = audit(rubric, sums("In <answer></answer>."))
    assert found.sound and "check_stopped" not in {finding.kind for finding in found.findings}


IN_A_TAG = {
    "a tag of any name is no thinking": ({"tag": "total"}, "total", set()),
    "a tag of thinking is": ({"tag": {"name": "total", "thinking": "keep"}}, "total", {"gold_in_thinking", "cut_off_thinking"}),
}


@pytest.mark.parametrize("name", IN_A_TAG)
def test_the_tag_that_the_answer_stands_in_is_not_taken_for_thinking(name):
    parse, tag, found = IN_A_TAG[name]
    rewards = [
        {"name": "right", "parse": parse, "score": {"number_match": "answer"}},
        {"name": "sentence", "weight": 0.2, "gate": {"reward": "right", "at_least": 1.0}, "score": {"length_window": {"min_tokens": 5, "max_tokens": 40, "unit": "words"}}},
    ]  # fmt: skip
    assert errors(rewards, sums(f"A sentence with <{tag}></{tag}>.")) == found


TEXTS = [
    ("The ferry to Harris runs every two hours from May, now that the harbour has been dredged. Islanders had asked for it for years.", "Harris gets a ferry every two hours from May."),
    ("Bees prefer warm nectar, a team in Lund found. That may help greenhouses in winter.", "Lund's bees like warm nectar, which may help greenhouses."),
    ("Milk rose six percent in June. Drought in Normandy had raised the cost of feed.", "Drought in Normandy made milk six percent dearer."),
    ("A court in Turin let a chef keep his recipe. His former employer had claimed it.", "A chef may keep his recipe, a Turin court held."),
    ("The old bridge at Kehl was lifted by 40 centimetres. Container barges can pass now.", "Kehl's bridge was lifted for barges."),
    ("Oslo will teach chess in schools. A trial had raised marks in arithmetic.", "Oslo's schools will teach chess after a trial."),
]  # fmt: skip


@pytest.mark.parametrize(
    "scorer", [{"text_similarity": {"reference": "summary", "metric": "rouge_l"}}, {"token_f1": "summary"}], ids=["rouge_l", "token_f1"]
)
def test_a_comparison_of_all_of_a_response_is_not_blamed_for_counting_what_stands_around_the_answer(scorer):
    rows = [{"prompt": f"Summarise in a sentence:\n\n{text}", "summary": summary} for text, summary in TEXTS]
    window = {"length_window": {"min_tokens": 6, "max_tokens": 25, "unit": "words", "slack_tokens": 10}}
    assert not errors([{"name": "alike", "score": scorer}, {"name": "window", "weight": 0.2, "score": window}], rows) & {
        "honest_length_costs",
        "effort_costs",
    }


def costly_letters(completions, answer, **columns):
    found = [re.search(r"(\d+)\s*$", text) for text in completions]
    return [float(match is not None and match[1] == gold) - len(text) / 400 for match, text, gold in zip(found, completions, answer)]


def test_length_that_costs_more_than_being_right_is_worth_is_still_an_error():
    assert errors([{"name": "right", "score": costly_letters}], sums()) & {"honest_length_costs", "effort_costs", "length_without_bound"}


PASSAGES = [("Send me the file by noon.", "Please send me the file by noon."), ("Close the big window now.", "Please close the big window now."),
            ("Print ten copies of the report.", "Ten copies, please."), ("Move your car from the gate.", "Would you mind parking elsewhere?"),
            ("Bring two chairs.", "Could I have more seats?"), ("Wash the cups.", "I would like clean mugs, please."), ("Sit.", "Have a seat, please.")]  # fmt: skip


@pytest.mark.parametrize(("rows", "found"), [(PASSAGES[:3], True), (PASSAGES, False)], ids=["on most rows", "on two of seven"])
def test_copying_a_passage_that_is_much_like_the_target_on_few_rows_alone_is_no_error(rows, found):
    rows = [{"prompt": f"Rewrite it politely.\nSentence: {a}", "target": b} for a, b in rows]
    assert ("prompt_echo" in errors([{"name": "alike", "score": {"text_similarity": {"reference": "target"}}}], rows)) == found


def bare_equality(completions, answer, **columns):
    return [float(text == gold) for text, gold in zip(completions, answer)]


@pytest.mark.parametrize(
    ("score", "severity"),
    [({"string_check": "{{ item.answer }}"}, "warning"), ({"string_match": {"reference": "answer", "whitespace": "exact"}}, "error"), (bare_equality, "error")],
    ids=["a grader of OpenAI", "an option", "code"],
)  # fmt: skip
def test_a_trailing_newline_that_costs_all_is_an_error_but_in_a_grader_that_has_to_compare_it(score, severity):
    found = [
        finding
        for finding in report([{"name": "right", "score": score}], sums("The number only.")).findings
        if "trailing newline" in finding.evidence
    ]
    assert [finding.severity.value for finding in found] == [severity]


WORKED = {
    "behind ####": ("It is {0}, as 1 + 1 is 2.\n#### {0}", "string_match", True),
    "in a box": ("We add the two numbers up and get \\boxed{{{0}}}.", "string_match", True),
    "read by the scorer": ("It is {0}, as 1 + 1 is 2.\n#### {0}", "math_verify", False),
    "no working": ("{0}", "string_match", False),
}


@pytest.mark.parametrize("name", WORKED)
def test_a_worked_solution_as_the_reference_is_an_error_where_its_answer_alone_is_not_paid(name):
    text, scorer, unpaid = WORKED[name]
    rows = [{**row, "answer": text.format(row["answer"])} for row in sums("In <answer></answer>.")]
    rewards = [
        {"name": "right", "parse": {"tag": "answer"}, "score": {scorer: "answer"}},
        {"name": "tags", "weight": 0.1, "score": {"tag_count": {"names": ["answer"]}}},
    ]
    assert ("variant_unpaid" in errors(rewards, rows)) == unpaid


def test_a_reward_of_form_beside_the_answer_does_not_make_a_rubric_one_that_pays_parts():
    rewards = [
        {"name": "right", "parse": "boxed", "score": {"string_match": "answer"}},
        {"name": "box", "weight": 0.1, "score": {"regex_match": r"\\boxed\{.+\}"}},
    ]
    rows = [{**row, "answer": f"One adds them.\n{row['answer']} pens"} for row in sums("Box it.")]
    assert not subject_of(Rubric(tuple(Reward(**reward) for reward in rewards)), rows).graded


@pytest.mark.parametrize("routes", [2, 4])
def test_what_being_right_is_worth_is_compared_with_the_rewards_of_the_row_alone(routes):
    rewards = [
        {"name": f"right_{i}", "when": {"kind": f"k{i}"}, "parse": {"tag": "answer"}, "score": {"number_match": "answer"}} for i in range(routes)
    ]
    rows = [{**row, "kind": f"k{i % routes}"} for i, row in enumerate(sums("In <answer></answer>.") * 2)]
    tags = {"name": "tags", "weight": 0.1, "score": {"tag_count": {"names": ["answer"]}}}
    assert "form_outweighs_answer" not in warnings([*rewards, tags], rows)
    assert "form_outweighs_answer" in errors([*rewards, {**tags, "weight": 5.0}], rows)


STAYS = [{"prompt": f"JSON with city and nights: {nights} nights in {city}", "city": city, "nights": str(nights)} for city, nights in
         [("Bern", 2), ("Oslo", 7), ("Rome", 3), ("Lyon", 1), ("Cork", 5), ("Bali", 10)]]  # fmt: skip
FIELDS = {
    "graders": [{"name": name, "score": {"string_check": {"reference": f"{{{{ item.{name} }}}}", "input": f"{{{{ sample.output_json.{name} }}}}"}}} for name in ("city", "nights")],
    "graders of an object in the object": [
        {"name": name, "score": {"string_check": {"reference": f"{{{{ item.{name} }}}}", "input": f"{{{{ sample.output_json.stay.{name} }}}}"}}} for name in ("city", "nights")
    ],
    "parsers": [{"name": name, "parse": {"json_value": name}, "score": {"string_match": name}} for name in ("city", "nights")],
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_rewards_that_each_read_a_field_of_the_reply_are_answered_in_one_object(name):
    assert errors(FIELDS[name], STAYS) == set()


def of_the_length(parsed, letters):
    return float(parsed is not None and len(parsed) == letters)


@pytest.mark.parametrize(("weight", "severity"), [(0.1, "warning"), (3.0, "error")])
def test_a_reward_beside_the_answer_that_pays_other_rows_answers_is_an_error_where_the_total_does(weight, severity):
    rows = [{"prompt": f"Crossword: {clue} ({len(word)})", "word": word, "letters": len(word)} for clue, word in
            [("pet", "cat"), ("frozen", "ice"), ("large", "big"), ("light", "day"), ("king", "lion"), ("way", "road"), ("sheep", "lamb"), ("tool", "pen")]]  # fmt: skip
    found = report([{"name": "right", "parse": {"tag": "word"}, "score": {"string_match": "word"}},
                    {"name": "fits", "weight": weight, "parse": {"tag": "word"}, "score": reward_function(of_the_length)}], rows)  # fmt: skip
    assert {finding.severity.value for finding in found.findings if finding.kind == "wrong_answer_paid"} == {severity}


def behind_thinking(completions, answer, **columns):
    found = [re.findall(r"<answer>(.*?)</answer>", text.split("</think>")[-1]) for text in completions]
    return [float(numbers == [gold]) for numbers, gold in zip(found, answer)]


def anywhere(completions, answer, **columns):
    found = [re.findall(r"<answer>(.*?)</answer>", text) for text in completions]
    return [float(numbers == [gold]) for numbers, gold in zip(found, answer)]


def first_anywhere(completions, answer, **columns):
    found = [re.search(r"<answer>(.*?)</answer>", text) for text in completions]
    return [float(match is not None and match[1] == gold) for match, gold in zip(found, answer)]


def test_code_that_looks_behind_the_thinking_is_warned_of_thinking_that_never_ends():
    rows = sums("In <answer></answer>.")
    assert errors([{"name": "right", "score": behind_thinking}], rows) == set()
    assert "cut_off_thinking" in warnings([{"name": "right", "score": behind_thinking}], rows)
    assert "gold_in_thinking" in warnings([{"name": "right", "score": anywhere}], rows)
    assert "gold_in_thinking" in errors([{"name": "right", "score": first_anywhere}], rows)


def exits_with_zero(parsed, test):
    done = subprocess.run([sys.executable, "-c", f"{parsed}\n{test}"], capture_output=True, timeout=300)
    return float(parsed is not None and done.returncode == 0)


def test_a_column_of_tests_may_have_any_name():
    rows = [
        {"prompt": f"Write {name}(x).", "test": f"assert {name}(2) == {2 * n}\nassert {name}(5) == {5 * n}"}
        for n, name in enumerate(("twice", "thrice"), 2)
    ]
    found = errors([{"name": "tests", "parse": "code_block", "score": reward_function(exits_with_zero)}], rows)
    assert "program_exits" in found and "check_stopped" not in found


def lower_case(response):
    return float(response == response.lower())


@pytest.mark.parametrize(
    ("score", "severity"), [("instruction_following", "warning"), (reward_function(lower_case), "error")], ids=["instructions of the prompt", "code"]
)
def test_instructions_that_a_hollow_response_follows_are_a_warning(score, severity):
    wanted = [("Write in small letters.", "change_case:english_lowercase"), ("Use no comma.", "punctuation:no_comma")]
    rows = [{"prompt": f"{i}: {text}", "instruction_id_list": [name], "kwargs": [{}]} for i in range(4) for text, name in wanted]
    found = report([{"name": "follows", "score": score}], rows).findings
    assert {finding.severity.value for finding in found if finding.kind == "form_without_content"} == {severity}


def share_of_cells(parsed, grid):
    given, wanted = (parsed or "").split(), grid.split()
    return sum(a == b for a, b in zip(given, wanted)) / len(wanted) / 2 * (1 + float(given == wanted)) if len(given) == len(wanted) else 0.0


def cells_anywhere(completions, grid, **columns):
    return [float(gold in text) for text, gold in zip(completions, grid)]


@pytest.mark.parametrize(
    ("rewards", "found"),
    [
        ([{"name": "cells", "parse": {"tag": "grid"}, "score": reward_function(share_of_cells)}], False),
        ([{"name": "cells", "score": cells_anywhere}], True),
    ],
    ids=["the last of the list", "any of the list"],
)
def test_a_list_of_candidates_that_earns_what_its_last_one_earns_alone_is_no_error(rewards, found):
    grids = ["1 2 3\n2 3 1\n3 1 2", "2 1 3\n1 3 2\n3 2 1", "3 1 2\n1 2 3\n2 3 1", "2 3 1\n3 1 2\n1 2 3", "1 3 2\n2 1 3\n3 2 1", "3 2 1\n2 1 3\n1 3 2"]
    rows = [{"prompt": f"Latin square {i}, in <grid></grid>.", "grid": grid} for i, grid in enumerate(grids)]
    assert ("candidates_listed" in errors(rewards, rows)) == found


def interval_holds(parsed, truth):
    if parsed is None:
        return 0.0
    low, high = (int(number) for number in re.findall(r"\d+", parsed))
    return float(low <= truth <= high) / (1 + abs(high - low))


@pytest.mark.parametrize(
    ("pattern", "score", "found"),
    [(r"between (\d+ and \d+)", reward_function(interval_holds), set()), (r"between ([A-Z]+)", "number_match", {"gold_makes_no_difference"})],
    ids=["code", "a scorer of ours"],
)
def test_what_a_pattern_does_not_take_as_it_is_in_the_row_is_an_answer_that_is_not_known(pattern, score, found):
    rows = [{"prompt": f"How many are {i}? 'between A and B'", "truth": 7 * i + 3} for i in range(8)]
    score = {score: "truth"} if isinstance(score, str) else score
    assert errors([{"name": "range", "parse": {"regex": pattern}, "score": score}], rows) == found
