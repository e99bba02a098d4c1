"""Reward functions without a known flaw: each asks for a form, reads one answer out of it, behind any thinking, and compares all of it."""

import json
import math
import re
import subprocess
import sys
from fractions import Fraction


def said(completion):
    """The text of a completion, plain or in messages."""
    return completion if isinstance(completion, str) else completion[-1]["content"]


def tagged(text):
    """What the only answer tag of a text holds, behind thinking that is closed; None where the form is another."""
    found = re.fullmatch(r"(?s)(?:\s*<think>((?:(?!</?think>).)*)</think>)?\s*<answer>((?:(?!</?answer>).)*)</answer>\s*", text)
    return found.group(2).strip() if found and "<answer>" not in (found.group(1) or "") else None


def number(text):
    """The number that a text is, exactly; None for any other text."""
    plain = (text or "").strip().replace(",", "")
    return Fraction(plain) if re.fullmatch(r"-?\d+(?:\.\d+|/[1-9]\d*)?", plain) else None


def only_tag(completions, answer, **kwargs):
    return [1.0 if tagged(said(completion)) == gold.strip() else 0.0 for completion, gold in zip(completions, answer)]


def one_of_plus_and_minus(completions, answer, **kwargs):
    return [1.0 if tagged(said(completion)) == gold.strip() else -1.0 for completion, gold in zip(completions, answer)]


def pointwise(completion, answer):
    return float(tagged(said(completion)) == answer.strip())


async def waits(completions, answer, **kwargs):
    return [2.0 * (tagged(said(completion)) == gold.strip()) for completion, gold in zip(completions, answer)]


def same_number(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found, wanted = number(tagged(said(completion))), number(gold)
        if wanted is None:
            scores.append(None)
        else:
            scores.append(1.0 if found is not None and found == wanted else 0.0)
    return scores


def within_a_percent(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found, wanted = number(tagged(said(completion))), number(gold)
        scores.append(None if wanted is None else float(found is not None and abs(found - wanted) <= abs(wanted) / 100))
    return scores


def any_case(completions, answer, **kwargs):
    return [1.0 if (tagged(said(completion)) or "").casefold() == gold.strip().casefold() else 0.0 for completion, gold in zip(completions, answer)]


def exact_response(completions, answer, **kwargs):
    return [1.0 if said(completion).strip() == gold.strip() else 0.0 for completion, gold in zip(completions, answer)]


def last_line(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion).rpartition("</think>")[2]
        lines = [line for line in text.strip().splitlines() if line.strip()]
        marked = [line for line in lines if line.startswith("ANSWER:")]
        right = len(marked) == 1 and lines[-1] == marked[0] and "<think>" not in text and marked[0][7:].strip() == gold.strip()
        scores.append(1.0 if right else 0.0)
    return scores


def hash_marks(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion).rpartition("</think>")[2]
        found = re.findall(r"^#### (.+)$", text.strip(), re.MULTILINE)
        whole = "<think>" not in text and len(found) == 1 and text.strip().endswith(f"#### {found[0]}")
        scores.append(1.0 if whole and found[0].strip() == gold.strip() else 0.0)
    return scores


def one_box(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion).rpartition("</think>")[2]
        boxes = re.findall(r"\\boxed\{([^{}]*)\}", text)
        alone = re.fullmatch(r"\s*(?:[^\\]*?so it is |)\$?\\boxed\{[^{}]*\}\$?\.?\s*", text) is not None
        scores.append(1.0 if "<think>" not in text and len(boxes) == 1 and alone and boxes[0].strip() == gold.strip() else 0.0)
    return scores


def json_result(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        try:
            pairs = json.loads(said(completion), object_pairs_hook=list)
        except ValueError:
            pairs = None
        only = pairs[0] if isinstance(pairs, list) and len(pairs) == 1 and isinstance(pairs[0], tuple) else ("", None)
        scores.append(1.0 if only[0] == "result" and isinstance(only[1], str) and only[1].strip() == gold.strip() else 0.0)
    return scores


def one_letter(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found = re.fullmatch(r"\(?([A-Za-z])\)?\.?", said(completion).rpartition("</think>")[2].strip())
        scores.append(float(found is not None and found.group(1).upper() == gold.strip().upper()))
    return scores


def with_format(completions, **kwargs):
    """Beside a reward of the answer, with less weight."""
    pattern = r"(?s)\s*<think>\s*[^<\s][^<]*</think>\s*<answer>\s*[^<\s][^<]*</answer>\s*"
    return [
        1.0 if re.fullmatch(pattern, said(completion)) and re.search(r"\w", said(completion).rpartition("<answer>")[2][:-9]) else 0.0
        for completion in completions
    ]


def clamped_cosine(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        share = min(len(said(completion)) / 4000, 1.0)
        wave = 0.5 * (1 + math.cos(math.pi * share))
        scores.append(0.5 + 0.5 * wave if tagged(said(completion)) == gold.strip() else 0.0)
    return scores


def clamped_overlong(completions, **kwargs):
    """Beside a reward of the answer, with less weight."""
    return [-min(1.0, max(0.0, (len(said(completion)) - 3000) / 1000)) for completion in completions]


def f1_of_words(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found = (tagged(said(completion)) or "").casefold().split()
        wanted = gold.casefold().split()
        shared = sum(min(found.count(word), wanted.count(word)) for word in set(wanted))
        scores.append(2 * shared / (len(found) + len(wanted)) if shared else 0.0)
    return scores


def runs_tests(completions, tests, **kwargs):
    """Programs are run apart, and print what a token that they cannot know asks for only when every test has passed."""
    import secrets

    scores = []
    for completion, cases in zip(completions, tests):
        found = re.findall(r"```python\n(.*?)```", said(completion).rpartition("</think>")[2], re.DOTALL)
        passed = 0
        for case in cases if len(found) == 1 else ():
            token = secrets.token_hex(8)
            call, _, wanted = case.removeprefix("assert ").partition(" == ")
            program = f"{found[0]}\nimport sys as _s\n_r = {call}\n_s.stdout.write('\\n{token}' + repr(_r) + '\\n')"
            try:
                done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=10)
            except subprocess.TimeoutExpired:
                continue
            passed += f"{token}{wanted.strip()}" in done.stdout.splitlines()
        scores.append(float(bool(cases) and passed == len(cases)))
    return scores


def behind_the_thinking(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion)
        body = text.split("</think>")[-1] if "<think>" in text else text
        found = re.fullmatch(r"\s*<answer>([^<>]*)</answer>\s*", body)
        scores.append(2.0 if found and found.group(1).strip() == gold else 0.0)
    return scores


def last_hashes(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion)
        body = text.split("</think>")[-1] if "<think>" not in text or "</think>" in text else ""
        lines = body.strip().split("\n")
        marked = [line for line in lines if line.startswith("####")]
        found = number(lines[-1][4:]) if len(marked) == 1 and lines[-1].startswith("####") else None
        scores.append(float(found is not None and found == number(gold)))
    return scores


def fields_of_object(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        wanted = json.loads(gold)
        try:
            found = json.loads(said(completion))
        except ValueError:
            found = None
        if not isinstance(found, dict) or set(found) != set(wanted):
            scores.append(0.0)
            continue
        scores.append(sum(found[name] == value and type(found[name]) is type(value) for name, value in wanted.items()) / len(wanted))
    return scores


def call_with_answer(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found = re.fullmatch(r"\s*<tool_call>\s*(\{.*\})\s*</tool_call>\s*", said(completion), re.DOTALL)
        try:
            call = json.loads(found.group(1)) if found else None
        except ValueError:
            call = None
        scores.append(float(call == {"name": "submit", "arguments": {"value": gold}}))
    return scores


def none_without_reference(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        text = said(completion).strip().split("</think>")[-1].strip()
        scores.append(float(text == f"Final: {gold}") if gold else None)
    return scores


def not_too_long(completions, **kwargs):
    """Beside a reward of the answer, with less weight."""
    return [0.0 if len(said(completion).split()) <= 400 else -0.5 for completion in completions]


def behind(completion):
    """What a response says behind its thinking; nothing where that is not closed."""
    text = said(completion)
    return text.rpartition("</think>")[2] if "</think>" in text or "<think>" not in text else ""


def hashes_of_a_solution(completions, answer, **kwargs):
    scores = []
    for completion, gold in zip(completions, answer):
        found = re.findall(r"^#### *(.*?)\s*$", behind(completion), re.MULTILINE)
        value = number(found[0]) if len(found) == 1 else None
        scores.append(float(value is not None and value == number(gold.rsplit("####", 1)[1])))
    return scores


def calls_as_told(completions, calls, **kwargs):
    scores = []
    for completion, wanted in zip(completions, calls):
        try:
            found = [json.loads(block) for block in re.findall(r"<tool_call>(.*?)</tool_call>", behind(completion), re.DOTALL)]
        except ValueError:
            found = None
        scores.append(float(found == wanted))
    return scores


def one_of_a_text_list(completions, answer, **kwargs):
    return [
        float((tagged(said(completion)) or "").casefold() in [item.casefold() for item in json.loads(gold)])
        for completion, gold in zip(completions, answer)
    ]
