"""Rows -> samples."""

import json

import pytest

from rl_rewards.types.rows import RowError, sample_of

USER, ASSISTANT = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}
TOOL_CALL, TOOL = {"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": "4"}


@pytest.mark.parametrize(
    ("row", "prompt", "completion", "response"),
    [
        # distilabel's columns
        ({"instruction": "2+2?", "response": "4"}, "2+2?", "4", "4"),
        ({"conversation": [USER, ASSISTANT]}, [USER], [ASSISTANT], "4"),
        # the tutorial's
        ({"messages": [USER, ASSISTANT]}, [USER], [ASSISTANT], "4"),
        ({"messages": json.dumps([USER, ASSISTANT])}, [USER], [ASSISTANT], "4"),  # a cell of CSV
        ({"messages": [USER, ASSISTANT, USER, ASSISTANT]}, [USER, ASSISTANT, USER], [ASSISTANT], "4"),
        ({"messages": [USER, ASSISTANT, USER]}, [USER], [ASSISTANT, USER], "4"),
        ({"messages": [USER, TOOL_CALL, TOOL, ASSISTANT]}, [USER, TOOL_CALL, TOOL], [ASSISTANT], "4"),
        ({"messages": [USER, TOOL_CALL, TOOL]}, [USER], [TOOL_CALL, TOOL], ""),
        ({"messages": [ASSISTANT]}, [], [ASSISTANT], "4"),
        # TRL's
        ({"prompt": "2+2?", "completion": "4"}, "2+2?", "4", "4"),
        ({"prompt": [USER], "completion": [ASSISTANT]}, [USER], [ASSISTANT], "4"),
        ({"prompt": [USER], "completion": [TOOL_CALL, TOOL, ASSISTANT]}, [USER], [TOOL_CALL, TOOL, ASSISTANT], "4"),
        ({"prompt": "2+2?", "completion": ""}, "2+2?", "", ""),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "image", "text": None}, {"type": "text", "text": "4"}, "!"]}]},
            [],
            [{"role": "assistant", "content": [{"type": "image", "text": None}, {"type": "text", "text": "4"}, "!"]}],
            "4!",
        ),
        # columns that a table has for other rows
        ({"messages": None, "conversation": None, "prompt": "2+2?", "completion": "4"}, "2+2?", "4", "4"),
        ({"prompt": "only for training", "completion": None, "instruction": "2+2?", "response": "4"}, "2+2?", "4", "4"),
    ],
)
def test_a_row_holds_a_prompt_and_a_completion(row, prompt, completion, response):
    sample = sample_of(row)
    assert (sample.prompt, sample.completion, sample.response) == (prompt, completion, response)


def test_all_other_columns_are_references():
    assert sample_of({"prompt": "a", "completion": "b", "answer": 4, "task": None}).references == {"answer": 4, "task": None}
    assert sample_of({"messages": [ASSISTANT], "prompt": "a", "answer": 4}).references == {"prompt": "a", "answer": 4}


def test_tokens_are_counted_by_the_column_or_else_the_tokenizer():
    row = {"prompt": "a", "completion": "b c d"}
    assert sample_of(row).completion_ids is None
    assert sample_of(row, tokenize=str.split).completion_ids == ["b", "c", "d"]
    assert sample_of({**row, "completion_ids": [1]}, tokenize=str.split).completion_ids == [1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, r"no response in this row: it needs messages or conversation or prompt \+ completion or instruction \+ response, and has"),
        ({"prompt": "a", "answer": None}, r"has values for \['prompt'\]"),
        ({"instruction": "a"}, "no response"),
        ({"messages": [USER]}, r"'messages' has no assistant turn, its roles are \['user'\]"),
        # what a caller writes and no reward reads is the caller's mistake, as it is by HTTP, and no empty response
        (
            {"messages": [USER, {**ASSISTANT, "content": {"text": "4"}}]},
            "'messages': message 2: content must be text, null or a list of parts, got dict",
        ),
        ({"prompt": "2+2?", "completion": [{**ASSISTANT, "content": [4]}]}, "'completion': message 1: content must be a list of objects, got int"),
        ({"messages": [{**ASSISTANT, "content": [{"type": "text", "text": 4}]}]}, "text must be text, got int"),
        ({"messages": [{**ASSISTANT, "reasoning_content": 4}]}, "reasoning_content must be text, got int"),
        ({"messages": []}, "no assistant turn"),
        ({"messages": 5}, "'messages' must be a list of messages, found int: 5"),
        ({"messages": "hello"}, "'messages' is text, but not the JSON of a list"),
        ({"prompt": "q", "completion": [{"role": "model", "content": "4"}]}, r"'completion' has no assistant turn, its roles are \['model'\]"),
        ({"instruction": "q", "response": [USER]}, r"'response' has no assistant turn, its roles are \['user'\]"),
        ({"messages": '{"role": "user"}'}, "must be a list of messages, found dict"),
        ({"messages": ["hello"]}, "'messages': A message must be a dict"),
        ({"conversation": [{"content": "x"}]}, "'conversation': Role is required"),
        ({"conversation": [{"role": 5}]}, "Role is required"),
        ({"messages": [{"role": "user", "self": 1}]}, "'messages'"),
        ({"prompt": "a", "completion": 4}, "'completion' must be text or a list of messages, found int: 4"),
        ({"prompt": [None], "completion": "b"}, "'prompt': A message must be a dict"),
    ],
)
def test_a_row_that_is_no_sample_says_why(row, message):
    with pytest.raises(RowError, match=message):
        sample_of(row)
