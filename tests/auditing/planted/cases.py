"""The planted rubrics: what each is made of, the rows that fit it, and for flawed ones the findings that name the flaw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["FLAWED", "SOUND", "Case"]

BATCH = "batch"


@dataclass(frozen=True)
class Case:
    """A rubric with a known flaw, or without one.

    Attributes:
        name: of the case.
        rewards: as in a rubric file; `FILE:name` is a function of flawed.py or sound.py.
        rows: kinds of rows that fit it.
        found: for a flawed one, the findings any of which names its flaw.
        exploit: its number in the list of published exploits, where it is one.
        hint: what prompts ask for.
    """

    name: str
    rewards: list[dict[str, Any]]
    rows: tuple[str, ...] = ("sums",)
    found: frozenset[str] = field(default_factory=frozenset)
    exploit: int | None = None
    hint: str = ""


def function(name: str, weight: float = 1.0, mode: str | None = BATCH, **options: Any) -> dict[str, Any]:
    spec: Any = {"path": f"FILE:{name}", **({"mode": mode} if mode else {})}
    return {"name": name, "weight": weight, "score": {"function": spec}, **options}


def native(name: str, score: Any, parse: Any = None, weight: float = 1.0, **options: Any) -> dict[str, Any]:
    return {"name": name, "weight": weight, "score": score, **({"parse": parse} if parse else {}), **options}


def flawed(
    name: str,
    *kinds: str,
    rows: tuple[str, ...] = ("sums",),
    exploit: int | None = None,
    rewards: list[dict[str, Any]] | None = None,
    mode: str | None = BATCH,
    hint: str = "",
) -> Case:
    return Case(name, rewards or [function(name, mode=mode)], rows, frozenset(kinds), exploit, hint)


TEXT = ("sums", "capitals", "stories")
WORDS = ("capitals", "works")
CORRECT = native("correct", {"string_match": "answer"}, {"tag": "answer"})

THINK = "Think in <think></think> first."

FLAWED = [
    flawed("empty_is_in_reference", "empty", "format_only", rows=TEXT, exploit=1),
    flawed("any_of_the_words", "candidates_listed", rows=TEXT, exploit=2),
    flawed("greedy_tag", "candidates_listed", rows=TEXT, exploit=2),
    flawed("contains_the_answer", "candidates_listed", rows=TEXT, exploit=3),
    flawed("half_for_containing", "candidates_listed", rows=TEXT, exploit=3),
    flawed("share_of_what_was_said", "candidates_listed", "two_answers", rows=TEXT, exploit=3, mode=None),
    flawed("r1_format", "form_without_content", rows=TEXT, exploit=4),
    flawed("four_quarters", "form_without_content", rows=TEXT, exploit=4),
    flawed("every_tag_pays", "repeated_tags", rows=TEXT, exploit=4),
    flawed("steps", "form_without_content", rows=("stories", "sums"), exploit=5),
    flawed("works_it_out", "runs_model_text", "copied_expression", rows=("sums",), exploit=6),
    flawed("sums_count_as_numbers", "copied_expression", rows=("sums",), exploit=6),
    flawed("box_anywhere", "gold_in_thinking", rows=TEXT, exploit=7, hint=THINK),
    flawed("first_of_all_tags", "gold_in_thinking", rows=TEXT, exploit=7),
    flawed("answer_is", "denied", rows=TEXT, exploit=8),
    flawed("last_number", "denied", "gold_in_thinking", rows=("sums", "stories"), exploit=8),
    flawed("about_right", "near_miss", rows=("sums", "stories"), exploit=9),
    flawed("sign_does_not_matter", "near_miss", rows=("sums", "stories"), exploit=9),
    flawed("begins_like_it", "near_miss", rows=TEXT, exploit=9),
    flawed("first_letter", "near_miss", rows=WORDS, exploit=9),
    flawed("to_the_letter", "variant_unpaid", rows=TEXT, exploit=10),
    flawed("thinking_of_one_line", "variant_unpaid", rows=TEXT, exploit=10),
    flawed("never_matches", "gold_makes_no_difference", "never_varies", rows=("sums", "stories"), exploit=10),
    flawed("likes_openers", "master_key", rows=TEXT, exploit=11),
    flawed("believes_verdicts", "injected_verdict", rows=TEXT, exploit=12),
    flawed("likes_praise", "flattery", rows=TEXT, exploit=12),
    flawed("says_the_words", "keyword_stuffing", rows=TEXT, exploit=13),
    flawed("lines_in_pairs", "program_prints_expected", rows=("streams",), exploit=14),
    flawed("no_error_is_success", "program_exits", rows=("functions",), exploit=15),
    flawed("says_passed", "program_exits", "program_prints_expected", rows=("functions",), exploit=15),
    flawed("equal_in_the_same_process", "runs_model_text", "program_exits", "program_patches_comparison", rows=("functions",), exploit=15),
    flawed("always_one", "never_varies", rows=TEXT, exploit=16),
    Case(
        "form_outweighs",
        [native("correct", {"string_match": "answer"}, {"tag": "answer"}, 0.1), native("format", "think_answer_format", weight=1.0)],
        TEXT,
        frozenset({"form_outweighs_answer"}),
        17,
    ),
    flawed("the_longer_the_better", "padding", rows=TEXT, exploit=18),
    flawed("cosine_goes_round", "padding", rows=TEXT, exploit=18),
    flawed("each_letter_costs", "honest_length_costs", "effort_costs", rows=TEXT, exploit=18),
    flawed("giving_up_is_cheap", "effort_costs", rows=TEXT, exploit=19),
    flawed("no_reference_no_error", "broken_reference_pays", rows=TEXT, exploit=20),
    flawed("server_down_is_zero", "failure_scored", rows=("sums",), exploit=21),
    flawed("whatever_happens_is_zero", "failure_scored", rows=TEXT, exploit=21, mode=None),
    flawed("bare_except", "failure_scored", rows=TEXT, exploit=21),
    flawed("far_from_twenty", "form_without_content", "padding", "length_without_bound", rows=TEXT, exploit=22),
    flawed("coin", "not_deterministic", rows=TEXT, exploit=23),
    flawed("noisy", "not_deterministic", rows=TEXT, exploit=23),
    flawed("fades", "not_deterministic", rows=TEXT),
    flawed("against_the_batch", "depends_on_batch", rows=TEXT),
    flawed("first_of_its_kind", "depends_on_batch", rows=TEXT),
    flawed("changes_the_column", "changes_its_input", rows=TEXT),
    flawed("raises_without_an_answer", "response_breaks_reward", rows=TEXT),
    flawed("one_score_too_few", "reward_fails", rows=TEXT),
    flawed("not_a_number", "reward_fails", "response_breaks_reward", rows=TEXT),
    flawed("some_value_of_the_json", "json_keys", "candidates_listed", rows=TEXT),
    flawed("letter_somewhere", "candidates_listed", "prompt_echo", rows=("choices",)),
    flawed("repeats_the_question", "prompt_echo", rows=("stories", "capitals")),
    flawed("the_answer_is_ignored", "gold_makes_no_difference", rows=TEXT),
    flawed("less_is_more", "wrong_answers_pay_more", rows=TEXT),
    flawed("split_at_tags", "gold_in_thinking", "cut_off_thinking", rows=TEXT, exploit=7, hint=THINK),
    flawed("digits_pay", "never_varies", "form_without_content", rows=("sums",)),
    flawed("some_number_is_it", "candidates_listed", rows=("sums", "stories"), exploit=3),
    flawed("starts_with_it", "near_miss", rows=TEXT, exploit=9),
    flawed("ends_with_it", "near_miss", "denied", rows=TEXT, exploit=9),
    flawed("recall_of_words", "candidates_listed", rows=("works",), exploit=3),
    flawed("digits_alone", "near_miss", "candidates_listed", rows=("sums", "stories"), exploit=9),
    flawed("excited", "keyword_stuffing", rows=TEXT, exploit=13),
    flawed("distance_to_number", "empty", "refusal", rows=("sums", "stories"), exploit=19),
    flawed("half_for_no_number", "empty", "failure_scored", rows=("sums",), exploit=20),
    flawed("words_count", "padding", rows=TEXT, exploit=18),
    flawed("none_for_wrong", "wrong_answers_skipped", rows=TEXT),
    flawed("none_for_silence", "wrong_answers_skipped", rows=TEXT),
    flawed("right_and_long", "length_without_bound", rows=TEXT, exploit=18),
    flawed("year_and_month", "near_miss", rows=("dates",), exploit=9),
    flawed("remembers", "not_deterministic", rows=TEXT, exploit=23),
    flawed("less_the_mean", "depends_on_batch", rows=TEXT),
    flawed("reads_ratings", "injected_verdict", rows=TEXT, exploit=12),
    flawed("one_line_break_each", "gold_makes_no_difference", "variant_unpaid", "never_varies", rows=TEXT, exploit=10),
    flawed("whole_batch_is_zero", "failure_scored", rows=TEXT, exploit=21),
    Case(
        "contains_any_case",
        [
            native("correct", {"string_match": {"contains": "{{references.answer}}", "ignore_case": True}}),
            native("format", "think_answer_format", weight=0.2),
        ],
        TEXT,
        frozenset({"candidates_listed"}),
        3,
    ),
    Case("ilike", [native("correct", {"string_check": {"reference": "answer", "operation": "ilike"}})], WORDS, frozenset({"candidates_listed"}), 3),
    Case(
        "long_steps",
        [native("correct", {"number_match": "answer"}, {"tag": "answer"}, 0.3), native("steps", {"reasoning_steps": {"steps": 10}}, weight=1.0)],
        ("sums", "stories"),
        frozenset({"form_without_content"}),
        5,
    ),
    Case(
        "far_off",
        [native("correct", {"number_match": {"reference": "answer", "absolute": 30}}, {"tag": "answer"})],
        ("sums",),
        frozenset({"near_miss"}),
        9,
    ),
    Case("loose_pattern", [native("correct", {"regex_match": r"answer is.*{{references.answer}}"})], TEXT, frozenset({"candidates_listed"}), 3),
    Case(
        "open_end",
        [native("correct", {"number_match": "answer"}, ["boxed", {"regex": r"(-?\d+)\s*$"}])],
        ("sums", "stories"),
        frozenset({"denied"}),
        8,
    ),
    # Rubric files without any code
    Case("contains", [native("correct", {"string_match": {"contains": "{{references.answer}}"}})], TEXT, frozenset({"candidates_listed"}), 3),
    Case(
        "contains_in_tag",
        [native("correct", {"string_match": {"contains": "{{references.answer}}"}}, {"tag": "answer"})],
        TEXT,
        frozenset({"candidates_listed"}),
        2,
    ),
    Case("pattern_not_anchored", [native("correct", {"regex_match": "{{references.answer}}"})], TEXT, frozenset({"candidates_listed"}), 3),
    Case(
        "pattern_in_tag",
        [native("correct", {"regex_match": r"\b{{references.answer}}\b"}, {"tag": "answer"})],
        TEXT,
        frozenset({"candidates_listed"}),
        2,
    ),
    Case(
        "reads_thinking",
        [native("correct", {"string_match": "answer"}, {"tag": {"name": "answer", "thinking": "keep"}})],
        TEXT,
        frozenset({"gold_in_thinking"}),
        7,
    ),
    Case(
        "box_in_thinking",
        [native("correct", {"math_verify": {"reference": "answer", "allow_think": True}}, {"identity": {"thinking": "keep"}})],
        ("sums",),
        frozenset({"gold_in_thinking", "cut_off_thinking"}),
        7,
    ),
    Case(
        "denial_allowed",
        [native("correct", {"math_verify": {"reference": "answer", "allow_denied": True}})],
        ("sums",),
        frozenset({"denied", "denied_before_mark"}),
        8,
    ),
    Case(
        "copies",
        [native("correct", {"math_verify": {"reference": "answer", "allow_unevaluated": True, "allow_copied": True}})],
        ("sums",),
        frozenset({"copied_expression"}),
        6,
    ),
    Case(
        "wide_tolerance",
        [native("correct", {"number_match": {"reference": "answer", "relative": 0.9}}, {"tag": "answer"})],
        ("sums", "stories"),
        frozenset({"near_miss"}),
        9,
    ),
    Case(
        "negative_weight", [native("correct", {"string_match": "answer"}, {"tag": "answer"}, -1.0)], TEXT, frozenset({"wrong_answers_pay_more"}), 22
    ),
    Case(
        "wrong_is_paid",
        [native("correct", {"string_match": {"reference": "answer", "correct": 0.0, "wrong": 1.0}}, {"tag": "answer"})],
        TEXT,
        frozenset({"wrong_answers_pay_more"}),
        22,
    ),
    Case(
        "closed_gate",
        [
            CORRECT,
            native(
                "short",
                {"length_window": {"min_tokens": 1, "max_tokens": 200, "unit": "words"}},
                weight=0.3,
                gate={"reward": "correct", "at_least": 2.0},
            ),
        ],
        TEXT,
        frozenset({"gate_never_opens"}),
    ),
    Case(
        "clipped_flat",
        [native("correct", {"string_match": "answer"}, {"tag": "answer"}, clip=[1.0, 2.0])],
        TEXT,
        frozenset({"gold_makes_no_difference", "never_varies"}),
        16,
    ),
    Case(
        "length_pays",
        [
            native("correct", {"string_match": "answer"}, {"tag": "answer"}, 0.3),
            native("long", {"length_window": {"min_tokens": 150, "max_tokens": 9000, "unit": "words"}}, weight=1.0),
        ],
        TEXT,
        frozenset({"padding"}),
        18,
    ),
    Case("no_such_column", [native("correct", {"string_match": "gold_answer"}, {"tag": "answer"})], TEXT, frozenset({"columns_do_not_fit"})),
    Case(
        "empty_format",
        [native("format", {"regex_match": "(?s)<think>.*</think>.*<answer>.*</answer>"})],
        TEXT,
        frozenset({"form_without_content"}),
        4,
    ),
]

PERSON = {
    "type": "object",
    "required": ["name", "age", "city"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "additionalProperties": False,
}
SNIPPET = """import re

def evaluate(example, response):
    text = response["parts"][0]["text"].split("</think>")[-1]
    found = re.fullmatch(r"\\s*<result>([^<]*)</result>\\s*", text)
    return 1.0 if found and found[1].strip() == example["references"]["answer"] else 0.0
"""
GRADER = """def grade(sample, item):
    return 1.0 if sample["output_text"].strip() == item["answer"] else 0.0
"""
_MATH = native("correct", {"math_verify": "answer"})
SOUND = [
    Case("only_tag", [function("only_tag")], TEXT),
    Case("plus_and_minus", [function("one_of_plus_and_minus")], TEXT),
    Case("pointwise", [function("pointwise", mode=None)], TEXT),
    Case("waits", [function("waits")], TEXT),
    Case("same_number", [function("same_number")], ("sums", "stories")),
    Case("within_a_percent", [function("within_a_percent")], ("sums", "stories")),
    Case("any_case", [function("any_case")], TEXT + ("works",)),
    Case("exact_response", [function("exact_response")], TEXT),
    Case("last_line", [function("last_line")], TEXT),
    Case("hash_marks", [function("hash_marks")], TEXT),
    Case("one_box", [function("one_box")], TEXT),
    Case("json_result", [function("json_result")], TEXT),
    Case("one_letter", [function("one_letter")], ("choices",)),
    Case("tag_and_format", [function("only_tag"), function("with_format", 0.2)], TEXT),
    Case("clamped_cosine", [function("clamped_cosine")], TEXT),
    Case("clamped_overlong", [function("only_tag"), function("clamped_overlong", 0.3)], TEXT),
    Case("f1_of_words", [function("f1_of_words")], ("works",)),
    Case("runs_tests", [function("runs_tests")], ("functions",)),
    # Rubric files without any code
    Case("tag", [CORRECT], TEXT + ("works",)),
    Case(
        "tag_ignore_case", [native("correct", {"string_match": {"reference": "answer", "ignore_case": True, "wrong": -1}}, {"tag": "answer"})], WORDS
    ),
    Case("number", [native("correct", {"number_match": "answer"}, {"tag": "answer"})], ("sums", "stories")),
    Case("number_in_box", [native("correct", {"number_match": {"reference": "answer", "relative": 0.01}}, "boxed")], ("sums", "stories")),
    Case("hashes", [native("correct", {"number_match": "answer"}, {"after": "####"})], ("sums", "stories")),
    Case("pattern", [native("correct", {"number_match": "answer"}, {"regex": r"Final answer: (-?\d+)\b"})], ("sums", "stories")),
    Case("math", [_MATH], ("sums", "stories")),
    Case(
        "math_boxed",
        [
            native("correct", {"math_verify": {"reference": "answer", "extract": "boxed"}}),
            native("length", {"soft_overlong": {"max_tokens": 1024, "buffer_tokens": 256}}, weight=0.2),
        ],
        ("sums",),
    ),
    Case("words", [native("correct", {"exact_match": "answer"}, {"tag": "answer"})], WORDS),
    Case("f1", [native("correct", {"token_f1": "answer"}, {"tag": "answer"})], ("works",)),
    Case("choice", [native("correct", {"multiple_choice": "answer"})], ("choices",)),
    Case(
        "choice_in_tag",
        [native("correct", {"multiple_choice": "answer"}, {"tag": "answer"}), native("format", "think_answer_format", weight=0.3)],
        ("choices",),
    ),
    Case("object", [native("correct", {"json_match": {"reference": "answer", "extra_fields": False}}, "json")], ("objects",)),
    Case("object_whole", [native("correct", {"json_match": {"reference": "answer", "all_or_nothing": True}}, "json")], ("objects",)),
    Case("programs", [native("correct", {"python_tests": "tests"}, "code_block")], ("functions",)),
    Case("streams", [native("correct", {"python_tests": "tests"}, "code_block")], ("streams",)),
    Case(
        "answer_and_format",
        [native("correct", {"string_match": "answer"}, {"tag": "answer"}), native("format", "think_answer_format", weight=0.3)],
        TEXT,
    ),
    Case("answer_and_tags", [CORRECT, native("tags", {"tag_count": {"names": ["think", "answer"]}}, weight=0.2)], TEXT),
    Case(
        "thinking_first", [native("correct", {"number_match": "answer"}, "boxed"), native("format", "think_format", weight=0.2)], ("sums", "stories")
    ),
    Case("cosine", [native("correct", {"cosine_length": {"right": {"string_match": "answer"}, "max_tokens": 512}}, {"tag": "answer"})], TEXT),
    Case("group_length", [CORRECT, native("brief", {"group_length": {"right": {"string_match": "answer"}}}, {"tag": "answer"}, 0.2)], TEXT),
    Case("repetition", [CORRECT, native("repetition", {"repetition": {"n": 3, "penalty": -1.0}}, weight=0.2)], TEXT),
    Case(
        "gated",
        [CORRECT, native("short", {"length_window": {"min_tokens": 1, "max_tokens": 200, "unit": "words"}}, weight=0.2, gate={"reward": "correct"})],
        TEXT,
    ),
    Case(
        "metrics", [CORRECT, native("boxed", {"regex_match": "boxed"}, weight=0), native("words", {"token_f1": "answer"}, {"tag": "answer"}, 0)], TEXT
    ),
    Case("whole_response", [native("correct", {"string_match": "answer"})], TEXT),
    Case("full_pattern", [native("correct", {"regex_match": {"pattern": r"\s*{{references.answer}}\s*", "mode": "full"}}, {"tag": "answer"})], TEXT),
    Case("strict_format", [native("format", "think_answer_format")], TEXT),
    Case("strict_tags", [native("tags", {"tag_count": {"names": ["think", "answer"]}})], TEXT),
    Case("after_thinking", [native("correct", {"string_match": "answer"}, [{"after": "</think>"}, {"tag": "answer"}])], TEXT),
    Case("tools", [native("correct", {"tool_call_match": "calls"})], ("tools",)),
    Case("tools_by_argument", [native("correct", {"tool_call_match": {"reference": "calls", "mode": "by_argument", "ordered": False}})], ("tools",)),
    Case("argument", [native("correct", {"string_match": "city"}, {"tool_call": "tool_calls[0].arguments.city"})], ("tools",)),
    Case(
        "argument_graded",
        [native("correct", {"string_check": {"reference": "{{ item.city }}", "input": "{{ sample.output_tools[0].function.arguments.city }}"}})],
        ("tools",),
    ),
    Case(
        "field_graded",
        [native("correct", {"string_check": {"reference": "{{ item.answer }}", "input": "{{ sample.output_json.result }}"}})],
        ("capitals",),
    ),
    Case("field_alike", [native("correct", {"text_similarity": {"reference": "answer", "input": "{{ sample.output_json.name }}"}})], ("works",)),
    Case("field", [native("correct", {"string_match": "answer"}, {"json_value": "result"})], TEXT),
    Case("alike", [native("correct", {"text_similarity": {"reference": "answer", "metric": "rouge_l"}}, {"tag": "answer"})], ("works",)),
    Case("instructions", [native("correct", {"instruction_following": "instruction_id_list"})], ("instructions",)),
    Case("any_spelling", [native("correct", {"string_match": "answer"}, {"tag": "answer"})], ("spellings",)),
    Case("any_spelling_boxed", [native("correct", {"exact_match": "answer"}, "boxed")], ("spellings",)),
    Case("nested_reference", [native("correct", {"number_match": "{{references.answer.ground_truth}}"}, "boxed")], ("nested",)),
    Case("nested_math", [native("correct", {"math_verify": {"reference": "{{references.answer.ground_truth}}"}})], ("nested",)),
    Case(
        "solution_read",
        [native("correct", {"number_match": {"reference": {"column": "answer", "parse": {"after": "####"}}}}, {"after": "####"})],
        ("solutions",),
    ),
    Case(
        "solution_boxed",
        [native("correct", {"math_verify": {"reference": {"column": "answer", "parse": {"after": "####"}}, "extract": "boxed"}})],
        ("solutions",),
    ),
    Case("snippet", [native("correct", {"python_reward": SNIPPET})], ("capitals",)),
    Case("graded_by_python", [native("correct", {"python_grader": GRADER})], ("capitals",)),
    Case("extracted", [native("correct", {"string_match": "answer"}, {"regex_extract": "<ans>(.*?)</ans>"})], TEXT),
    Case("lead_in", [native("correct", {"string_match": {"reference": "answer", "ignore_case": True}}, {"after": "Answer:"})], TEXT),
    Case(
        "form_of_answer",
        [
            native("correct", {"number_match": "answer"}, {"tag": "answer"}),
            native("format", "think_answer_format", weight=0.3),
            native(
                "brief",
                {"soft_overlong": {"max_tokens": 100, "buffer_tokens": 60, "unit": "words"}},
                weight=0.2,
                gate={"reward": "correct", "at_least": 1.0},
            ),
        ],
        ("sums", "stories"),
    ),
    Case(
        "computed",
        [
            CORRECT,
            native("brief", {"length_window": {"min_tokens": 1, "max_tokens": 300, "unit": "words"}}, weight=0),
            native("total", {"formula": "0.9 * correct + 0.1 * correct * brief"}),
        ],
        TEXT,
    ),
    Case(
        "object_with_schema",
        [native("correct", {"json_match": "answer"}, "json"), native("valid", {"json_schema": {"schema": PERSON}}, "json", 0.2)],
        ("objects",),
    ),
    Case("behind_the_thinking", [function("behind_the_thinking")], TEXT),
    Case("last_hashes", [function("last_hashes")], ("sums", "stories")),
    Case("fields_of_object", [function("fields_of_object")], ("objects",)),
    Case("call_with_answer", [function("call_with_answer")], TEXT),
    Case("none_without_reference", [function("none_without_reference")], TEXT),
    Case("not_too_long", [function("behind_the_thinking"), function("not_too_long", 0.5)], TEXT),
    Case("hashes_of_a_solution", [function("hashes_of_a_solution")], ("solutions",)),
    Case("calls_as_told", [function("calls_as_told")], ("tools",)),
    Case("one_of_a_text_list", [function("one_of_a_text_list")], ("spellings_as_text",)),
    Case("steps_a_little", [CORRECT, native("steps", {"reasoning_steps": {"steps": 3}}, weight=0.1)], TEXT),
]
