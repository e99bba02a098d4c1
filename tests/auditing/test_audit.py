"""The audit's core, on rubrics whose faults and merits are known."""

import re

import pytest

from rl_rewards import Rubric
from rl_rewards.auditing import AuditError, Severity, assert_sound, audit

ROWS = [
    {"prompt": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in [(12, 30), (7, 44), (25, 61), (9, 18), (33, 41), (58, 6), (71, 22), (15, 5)]
]
CHAT = [{**row, "prompt": [{"role": "user", "content": row["prompt"]}]} for row in ROWS]


def rubric(*rewards):
    from rl_rewards import Reward

    return Rubric(tuple(Reward(**reward) for reward in rewards))


def kinds(report, severity=Severity.ERROR):
    return {finding.kind for finding in report.at_least(severity)}


SOUND = {
    "a tag and equal text": [{"name": "correct", "parse": {"tag": "answer"}, "score": {"string_match": "answer"}}],
    "a box": [{"name": "correct", "parse": "boxed", "score": {"number_match": "answer"}}],
    "behind ####": [{"name": "correct", "parse": {"after": "####"}, "score": {"number_match": "answer"}}],
    "a pattern": [{"name": "correct", "parse": {"regex": r"Final answer: (-?\d+)\b"}, "score": {"number_match": "answer"}}],
    "the right answer and its format": [
        {"name": "correct", "parse": {"tag": "answer"}, "score": {"string_match": "answer"}},
        {"name": "format", "score": "think_answer_format", "weight": 0.2},
    ],
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("rows", [ROWS, CHAT], ids=["text", "chat"])
def test_a_sound_rubric_has_no_error(name, rows):
    assert_sound(rubric(*SOUND[name]), rows)


def contains(completions, answer, **columns):
    return [float(gold in text) for text, gold in zip(completions, answer)]


def any_tag(completions, answer, **columns):
    return [float(gold in re.findall(r"<answer>(.*?)</answer>", text)) for text, gold in zip(completions, answer)]


def empty_passes(completions, answer, **columns):
    found = [re.search(r"<answer>(.*?)</answer>", text) for text in completions]
    return [float(match is not None and match[1] in gold) for match, gold in zip(found, answer)]


def constant(completions, **columns):
    return [1.0] * len(completions)


def longer(completions, answer, **columns):
    return [float(text.endswith(f"<answer>{gold}</answer>")) + len(text) / 500 for text, gold in zip(completions, answer)]


def upside_down(completions, answer, **columns):
    return [-float(text == gold) for text, gold in zip(completions, answer)]


def raises_without_tag(completions, answer, **columns):
    return [float(re.search(r"<answer>(.*?)</answer>", text)[1] == gold) for text, gold in zip(completions, answer)]


def relative(completions, answer, **columns):
    mean = sum(map(len, completions)) / len(completions)
    return [float(text == gold) + 0.001 * (len(text) - mean) for text, gold in zip(completions, answer)]


calls = 0


def counting(completions, answer, **columns):
    global calls
    calls += 1
    return [float(text == gold) / calls for text, gold in zip(completions, answer)]


def wrong_length(completions, answer, **columns):
    return [1.0]


@pytest.mark.parametrize(
    ("reward", "kind"),
    [
        (contains, "candidates_listed"),
        (any_tag, "two_answers"),
        (empty_passes, "empty"),
        (constant, "never_varies"),
        (longer, "padding"),
        (upside_down, "wrong_answers_pay_more"),
        (raises_without_tag, "response_breaks_reward"),
        (relative, "depends_on_batch"),
        (counting, "not_deterministic"),
        (wrong_length, "reward_fails"),
    ],
)
def test_a_plain_trl_function_is_caught_at_what_it_pays_for(reward, kind):
    assert kind in kinds(audit(reward, ROWS))


def test_a_finding_shows_the_response_and_what_it_earns():
    (finding,) = [found for found in audit(contains, ROWS).findings if found.kind == "candidates_listed"]
    assert finding.reward == "contains" and finding.earns == 1.0 and finding.honest == 0.0
    assert contains([finding.response], [ROWS[0]["answer"]]) == [1.0] or any(row["answer"] in finding.response for row in ROWS)
    assert finding.remedy and finding.rows >= 2


def test_the_helper_names_every_finding():
    with pytest.raises(AssertionError, match="candidates_listed"):
        assert_sound(contains, ROWS)


@pytest.mark.parametrize(
    ("rows", "message"), [([], "got none"), ([{"answer": "4"}], "prompt"), ([{"prompt": 4, "answer": "4"}], "row 1"), (["x"], "mapping")]
)
def test_rows_that_cannot_be_audited_are_refused(rows, message):
    with pytest.raises(AuditError, match=message):
        audit(contains, rows)


def test_a_missing_column_is_a_finding_and_names_the_columns():
    report = audit(rubric({"name": "correct", "score": {"string_match": "gold"}}), ROWS)
    assert kinds(report) == {"columns_do_not_fit"} and "'answer'" in report.findings[0].evidence
