"""The planted rubrics: flaws are found, sound ones are left alone. All of them, varied, are scripts/bench/audit.py's; here is one of each sort as it is."""

import pytest
from planted.cases import FLAWED, SOUND
from planted.generate import planted, shipped

from rl_rewards.auditing import audit

QUICK = {
    "empty_is_in_reference", "greedy_tag", "half_for_containing", "r1_format", "sums_count_as_numbers", "box_anywhere", "answer_is", "about_right", "to_the_letter",
    "believes_verdicts", "says_the_words", "form_outweighs", "the_longer_the_better", "giving_up_is_cheap", "no_reference_no_error", "bare_except", "noisy", "fades",
    "changes_the_column", "some_value_of_the_json", "letter_somewhere", "repeats_the_question", "pattern_in_tag", "reads_thinking", "closed_gate",
}  # fmt: skip
QUICK_SOUND = {"only_tag", "last_line", "json_result", "clamped_cosine", "f1_of_words", "choice_in_tag", "object", "answer_and_format", "strict_format", "cosine", "group_length", "gated"}  # fmt: skip


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    every = [*planted(folder, True, 1), *planted(folder, False, 1)]
    return {(case.is_flawed, case.case.name): case for case in every}


def test_there_are_forty_flawed_rubrics_and_every_published_exploit_among_them():
    assert len(FLAWED) >= 40 and {case.exploit for case in FLAWED} - {None} == set(range(1, 24))
    assert {case.name for case in FLAWED} >= QUICK and {case.name for case in SOUND} >= QUICK_SOUND


def found(case):
    rows = case.rows[:8]  # half of what the benchmark has: each flaw is found, and no sound rubric blamed, on these as well
    return {finding.kind for finding in audit(str(case.rubric), rows).at_least("error")}


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_planted_flaw_is_named(name, cases):
    case = cases[True, name]
    assert found(case) & case.case.found


@pytest.mark.parametrize("name", sorted(QUICK_SOUND))
def test_a_sound_rubric_is_left_alone(name, cases):
    assert found(cases[False, name]) == set()


def test_the_rubrics_of_the_recipes_are_sound(tmp_path):
    assert {case.name: found(case) for case in shipped(tmp_path)} == {"recipes/arithmetic": set(), "recipes/gsm8k": set()}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({case.name for case in FLAWED} - QUICK))
def test_every_other_planted_flaw_is_found(name, cases):
    assert found(cases[True, name])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({case.name for case in SOUND} - QUICK_SOUND))
def test_every_other_sound_rubric_is_left_alone(name, cases):
    assert found(cases[False, name]) == set()
