"""Lines of a Vertex AI data set as prompts and columns, and back; read by the one reader of data files."""

import json

import pytest
from google.genai import types

from rl_rewards import Sample, load_rubric
from rl_rewards.formats.vertex import row_of_example, validate_reward, vertex_line
from rl_rewards.tables.datasets import dataset_rows, load_dataset
from rl_rewards.tables.readers import read_rows
from rl_rewards.types.rows import RowError
from tests.formats.vertex_cases import string

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
    # what is given twice has two readings
    ({**LINE, "system_instruction": LINE["systemInstruction"]}, "got 'systemInstruction' twice"),
    ({"example": LINE, "references": {"unit": "m"}}, "got 'references' twice"),
    ({**LINE, "response": {"parts": []}, "sampleResponse": {"parts": []}}, "got 'response' twice"),
    ({"contents": [{"parts": [{"functionCall": {"name": "a"}, "function_call": {"name": "b"}}]}]}, "got 'functionCall' twice"),
    ({"contents": [{"parts": [{"text": "x", "thought": "false"}]}]}, "thought must be true or false, got 'false'"),
    # a response is the policy's
    ({**LINE, "response": {"role": "function", "parts": [{"text": "391"}]}}, "must be the model's"),
    ({**LINE, "response": {"parts": [{"functionResponse": {"name": "f", "response": {}}}]}}, "got a tool's message"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_wrong_line_is_a_row_with_a_problem_and_the_others_are_read(tmp_path, line, words):
    with pytest.raises(RowError, match=words.replace("(", r"\(").replace("?", r"\?")):
        row_of_example(line)
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (LINE, line, LINE)))
    rows = list(read_rows(path))
    assert [row.values is None for row in rows] == [False, True, False] and words in rows[1].problem


RESPONSES = [
    ({"role": "model", "parts": [{"text": "391"}]}, 1.0),
    ({"parts": [{"text": "391"}]}, 1.0),
    ({"role": "user", "parts": [{"text": "391"}]}, 1.0),  # what the service takes for a role that is left out
    ({"role": None, "parts": [{"text": "39"}, {"text": "1", "thought": False, "thoughtSignature": "x"}]}, 1.0),
    ({"parts": [{"text": "391", "thought": True}]}, -1.0),
    ({"parts": []}, -1.0),
    ({"role": "system", "parts": [{"text": "391"}]}, None),
    ({"parts": [{"functionResponse": {"name": "f", "response": {}}}]}, None),
    ({"parts": [{"text": "391", "thought": "true"}]}, None),
]


@pytest.mark.parametrize(("response", "expected"), RESPONSES)
def test_a_response_has_one_score_by_validate_by_a_line_and_by_the_server(tmp_path, response, expected):
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from rl_rewards.serving import create_app

    config = string("EXACT_MATCH", "{{references.ground_truth_answer}}")
    found = [validate_reward(config, LINE, response)["overallReward"]]
    (tmp_path / "config.json").write_text(json.dumps(config))
    rubric = load_rubric(tmp_path / "config.json")
    lines = [{**LINE, "response": response}, {"example": LINE, "response": response, "metadata": None}]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for row in read_rows(tmp_path / "lines.jsonl"):
        found += [None] if row.values is None else rubric.evaluate([Sample.from_row(row.values)]).totals()
    with TestClient(create_app({"capital": rubric})) as client:
        found.append(client.post("/", json=lines[1]).json().get("reward"))
        for line in lines:
            reply = client.post("/v1/score", json={"samples": [line]})
            assert (reply.status_code == 200) == (expected is not None)
            found += [row["score"] for row in reply.json().get("results", [{"score": None}])]
    assert found == [expected] * 6


@pytest.mark.parametrize(("line", "pointer"), [({"contents": LINE["contents"]}, ""), ({"example": {"contents": LINE["contents"]}}, "/example")])
def test_a_lines_missing_reference_has_its_place_in_the_line(tmp_path, line, pointer):
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    from rl_rewards.serving import create_app

    path = tmp_path / "rubric.yaml"
    path.write_text("rewards: [{name: it, on_error: raise, score: {string_match: gold}}]")
    with TestClient(create_app({"it": load_rubric(path)})) as client:
        reply = client.post("/v1/score", json={"samples": [{**line, "response": {"parts": [{"text": "x"}]}}]})
    assert reply.status_code == 422 and reply.json()["error"]["pointer"] == f"/samples/0{pointer}/references/gold"


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
