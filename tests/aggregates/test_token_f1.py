"""Token F1: SQuAD's on ordinary text, and a gold that consists of an article, a sign or a symbol stays one."""

import json
import random

import pytest

from rl_rewards.aggregates.tokens import overlap, tokens
from tests.aggregates.tables import numbers, row, rubric, summary

F1 = {"f1": {"reward": "r", "reference": "gold"}}


def f1(answer, gold):
    return numbers([row("p", 1, answer, gold=gold)], F1)["f1_mean"]


@pytest.mark.parametrize(
    "gold", ["A", "a", "-5", "3.14", "of", "the", "An", "+", "-", "C++", "C#", "50%", ".5", "-x", "1,000", "U.S.", "½", "?", "is", "α"]
)
def test_a_gold_is_equal_to_itself_and_has_tokens(gold):
    assert tokens(gold)
    assert f1(gold, gold) == 1.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("5", "-5"), ("314", "3.14"), ("1.5", "15"), ("C", "C++"), ("C", "C#"), ("B", "A"), ("the", "A"), ("x", "-x"), ("5", ".5"), ("-5", ".5"),
        ("and", "of"), ("", "A"), ("2.0.1", "201"), ("50", "50%"), ("3:30", "330"), ("555-1234", "5551234"), ("1/2", "12"), ("-3.5", "3.5"), ("−5", "5"),
    ],
)  # fmt: skip
def test_what_differs_in_sign_point_or_letter_is_not_equal(answer, gold):
    assert f1(answer, gold) == 0.0
    if answer:
        assert f1(gold, answer) == 0.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("The Eiffel Tower.", "eiffel tower"), ("an apple", "Apple"), ('"Paris"', "paris"), ("It's", "its"), ("well-known", "wellknown"), ("U.S.", "us"),
        ("1,234,567", "1234567"), ("(A)", "a"), ("A)", "A."), ("**42**", "42"), ("42.", "42"), ("−5", "-5"), ("$5", "$5."), ("of the people", "of people"),
        ("Caf\u00e9", "cafe\u0301"), ("don’t", "don't"), ("A dog", "dog"), ("Yes, the cat", "yes cat"), ("1,000.50", "1000.50"),
    ],
)  # fmt: skip
def test_what_differs_in_case_articles_and_sentence_marks_is_equal(answer, gold):
    assert f1(answer, gold) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vitamin A", ("vitamin", "a")),
        ("Plan A is best", ("plan", "a", "is", "best")),
        ("A, B and C", ("a", "b", "and", "c")),
        ("a + b", ("a", "+", "b")),
        ("The answer is A", ("answer", "is", "a")),
        ("It is so. The end", ("it", "is", "so", "end")),
        ("I saw the cat - a big one", ("i", "saw", "cat", "big", "one")),
        ("x=-5", ("x=-5",)),
        ("", ()),
        ("...", ("...",)),
    ],
)
def test_tokens_of_a_text(text, expected):
    assert tokens(text) == expected


def test_the_mean_of_samples_and_the_pool_are_both_there_and_differ():
    rows = [row("a", 1, "one two three four", gold="one two three four"), row("b", 1, "five", gold="six")]
    found = numbers(rows, F1)
    assert found["f1_mean"] == 0.5 and found["f1_pooled"] == pytest.approx(0.8, abs=1e-12)
    assert found["precision_mean"] == found["recall_mean"] == 0.5 and found["precision_pooled"] == found["recall_pooled"] == 0.8


def test_both_follow_their_formulas_on_random_tables():
    generator = random.Random(0)
    words = ["red", "green", "blue", "cat", "dog", "sun"]
    rows = [row(i // 3, 1, " ".join(generator.choices(words, k=generator.randint(1, 6))), gold=" ".join(generator.choices(words, k=generator.randint(1, 6))))
            for i in range(300)]  # fmt: skip
    counts = [(overlap(a, g), len(a), len(g)) for a, g in ((tokens(each["completion"][8:-9]), tokens(each["gold"])) for each in rows)]
    found = numbers(rows, F1, batch=11)
    assert found["f1_mean"] == pytest.approx(sum(2 * s / (a + g) for s, a, g in counts) / 300, abs=1e-12)
    pooled = [sum(column) for column in zip(*counts)]
    assert found["f1_pooled"] == pytest.approx(2 * pooled[0] / (pooled[1] + pooled[2]), abs=1e-12)
    assert found["precision_pooled"] == pytest.approx(pooled[0] / pooled[1], abs=1e-12)
    assert found["recall_mean"] == pytest.approx(sum(s / g for s, a, g in counts) / 300, abs=1e-12)


def test_a_response_without_an_answer_is_0_in_the_mean_and_misses_its_tokens_in_the_pool():
    found = numbers([row("a", 1, "one two", gold="one two"), row("b", 0, None, gold="three four")], F1)
    assert found["f1_mean"] == 0.5 and found["precision_pooled"] == 1.0 and found["recall_pooled"] == 0.5


def test_of_several_references_the_best_counts():
    assert f1("New York City", ["NYC", "New York City"]) == 1.0


@pytest.mark.parametrize("gold", [None, "", [], "  "])
def test_a_row_without_a_reference_is_left_out_and_shown(gold):
    [result] = [each for each in summary([row("a", 1, "x", gold=gold), row("b", 1, "x", gold="x")], F1).results() if each.kind == "f1"]
    assert (result.coverage.counted, result.coverage.no_reference) == (1, 1) and "empty" in result.coverage.problem
    assert result.numbers[0].value == 1.0


def records(rows, **options):
    aggregate = {"f1": {"reward": "r", "reference": "gold", "by_field": True, **options}}
    return numbers([{"prompt": str(i), "completion": json.dumps(answer) if answer is not None else "none", "score": 1, "gold": gold}
                    for i, (answer, gold) in enumerate(rows)], aggregate, parse="json")  # fmt: skip


def test_fields_are_matched_by_name_not_by_place():
    found = records([({"b": "cat", "a": "dog"}, {"a": "dog", "b": "cat"})])
    assert found["f1_mean"] == found["f1_mean/a"] == found["f1_mean/b"] == 1.0


def test_each_field_has_numbers_and_a_missing_or_extra_one_counts():
    found = records([({"a": "dog", "c": "bird"}, {"a": "dog", "b": "cat"})])
    assert found["f1_mean/a"] == 1.0 and found["f1_mean/b"] == found["f1_mean/c"] == 0.0
    assert found["f1_mean"] == 0.5 and found["precision_mean"] == 0.5


def test_a_mask_keeps_a_nested_object_whole():
    row_ = ({"meta": {"unit": "m", "k": {"x": "1"}}, "noise": "z"}, {"meta": {"unit": "m", "k": {"x": "1"}}, "noise": "y"})
    found = records([row_], keep=["meta"])
    assert found["f1_mean"] == 1.0 and {name for name in found if name.startswith("f1_mean/")} == {"f1_mean/meta.unit", "f1_mean/meta.k.x"}
    assert records([row_], keep=["meta.unit"])["f1_mean"] == 1.0
    assert records([row_], drop=["meta"])["f1_mean"] == 0.0


def test_a_mask_is_exact_and_one_that_matches_nothing_gives_no_number():
    rows = [({"answer": "x", "answers": "y"}, {"answer": "x", "answers": "z"})]
    assert records(rows, keep=["answer"])["f1_mean"] == 1.0
    aggregate = {"f1": {"reward": "r", "reference": "gold", "keep": ["anser"]}}
    row_ = {"prompt": "p", "completion": '{"answer": "x"}', "score": 1, "gold": {"answer": "x"}}
    [result] = [each for each in summary([row_], aggregate, parse="json").results() if each.kind == "f1"]
    assert result.incomplete and result.numbers[0].value is None
    assert (
        "keep ['anser'] and drop [] leave nothing of the reference" in result.coverage.problem and "did you mean 'answer'?" in result.coverage.problem
    )


def test_an_answer_that_is_no_object_has_no_field():
    assert records([(None, {"a": "x"})])["f1_mean"] == 0.0


@pytest.mark.parametrize(
    ("found", "gold", "expected"), [(5, "5", 1.0), (True, True, 1.0), (True, 1, 0.0), (["a", "b"], ["b", "c"], 0.5), (-5, 5, 0.0), (None, "x", 0.0)]
)
def test_values_of_any_type_are_compared_as_text(found, gold, expected):
    assert records([({"v": found}, {"v": gold})])["f1_mean/v"] == expected


def test_an_aggregate_of_answers_needs_a_reward_that_reads_one():
    for kind in ("f1", "maj_at_k", "accuracy"):
        with pytest.raises(ValueError, match="it compares parsed answers, and the reward 'by' reads none"):
            rubric({kind: "by"})


def test_two_of_one_kind_need_names():
    one = {"f1": {"reward": "r", "reference": "gold"}}
    with pytest.raises(ValueError, match="must have different names"):
        rubric(one, one)
    found = numbers([row("p", 1, "x", gold="x", other_gold="y")], one, {"f1": {"reward": "r", "reference": "other_gold", "name": "other"}})
    assert found["f1_mean"] == 1.0 and found["other/f1_mean"] == 0.0
