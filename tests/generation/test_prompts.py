"""Prompts: what a file may say, and what is asked of a row with it."""

import pytest

from rl_rewards.generation import Example, Prompt, load_prompt, prompt_of
from rl_rewards.generation.model import Completion
from rl_rewards.generation.prompt_rows import row_with
from rl_rewards.types import Sample
from rl_rewards.types.rows import RowError
from rl_rewards.user_errors import UserError

S, U, A = ({"role": role, "content": role[0]} for role in ("system", "user", "assistant"))
EXAMPLES = (Example("1+1", "2"), Example("2+2", "4"))
SOLVED = [
    {"role": "user", "content": "1+1"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2+2"},
    {"role": "assistant", "content": "4"},
]


@pytest.mark.parametrize(
    ("prompt", "row", "asked"),
    [
        (Prompt(), "q", "q"),
        (Prompt(), [S, U], [S, U]),
        (Prompt(system="Be."), "q", [{"role": "system", "content": "Be."}, {"role": "user", "content": "q"}]),
        (Prompt(system="Be."), [S, U], [{"role": "system", "content": "Be."}, U]),
        (Prompt(system=""), [S, U], [U]),
        (Prompt(instructions="Do."), "q", [{"role": "user", "content": "Do.\n\nq"}]),
        (Prompt(instructions="Do."), [S, U, A, U], [S, U, A, {"role": "user", "content": "Do.\n\nu"}]),
        (Prompt(instructions="Do."), [S], [S, {"role": "user", "content": "Do."}]),
        (
            Prompt(instructions="Do."),
            [{"role": "user", "content": [{"type": "image"}]}],
            [{"role": "user", "content": [{"type": "text", "text": "Do.\n\n"}, {"type": "image"}]}],
        ),
        (Prompt(examples=EXAMPLES), [S, U], [S, *SOLVED, U]),
        (Prompt("Be.", "Do.", EXAMPLES), "q", [{"role": "system", "content": "Be."}, *SOLVED, {"role": "user", "content": "Do.\n\nq"}]),
    ],
)
def test_a_prompt_is_put_before_a_row(prompt, row, asked):
    assert prompt.apply(row) == asked


def test_prompts_are_told_apart_by_texts_and_the_set_of_examples():
    assert Prompt(examples=EXAMPLES).key == Prompt(examples=EXAMPLES[::-1]).key
    keys = {Prompt().key, Prompt(examples=EXAMPLES).key, Prompt(examples=EXAMPLES[:1]).key, Prompt("a").key, Prompt(None, "a").key, Prompt("").key}
    assert len(keys) == 6


@pytest.mark.parametrize(
    "text", ["yes", "010", "1e-6", "", " padded ", "two\nlines", "tab\there", "ends\n", "a: b", "# no", "é \u2028 \x07", "- x", "true", "'\"\\"]
)
def test_a_saved_prompt_loads_back_equal(tmp_path, text):
    prompt = Prompt(text, text, (Example(text, text),))
    prompt.save(tmp_path / "prompt.yaml", {"optimizer": "random_few_shot"})
    assert load_prompt(tmp_path / "prompt.yaml") == prompt


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sytem: Be.", r"prompt.yaml:1: sytem: unknown; allowed are system, instructions, examples, search; did you mean 'system'\?"),
        ("system: 1", "prompt.yaml:1: system: must be text, found 1"),
        ("- a", "must be a mapping with system, instructions, examples, search, found list"),
        ("search: {}", "must have one of system, instructions, examples"),
        ("", "must be a mapping"),
        ("system: a\nexamples: b", "prompt.yaml:2: examples: must be a list"),
        ("examples:\n- {prompt: a}", r"prompt.yaml:2: examples\[0\].completion: must be text, found None"),
        ("examples:\n- {prompt: a, completions: b}", "did you mean 'completion'"),
        ("examples:\n- a", r"examples\[0\]: must be a mapping"),
        ("system: a\nsystem: b", "prompt.yaml:2: system: given twice"),
    ],
)
def test_a_file_that_is_no_prompt_says_where_and_what_is_allowed(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompt.yaml").write_text(content)
    with pytest.raises(UserError, match=words):
        load_prompt("prompt.yaml")


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"prompt": "q", "completion": "old"}, "q"),
        ({"prompt": '[{"role": "user", "content": "u"}]'}, '[{"role": "user", "content": "u"}]'),
        ({"prompt": [S, {**U, "tool_calls": None}]}, [S, U]),
        ({"messages": [S, U, A]}, [S, U]),
        ({"messages": [U, A, U]}, [U, A, U]),
        ({"messages": [U]}, [U]),
        ({"conversation": '[{"role": "user", "content": "u"}]'}, [U]),
        ({"instruction": "q", "response": "old"}, "q"),
    ],
)
def test_the_prompt_of_a_row(row, prompt):
    assert prompt_of(row) == prompt


@pytest.mark.parametrize(
    "row", [{}, {"question": "q"}, {"prompt": ""}, {"prompt": []}, {"messages": [A]}, {"prompt": [{"content": "q"}]}, {"prompt": 5}]
)
def test_a_row_without_a_prompt_is_refused(row):
    with pytest.raises(RowError):
        prompt_of(row)


@pytest.mark.parametrize("prompt", ["q", [U]])
def test_a_row_with_its_completion_is_a_sample(prompt):
    row = row_with({"messages": [U, A], "response": "old", "answer": "4"}, prompt, Completion("4", token_ids=[7], finish_reason="stop"), 2)
    sample = Sample.from_row(row)
    assert (sample.prompt, sample.response, sample.completion_ids) == (prompt, "4", [7])
    assert sample.references == {"answer": "4", "completion_ids": [7], "sample": 2, "finish_reason": "stop"}


def test_reasoning_apart_from_the_text_stays_apart():
    sample = Sample.from_row(row_with({}, "q", Completion("4", reasoning="2 and 2")))
    assert (sample.reasoning, sample.response) == ("2 and 2", "4")
