"""Lines of a Vertex AI data set as prompts and columns, and back; read by the one reader of data files."""

import json

import pytest
from google.genai import types

from rl_rewards.formats.vertex import row_of_example, vertex_line
from rl_rewards.tables.datasets import dataset_rows, load_dataset
from rl_rewards.tables.readers import read_rows
from rl_rewards.types.rows import RowError

LINE = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "17 * 23?"}]},
        {"role": "model", "parts": [{"text": "391"}]},
        {"role": "user", "parts": [{"text": "Sure?"}, {"text": "Really?"}]},
    ],
    "references": {"ground_truth_answer": "391", "unit": ""},
}
ROW = {
    "prompt": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "17 * 23?"},
        {"role": "assistant", "content": "391"},
        {"role": "user", "content": [{"type": "text", "text": "Sure?"}, {"type": "text", "text": "Really?"}]},
    ],
    "ground_truth_answer": "391",
    "unit": "",
}
TOOLS = {
    "contents": [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {"role": "model", "parts": [{"text": "I look."}, {"functionCall": {"name": "weather", "args": {"city": "Rome"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}]},
        {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Blue."}]},
        {"role": "user", "parts": [{"text": "And now?"}]},
    ],
    "tools": [{"functionDeclarations": [{"name": "weather", "description": "the weather"}]}],
}
LINES = {"plain": LINE, "tools": TOOLS, "bare": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}


def snake(line):
    return {{"systemInstruction": "system_instruction"}.get(name, name): value for name, value in line.items()}


def test_a_line_is_a_prompt_and_a_column_for_each_reference():
    assert row_of_example(LINE) == row_of_example(snake(LINE)) == ROW
    row = row_of_example(TOOLS)
    assert [message["role"] for message in row["prompt"]] == ["user", "assistant", "tool", "assistant", "user"]
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    assert row["prompt"][1] == {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    assert row["prompt"][3] == {"role": "assistant", "content": "Blue.", "reasoning_content": "Hm."}
    assert row["tools"] == TOOLS["tools"]


@pytest.mark.parametrize("name", LINES)
def test_back_it_is_the_same_line_and_of_the_sdks_type(name):
    line = vertex_line(row_of_example(LINES[name]))
    assert line == LINES[name]
    types.ReinforcementTuningExample.model_validate(line)


def test_a_row_of_trls_becomes_a_line_with_text_for_every_reference():
    line = vertex_line({"prompt": "2 + 2?", "answer": 4, "choices": ["3", "4"], "none": None, "completion": "4"})
    assert line == {"contents": [{"role": "user", "parts": [{"text": "2 + 2?"}]}], "references": {"answer": "4", "choices": '["3", "4"]'}}


WRONG = [
    ({"contents": []}, "at least one turn"),
    ({"contents": "x"}, "not JSON"),
    ({"contents": {"role": "user"}}, "'contents' must be a list"),
    ({"contents": ["x"]}, "not JSON"),
    ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "did you mean 'model'?"),
    ({"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": "gs://b/x.png"}}]}]}, "fileData"),
    ({"contents": [{"role": "user", "parts": [{"text": 3}]}]}, "text must be text"),
    ({"contents": [{"role": "user", "text": "x"}]}, "got 'text'"),
    ({**LINE, "references": {"answer": 391}}, "the reference 'answer' must be text, got int"),
    ({**LINE, "references": {"prompt": "x"}}, "must have another name"),
    ({**LINE, "references": ["x"]}, "'references' must be an object"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_wrong_line_is_a_row_with_a_problem_and_the_others_are_read(tmp_path, line, words):
    with pytest.raises(RowError, match=words.replace("(", r"\(").replace("?", r"\?")):
        row_of_example(line)
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (LINE, line, LINE)))
    rows = list(read_rows(path))
    assert [row.values is None for row in rows] == [False, True, False] and words in rows[1].problem


def test_every_kind_of_file_and_a_function_give_the_same_rows(tmp_path):
    import datasets

    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (LINE, LINE)))
    (tmp_path / "data.json").write_text(json.dumps([LINE, LINE]))
    datasets.Dataset.from_list([LINE, LINE]).to_parquet(tmp_path / "data.parquet")
    (tmp_path / "made.py").write_text(f"LINES = {[LINE, LINE]!r}\ndef rows():\n    return LINES\n")
    names = [str(tmp_path / name) for name in ("data.jsonl", "data.json", "data.parquet", "made.py:rows")]
    for name in names:
        assert [row.values for row in dataset_rows(name)] == [ROW, ROW], name
        dataset = load_dataset(name)
        assert dataset.column_names == list(ROW) and dataset[1]["ground_truth_answer"] == "391", name
        assert [turn["role"] for turn in dataset[0]["prompt"]] == ["system", "user", "assistant", "user"], name


def test_columns_of_other_data_that_are_called_contents_or_example_stay(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [{"prompt": "q", "completion": "a", "contents": "x"}, {"prompt": "q", "completion": "a", "example": {"contents": 1}}, {"example": "x"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.values for row in read_rows(path)] == rows
