"""`rl-rewards validate`."""

import json

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
        ("rewards: [{name: r, score: {string_match: x}}, {name: r, score: {string_match: y}}]", "the names of rewards must be unique"),
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
        (".", "error: .: must be a regular file, got a directory"),
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


NUMBER = "rewards: [{name: r, score: {number_match: answer}}]"
GSM8K = 'rewards: [{name: r, score: {number_match: {reference: {column: answer, parse: {after: "####"}}}}}]'
ROUTED = "rewards: [{name: r, when: {task: [math, code]}, score: {string_match: '{{references.answer}}'}}]"


@pytest.mark.parametrize(
    ("rubric", "rows", "status", "message"),
    [
        (None, [{"prompt": "a"}, {"prompt": "b", "solution": "1"}], 2, "reward 'correct' needs 'answer'; it has ['solution']"),
        (None, [{"answer": "1", "prompts": "x"}], 2, "the dataset has columns ['prompts']"),
        (None, [], 2, "error: train.jsonl: no rows"),
        (None, ["oops"], 2, "error: train.jsonl: no rows"),
        (
            None,
            [{"answer": "1", "prompt": "q"}, {"answer": "", "prompt": "q"}, {"answer": None, "prompt": "q"}, {"prompt": "q"}],
            1,
            "reward 'correct' cannot use the reference of 3 of 4 rows; the first: row 2: the reference 'answer' of this row is empty",
        ),
        (None, [{"answer": "1", "prompt": "q"}, "oops", "[]"], 1, "train.jsonl:2: not JSON"),
        (None, [{"answer": "1", "prompt": "q"}, "oops", "[]"], 1, "2 rows could not be read"),
        (
            ROUTED,
            [{"task": "math", "answer": "1", "prompt": "q"}, {"task": "maths", "answer": "1", "prompt": "q"}],
            2,
            "no reward handles task = 'maths' (1 row)",
        ),
        (ROUTED, [{"answer": "1", "prompt": "q"}], 2, "reward 'r' needs 'task'"),
        (None, [{"answer": "1"}], 2, "training data needs a column 'prompt'; it has ['answer']"),
        (None, [{"answer": "1", "prompt": "q"}, {"answer": "1", "prompt": " "}], 1, "got text in 1 row, empty text in 1 row"),
        (
            None,
            [{"answer": "1", "prompt": "q"}, {"answer": "1", "prompt": [{"role": "user", "content": "q"}]}],
            2,
            "prompts must be all text or all messages",
        ),
        (None, [{"answer": "1", "prompt": 7}], 2, "every row must have a prompt, text or a list of messages; got int"),
        (None, [{"answer": {"a": 1}, "prompt": "q"}], 2, "reward 'correct' cannot use the reference of any row; row 1: a reference is text"),
        (
            NUMBER,
            [{"answer": "5 apples", "prompt": "q"}, {"answer": "5", "prompt": "q"}],
            1,
            "of 1 of 2 rows; the first: row 1: the reference is not a number",
        ),
        (NUMBER, [{"answer": "so 5\n#### 5", "prompt": "q"}] * 3, 2, "cannot use the reference of any row; row 1: the reference is not a number"),
        (GSM8K, [{"answer": "so 5\n#### 5", "prompt": "q"}, {"answer": "5", "prompt": "q"}], 1, "of 1 of 2 rows; the first: row 2"),
        (NUMBER.replace("score", "weight: 0, score"), [{"answer": "5", "prompt": "q"}], 2, "some reward must have a weight other than 0"),
        *(
            (
                f"rewards: [{{name: r, score: {{string_match: {{{option}: '{text}'}}}}}}]",
                [{"answer": "5", "prompt": "q"}],
                2,
                f"text '{text}', and the",
            )
            for option in ("equals", "contains")
            for text in ("answer", "references.answer", "reference.answer", "{answer}", "$answer")
        ),
        ("rewards: [{name: r, score: {json_match: answer}}]", [{"answer": "no", "prompt": "q"}], 2, "the reference is not a JSON object"),
        ("rewards: [{name: r, score: {multiple_choice: answer}}]", [{"answer": "E", "prompt": "q"}], 2, "of ABCD"),
        ("rewards: [{name: r, score: {python_tests: answer}}]", [{"answer": "no tests (", "prompt": "q"}], 2, "row 1: "),
        (
            "rewards: [{name: r, score: {group_length: {right: {number_match: answer}}}}]",
            [{"answer": "x", "prompt": "q"}],
            2,
            "the reference is not a number",
        ),
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
    write_rows("train.jsonl", [{"task": "other", "answer": "1", "prompt": "q"}, {"task": "math", "answer": "1", "prompt": "q"}])
    assert run("validate", "rubric.yaml", "--data", "train.jsonl").exit_code == 0


@pytest.mark.parametrize("name", ["nope.jsonl", "data.txt"])
def test_data_that_cannot_be_read_is_told_in_a_line(run, place, name):
    (place / "data.txt").write_text("x")
    result = run("validate", "rubric.yaml", "--data", name)
    assert result.exit_code == 2 and result.stderr.startswith(f"error: {name}: ")


def test_data_is_named_as_for_the_recipes(run, place):
    (place / "mine.py").write_text("def train():\n    return [{'prompt': 'q', 'answer': '2'}] * 5\n")
    (place / "rows.json").write_text(json.dumps([{"prompt": "q", "answer": "2"}] * 5))
    for data in ("mine.py:train", "mine:train", "rows.json"):
        result = run("validate", "rubric.yaml", "--data", data)
        assert (result.exit_code, result.stderr) == (0, "5 rows checked\n")
    result = run("validate", "rubric.yaml", "--data", "mine.py:train", "--no-code")
    assert result.exit_code == 2 and "must not be run here" in result.stderr


def test_a_dataset_on_a_hub_that_cannot_be_reached_is_a_line(run, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = run("validate", "rubric.yaml", "--data", "no/such")
    assert result.exit_code == 2 and result.stderr.startswith("error: 'no/such' is no data file") and result.stderr.count("\n") == 1


GSM8K_LIKE = [
    ("number_match", {}, "Five and five is 10.\n#### 10", "x\n#### 11"),
    ("string_match", {}, "It is 10.\n#### 10", "no mark"),
    ("exact_match", {}, "It is 10.\n#### 10", "#### "),
    ("token_f1", {}, "It is 10.\n#### 10", "no mark"),
    ("math_verify", {}, "It is 10.\n#### 10", "no mark"),
    ("multiple_choice", {}, "It is B.\n#### B", "#### E"),
    ("json_match", {}, 'So\n#### {"a": 1}', "#### 7"),
    ("python_tests", {}, "So\n#### assert f() == 1", "no mark"),
]


@pytest.mark.parametrize(("kind", "options", "good", "bad"), GSM8K_LIKE, ids=[each[0] for each in GSM8K_LIKE])
def test_every_scorer_with_a_reference_parses_it(run, place, write_rows, kind, options, good, bad):
    spec = json.dumps({kind: {"reference": {"column": "answer", "parse": {"after": "####"}}, **options}})
    (place / "rubric.yaml").write_text(f"rewards: [{{name: r, score: {spec}}}]")
    write_rows("train.jsonl", [{"prompt": "q", "answer": good}] * 2)
    assert run("validate", "rubric.yaml", "--data", "train.jsonl").exit_code == 0
    if kind != "number_match" and kind != "string_match":
        write_rows("train.jsonl", [{"prompt": "q", "answer": good}, {"prompt": "q", "answer": bad}])
        assert run("validate", "rubric.yaml", "--data", "train.jsonl").exit_code == 1


def test_whole_floats_and_the_table_of_options_are_told(run, place, write_rows):
    write_rows("train.jsonl", [{"prompt": "q", "answer": 2.0}, {"prompt": "q", "answer": 3.0}])
    result = run("validate", "rubric.yaml", "--data", "train.jsonl")
    assert result.exit_code == 0 and "column 'answer' has whole numbers as floats" in result.stderr
    (place / "rubric.yaml").write_text(ROUTED.replace("name: r,", "name: r, clip: [0, 1],"))
    assert "clip: [0.0, 1.0]" in run("validate", "rubric.yaml").stdout
