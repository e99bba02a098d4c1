"""recipes/extraction.py: questions that the words of their sentence answer."""

from pathlib import Path

from recipes.extraction import QUESTIONS, rows
from rl_rewards import Sample, load_rubric

RUBRIC = load_rubric(Path(__file__).parents[2] / "recipes/rubrics/extraction.yaml")


def test_rows_are_all_different_and_hold_their_answer():
    made = rows()
    assert len({row["prompt"] for row in made}) == len(made) == 360 and made == rows()
    assert all(row["answer"] in row["prompt"].split("\n\n")[0] for row in made)
    assert {row["field"] for row in made} == set(QUESTIONS)


def test_the_words_alone_are_right_and_a_sentence_about_them_is_not():
    row = rows(1)[0]
    samples = [Sample.from_row({**row, "completion": text}) for text in (row["answer"], f"It is {row['answer']}.", "no idea")]
    evaluation = RUBRIC.evaluate(samples)
    assert (evaluation.totals(), evaluation.scores("exact")) == ([1.0, 0.3, 0.0], [1.0, 0.0, 0.0])
