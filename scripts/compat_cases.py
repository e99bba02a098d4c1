"""Inputs on which scripts/compat_differences.py compares Reward Kit 0.4.1 with rl_rewards.compat.reward_kit, and why they differ where they do.

A case is (function, arguments, response, reason): `reason` is a key of REASONS where the two differ, or None where they agree.
"""

from __future__ import annotations

from typing import Any

REASONS = {
    "decimal point": "0.4.1 drops the decimal point before it compares: 4.0 is 40 to it, and not 4",
    "near is wrong": "0.4.1 pays for a number that is near; an answer is right or wrong here, unless a tolerance is given",
    "words in words": "0.4.1 compares sets of words, or finds the reference anywhere, also where the response denies it",
    "mathematics": "0.4.1 knows no mathematics beyond numbers: expressions, roots and tuples are wrong to it even against themselves",
    "one answer": "0.4.1 refuses a response with several numbers; here the final answer counts: in its tag, the last box, the last statement",
    "wrong is valid": "0.4.1 marks an ordinary 0 as not valid; a wrong answer is the policy's and its score valid, or nobody could learn from it",
    "whole form": "0.4.1 looks at the beginning of the response, so that more may follow; tags occur once and the whole response matches here",
    "tags once": "0.4.1 takes <thinking> for the tag think and counts repeated tags; here each half occurs once, in order, with content between",
    "steps with words": "0.4.1 counts markers; a step is a line with words of its own here, so that empty and repeated lines earn nothing",
    "short texts": "0.4.1 counts a size of n-gram with its full weight as 1 where the response is too short for it, and raises above 1",
    "negative ranges": "0.4.1 raises on scores below 0 or above 1, also where its documentation recommends them",
    "schema": "0.4.1 compares names and types alone: an integer is never one to it, and values, enum and required are not looked at",
    "empty list": "0.4.1 compares sets of number literals; values are compared here, so that 1/2 is 0.5",
    "article": "0.4.1 takes the article A for option A, and does not see what is stated last",
    "stdout exactly": "0.4.1 pays for output that is similar; a program is right or wrong here",
    "runs": "0.4.1 pays 1 for a program that merely runs; nothing was checked, so there is no score here",
    "last block": "0.4.1 runs the first block of code; the last is the response's answer here",
    "no reference": "0.4.1 gives 0 where the reference is missing or cannot be read; that is not the response's fault, so there is no score here",
    "call forms": "0.4.1 compares JSON texts, so that 1 and 1.0 differ; arguments are compared as values here, in any form of reference",
    "guessed correctness": "0.4.1 takes an answer for wrong where nobody said whether it is right",
    "words of scripts": "0.4.1 splits at spaces; of scripts without spaces each letter is a word here",
}
"""Why the two differ: the rows of the table in rl_rewards/REWARD_KIT.md."""

_THINK = "<think>\nbecause\n</think>\n<answer>\n4\n</answer>"
_STEPS = "Step 1: take the first number\nStep 2: add the second one\nStep 3: write the sum down"


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _tool_call(name: str, arguments: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _python(code: str) -> str:
    return f"```python\n{code}\n```"


_SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}}
_INTEGER = {"type": "object", "properties": {"n": {"type": "integer"}}}
_ENUM = {"type": "object", "properties": {"side": {"type": "string", "enum": ["left", "right"]}}}
_CALL = {"tool_calls": [_tool_call("weather", '{"city": "Bern", "days": 1}')]}
_ONE_CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Bern", "days": 1}}</tool_call>'

CASES: list[tuple[str, dict[str, Any], str, str | None]] = [
    # accuracy
    ("accuracy:accuracy_reward", {"ground_truth": _said("4")}, "The answer is 4", None),
    ("accuracy:accuracy_reward", {"ground_truth": _said("4.0")}, "The answer is 40", "decimal point"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("2.5")}, "The answer is 25", "decimal point"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("4.0")}, "The answer is 4", "decimal point"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("100")}, "The answer is 104", "near is wrong"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("100")}, "The answer is 7", None),
    ("accuracy:accuracy_reward", {"ground_truth": _said("Paris")}, "The capital of France is Paris.", None),
    ("accuracy:accuracy_reward", {"ground_truth": _said("Paris")}, "The capital of France is London.", None),
    ("accuracy:accuracy_reward", {"ground_truth": _said("Paris")}, "The capital is not Paris.", "words in words"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("3/4")}, "The answer is 0.75", "decimal point"),
    ("accuracy:accuracy_reward", {"ground_truth": _said("x^2+1")}, "The answer is x^2+2", "mathematics"),
    ("accuracy:accuracy_reward", {"ground_truth": []}, "The answer is 4", "no reference"),
    # format
    ("format:format_reward", {}, _THINK, None),
    ("format:format_reward", {}, "four", "wrong is valid"),
    ("format:format_reward", {}, _THINK + "\n", "whole form"),
    ("format:format_reward", {}, _THINK + " and more </answer>", "whole form"),
    ("format:format_reward", {"format_regex": r"\d+"}, "42 is it", "whole form"),
    ("format:format_reward", {"format_regex": r"\d+", "require_exact_match": False}, "it is 42", None),
    ("format:format_reward", {"format_regex": "a.b"}, "a\nb", None),
    # tags
    ("tag_count:tag_count_reward", {"required_tags": ["think", "answer"], "score_per_tag": 0.5}, "<think>a</think><answer>b</answer>", None),
    ("tag_count:tag_count_reward", {"required_tags": ["think", "answer"]}, "<think>a</think>", "wrong is valid"),
    ("tag_count:tag_count_reward", {"required_tags": ["think"]}, "<thinking>a</thinking>", "wrong is valid"),
    ("tag_count:tag_count_reward", {"required_tags": ["think"]}, "<thinking>a</think>", "tags once"),
    ("tag_count:tag_count_reward", {"required_tags": ["answer"]}, "<answer>4</answer><answer>5</answer>", "tags once"),
    ("tag_count:tag_count_reward", {"required_tags": ["answer"]}, "</answer><answer>", "tags once"),
    # length
    ("length:length_reward", {"target_length": 4}, "one two three", None),
    ("length:length_reward", {"target_length": 2}, "one two three four five", None),
    ("length:length_reward", {"target_length": 4, "scaling": "cosine"}, "one two three", None),
    ("length:length_reward", {"min_length": 2, "max_length": 4}, "one two three", None),
    ("length:length_reward", {"min_length": 4, "max_length": 6}, "one two three", None),
    ("length:length_reward", {"min_length": 4, "max_length": 6, "scaling": "cosine"}, "one two three", None),
    ("length:length_reward", {"min_length": 1, "max_length": 5}, "a b c d e f g", None),
    ("length:length_reward", {"min_length": 1, "max_length": 5, "scaling": "cosine"}, "a b c d e f g", None),
    ("length:length_reward", {"min_length": 6}, "one two three", None),
    ("length:length_reward", {"max_length": 2}, "one two three", None),
    ("length:length_reward", {"max_length": 2, "scaling": "cosine"}, "one two three", None),
    ("length:length_reward", {}, "one two three", None),
    ("length:length_reward", {"scaling": "cosine"}, "one two three", None),
    ("length:length_reward", {"target_length": 8, "token_method": "character"}, "abcd", None),
    ("length:length_reward", {"target_length": 4, "reward_range": [-1.0, 1.0]}, "one", "negative ranges"),
    ("length:length_reward", {"target_length": 4}, "", None),
    ("length:length_reward", {"target_length": 4}, "一二三四", "words of scripts"),
    ("length:cosine_length_reward", {"is_correct": True, "max_length": 6}, "one two three", None),
    ("length:cosine_length_reward", {"is_correct": False, "max_length": 6}, "one two three", None),
    ("length:cosine_length_reward", {"correctness": 0.95, "max_length": 3}, "a b c d e f", None),
    ("length:cosine_length_reward", {"is_correct": False, "min_value_wrong": -1.0, "max_value_wrong": -0.5}, "a b", "negative ranges"),
    ("length:cosine_length_reward", {"max_length": 6}, "one two three", "guessed correctness"),
    # repetition
    ("repetition:repetition_penalty_reward", {}, "a b c a b c", None),
    ("repetition:repetition_penalty_reward", {"ngram_size": 1, "max_penalty": 1.0}, "no no no no", None),
    ("repetition:repetition_penalty_reward", {}, "a b", None),
    ("repetition:repetition_penalty_reward", {}, "", None),
    ("repetition:diversity_reward", {}, "a b c a b d", None),
    ("repetition:diversity_reward", {}, "a b", "short texts"),
    ("repetition:diversity_reward", {}, "", None),
    # steps
    ("reasoning_steps:reasoning_steps_reward", {}, _STEPS, None),
    ("reasoning_steps:reasoning_steps_reward", {"min_steps": 4}, _STEPS, None),
    ("reasoning_steps:reasoning_steps_reward", {}, "\n-\n- \n- \n- x", "steps with words"),
    ("reasoning_steps:reasoning_steps_reward", {"max_steps": 2}, _STEPS, None),
    ("reasoning_steps:reasoning_steps_reward", {}, "No steps at all.", None),
    ("reasoning_steps:sequence_reward", {}, "First this. Second that. Finally it.", None),
    # JSON
    ("json_schema:json_schema_reward", {"expected_schema": _SCHEMA}, '{"name": "Ada", "age": 36}', None),
    ("json_schema:json_schema_reward", {"expected_schema": _SCHEMA}, '{"name": "Ada"}', None),
    ("json_schema:json_schema_reward", {"expected_schema": _SCHEMA}, "{}", None),
    ("json_schema:json_schema_reward", {"expected_schema": _SCHEMA}, "Ada is 36", None),
    ("json_schema:json_schema_reward", {"expected_schema": _INTEGER}, '```json\n{"n": 3}\n```', "schema"),
    ("json_schema:json_schema_reward", {"expected_schema": _ENUM}, '{"side": "up"}', "schema"),
    ("json_schema:json_schema_reward", {}, '{"n": 3}', "no reference"),
    # tools
    ("function_calling:exact_tool_match_reward", {"ground_truth": _CALL}, _ONE_CALL, None),
    ("function_calling:exact_tool_match_reward", {"ground_truth": _CALL}, _ONE_CALL.replace("Bern", "Rome"), None),
    ("function_calling:exact_tool_match_reward", {"ground_truth": _CALL}, _ONE_CALL.replace("1}", "1.0}"), "call forms"),
    ("function_calling:exact_tool_match_reward", {"ground_truth": _CALL}, "It rains.", None),
    ("function_calling:exact_tool_match_reward", {"ground_truth": {"tool_calls": []}}, "It rains.", None),
    ("function_calling:exact_tool_match_reward", {}, "It rains.", None),
    ("function_calling:exact_tool_match_reward", {}, _ONE_CALL, None),
    ("function_calling:exact_tool_match_reward", {"ground_truth": "no JSON"}, _ONE_CALL, "no reference"),
    # mathematics
    ("math:math_reward", {"ground_truth": "42"}, "The answer is 42", None),
    ("math:math_reward", {"ground_truth": "42"}, "The answer is 43", None),
    ("math:math_reward", {"ground_truth": "42"}, r"So \boxed{42}", None),
    ("math:math_reward", {"ground_truth": "42"}, "The answer is 41.97", None),
    ("math:math_reward", {"ground_truth": "42", "tolerance": 1e-6}, "The answer is 41.97", None),
    ("math:math_reward", {"ground_truth": "42"}, "40 and 2 make <answer>42</answer>", None),
    ("math:math_reward", {"ground_truth": "42"}, "40 + 2 is 42, so the answer is 42", "one answer"),
    ("math:math_reward", {"ground_truth": r"\sqrt{2}"}, r"So \boxed{\sqrt{2}}", "mathematics"),
    ("math:math_reward", {"ground_truth": "x^2+1"}, r"So \boxed{1 + x^2}", "mathematics"),
    ("math:math_reward", {"ground_truth": "(1,2)"}, r"So \boxed{(1,2)}", "mathematics"),
    ("math:math_reward", {"ground_truth": ""}, "The answer is 42", "no reference"),
    # choices
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("(B)")}, "The answer is (B).", None),
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("(B)")}, "The answer is (C).", None),
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("B")}, "A good answer is B", "article"),
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("(B)")}, "Not (A). The answer is (B).", "article"),
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("(B)")}, "(A) or (B)", None),
    ("multiple_choice_math_reward:multiple_choice_math_reward", {"ground_truth": _said("none")}, "(A)", "no reference"),
    # lists
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": "1, 2, 3"}, r"\boxed{3, 2, 1}", None),
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": "1, 2, 3", "order_matters": True}, r"\boxed{3, 2, 1}", None),
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": "1, 2, 3"}, r"\boxed{1, 2}", None),
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": "1, 2"}, r"\boxed{1, 2, 2}", None),
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": "0.5, 2"}, r"\boxed{\frac{1}{2}, 2}", "empty list"),
    ("list_comparison_math_reward:list_comparison_math_reward", {"ground_truth": ""}, r"\boxed{1, 2}", "no reference"),
    # programs
    ("code_execution:local_code_execution_reward", {"ground_truth": "45"}, _python("print(45)"), None),
    ("code_execution:local_code_execution_reward", {"ground_truth": "45"}, _python("print(46)"), "stdout exactly"),
    ("code_execution:local_code_execution_reward", {"ground_truth": "45"}, _python("raise ValueError"), None),
    ("code_execution:local_code_execution_reward", {"ground_truth": "45"}, "no program", None),
    ("code_execution:local_code_execution_reward", {}, _python("print(45)"), "runs"),
    ("code_execution:local_code_execution_reward", {"ground_truth": "2"}, _python("print(1)") + "\n" + _python("print(2)"), "last block"),
    (
        "code_execution:fractional_code_reward",
        {"ground_truth": [{"input": "1", "expected_output": "2"}, {"input": "5", "expected_output": "7"}]},
        _python("print(int(input()) + 1)"),
        None,
    ),
    ("code_execution:fractional_code_reward", {"ground_truth": []}, _python("print(1)"), "no reference"),
    # both
    ("accuracy_length:cosine_scaled_accuracy_length_reward", {"ground_truth": _said("4")}, "The answer is 4", None),
    ("accuracy_length:cosine_scaled_accuracy_length_reward", {"ground_truth": _said("4")}, "The answer is 9", None),
]
