"""`rl-rewards validate`."""

import pytest


def test_a_right_rubric_is_shown_with_its_spelling_and_columns(run):
    result = run("validate", "rubric.yaml")
    assert result.exit_code == 0
    for piece in ("correct", "{tag: answer}", "{string_match: '{{references.answer}}'}", "format", "0.5"):
        assert piece in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rewards: [{name: r, scor: {string_match: x}}]", "rubric.yaml:1: rewards[0].scor: unknown field"),
        ("rewards: [{name: r, score: {string_mach: x}}]", "Did you mean 'string_match'?"),
        ("rewards: [{name: r, score: {string_match: x}}, {name: r, score: {string_match: y}}]", "reward names must be unique"),
        ("rewards: [{name: r, weight: .nan, score: {string_match: x}}]", "rewards[0].weight: found number nan, allowed: a finite number"),
        (
            "rewards: [{name: a, gate: {reward: b}, score: {string_match: x}}, {name: b, gate: {reward: a}, score: {string_match: x}}]",
            "gates form a circle: a -> b -> a",
        ),
        ("", "this one is empty"),
        ("a: [", "not YAML"),
        ("a: \0", "not YAML"),
    ],
)
def test_a_wrong_rubric_is_refused_with_its_place_and_no_traceback(run, place, text, message):
    (place / "rubric.yaml").write_text(text)
    result = run("validate", "rubric.yaml")
    assert result.exit_code == 2
    assert message in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nope.yaml", "error: nope.yaml: No such file or directory"),
        (".", "error: .: Is a directory"),
        ("nope.py:f", "there is no file 'nope.py'"),
        ("math:pi", "'math:pi' is a float; allowed: a Rubric, a Reward, a scorer or a function"),
    ],
)
def test_a_rubric_that_is_not_there_is_told_in_a_line(run, target, message):
    result = run("validate", target)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1 and message in result.stderr


def test_verbose_shows_the_traceback(run):
    result = run("validate", "nope.yaml", "--verbose")
    assert isinstance(result.exception, FileNotFoundError)


def test_data_that_fits_is_counted(run):
    result = run("validate", "rubric.yaml", "--data", "data.jsonl")
    assert (result.exit_code, result.stderr) == (0, "3 rows checked\n")


def test_training_data_needs_no_completions(run, place, write_rows):
    write_rows("train.jsonl", [{"prompt": "1+1?", "answer": "2"}])
    assert run("validate", "rubric.yaml", "--data", "train.jsonl").exit_code == 0


ROUTED = "rewards: [{name: r, when: {task: [math, code]}, score: {string_match: '{{references.answer}}'}}]"


@pytest.mark.parametrize(
    ("rubric", "rows", "status", "message"),
    [
        (None, [{"prompt": "a"}, {"prompt": "b", "solution": "1"}], 2, "reward 'correct' needs 'answer'; it has ['solution']"),
        (None, [{"answer": "1", "prompts": "x"}], 2, "the dataset has columns ['prompts']"),
        (None, [], 2, "error: train.jsonl: no rows"),
        (None, ["oops"], 2, "error: train.jsonl: no rows"),
        (None, [{"answer": "1"}, {"answer": ""}, {"answer": None}, {}], 1, "reward 'correct' needs 'answer', which is empty in 3 of 4 rows"),
        (None, [{"answer": "1"}, "oops", "[]"], 1, "train.jsonl:2: not JSON"),
        (None, [{"answer": "1"}, "oops", "[]"], 1, "2 rows could not be read"),
        (ROUTED, [{"task": "math", "answer": "1"}, {"task": "maths", "answer": "1"}], 2, "no reward handles task = 'maths' (1 row)"),
        (ROUTED, [{"answer": "1"}], 2, "reward 'r' needs 'task'"),
    ],
)
def test_data_that_does_not_fit_is_refused(run, place, write_rows, rubric, rows, status, message):
    if rubric is not None:
        (place / "rubric.yaml").write_text(rubric)
    write_rows("train.jsonl", rows)
    result = run("validate", "rubric.yaml", "--data", "train.jsonl")
    assert result.exit_code == status and message in result.stderr


def test_rows_that_a_reward_does_not_apply_to_need_no_reference(run, place, write_rows):
    (place / "rubric.yaml").write_text(ROUTED + "\n")
    (place / "rubric.yaml").write_text(
        ROUTED.replace("]", ", other]", 1).replace("[{name: r,", "[{name: all, score: {string_match: {equals: x}}}, {name: r,")
    )
    write_rows("train.jsonl", [{"task": "other", "answer": "1"}, {"task": "math", "answer": "1"}])
    assert run("validate", "rubric.yaml", "--data", "train.jsonl").exit_code == 0


@pytest.mark.parametrize("name", ["nope.jsonl", "data.txt"])
def test_data_that_cannot_be_read_is_told_in_a_line(run, place, name):
    (place / "data.txt").write_text("x")
    result = run("validate", "rubric.yaml", "--data", name)
    assert result.exit_code == 2 and result.stderr.startswith(f"error: {name}: ")
