"""`rl-rewards preview`."""

import json

import pytest

TUTORIAL_SAMPLES = [
    ("What is machine learning?", "Machine learning is a subset of artificial intelligence that enables computers to learn from data."),
    ("What is machine learning?", "Artificial intelligence has many applications in today's world."),
    ("How can I improve my cooking skills?", "To answer your question about improving cooking skills, I recommend practice."),
]
# A function as the tutorial has it: messages in, an EvaluateResult with components out.
RELEVANCE = """
from typing import List

from rl_rewards import EvaluateResult, Message, MetricResult, reward_function


@reward_function
def evaluate(messages: List[Message], original_messages: List[Message] = list(), **kwargs) -> EvaluateResult:
    asked = set(messages[-2].content.lower().split())
    overlap = len(asked & set(messages[-1].content.lower().split())) / len(asked)
    print("a user's own output")
    metrics = {"keyword_overlap": MetricResult(score=overlap, reason=f"{overlap:.2f} of the words")}
    return EvaluateResult(score=overlap, reason=f"Relevance score: {overlap:.2f}", metrics=metrics)
"""


def preview_json(run, *arguments):
    result = run("preview", *arguments, "--json")
    return result, json.loads(result.stdout)["samples"]


def test_the_tutorials_command_shows_each_sample_with_its_components(run, place, write_rows):
    (place / "metrics" / "relevance").mkdir(parents=True)
    (place / "metrics" / "relevance" / "main.py").write_text(RELEVANCE)
    turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in TUTORIAL_SAMPLES]
    write_rows("samples.jsonl", [{"messages": messages} for messages in turns])
    result = run("preview", "metrics/relevance/main.py:evaluate", "--samples", "samples.jsonl")
    assert result.exit_code == 0
    for piece in ("1. Machine learning is", "3. To answer", "evaluate", "Relevance score: 0.50", "keyword_overlap", "0.50 of the words", "total"):
        assert piece in result.stdout
    result, samples = preview_json(run, "metrics/relevance/main.py:evaluate", "--samples", "samples.jsonl")
    assert [round(sample["score"], 4) for sample in samples] == [0.5, 0.0, 0.2857]
    assert samples[0]["rewards"]["evaluate"]["components"] == [{"name": "keyword_overlap", "score": 0.5, "reason": "0.50 of the words"}]
    assert "a user's own output" in result.stderr


FORMAT_REASON = "'<answer>[^<]*</answer>' does not match 'four'"


def test_every_reward_of_every_sample_is_in_the_json(run):
    result, samples = preview_json(run, "rubric.yaml", "--samples", "data.jsonl")
    assert result.exit_code == 0
    assert samples[2] == {
        "number": 3,
        "prompt": "1+3?",
        "references": {"answer": "4"},
        "response": "four",
        "score": 0.0,
        "rewards": {
            "correct": {"parsed": None, "score": 0.0, "outcome": "unparsed", "reason": "no answer in the response", "components": []},
            "format": {"parsed": "four", "score": 0.0, "outcome": "scored", "reason": FORMAT_REASON, "components": []},
        },
    }
    assert [sample["score"] for sample in samples] == [1.5, 0.5, 0.0]


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        ("raise ValueError('boom')", "error", "ValueError: boom"),
        ("return float('nan')", "error", "a score must be a finite number, got nan"),
        ("return float('inf')", "error", "a score must be a finite number, got inf"),
        ("return 'good'", "error", "'good'"),
        ("return {'scor': 1}", "error", "it needs 'score'"),
        ("return None", "skipped", "returned None"),
    ],
)
def test_status_is_0_only_if_every_reward_ran(run, place, body, outcome, reason):
    (place / "mine.py").write_text(f"def mine(response, **kwargs):\n    {body}\n")
    result, samples = preview_json(run, "mine.py:mine", "--samples", "data.jsonl")
    assert result.exit_code == (0 if outcome == "skipped" else 1)
    told = samples[0]["rewards"]["mine"]
    assert (told["score"], told["outcome"]) == (None, outcome) and reason in told["reason"]
    assert ("reward 'mine' failed on 3 of 3 rows" in result.stderr) == (outcome == "error")


def test_a_batch_that_raises_is_told_in_a_line_and_with_its_traceback_when_wanted(run, place):
    (place / "mine.py").write_text("def mine(completions, **kwargs):\n    raise ValueError('boom')\n")
    (place / "rubric.yaml").write_text('rewards: [{name: r, score: {function: {path: "mine.py:mine", mode: batch}}}]')
    quiet, loud = (run("preview", "rubric.yaml", "--samples", "data.jsonl", *more) for more in ((), ("--verbose",)))
    assert quiet.stderr == "reward 'r' failed on 3 of 3 rows; the first: outcome error, ValueError: boom (mine.py:2 in mine)\n"
    assert quiet.stderr in loud.stderr and "Traceback" in loud.stderr and "mine.py" in loud.stderr


HANGS_UNTIL_WARNED = """
import logging
import threading


class Warned(logging.Handler):
    def __init__(self):
        super().__init__()
        self.event = threading.Event()

    def emit(self, record):
        self.event.set()


def mine(completions, **kwargs):
    warned, logger = Warned(), logging.getLogger("rl_rewards")
    logger.addHandler(warned)
    assert warned.event.wait(300)
    logger.removeHandler(warned)
    return [1.0] * len(completions)
"""


def test_a_reward_that_hangs_is_named_while_it_does(run, place):
    (place / "mine.py").write_text(HANGS_UNTIL_WARNED)
    (place / "rubric.yaml").write_text('rewards: [{name: r, score: {function: {path: "mine.py:mine", mode: batch}}}]\nwarn_after: 0.02')
    result = run("preview", "rubric.yaml", "--samples", "data.jsonl")
    assert result.exit_code == 0 and "reward 'r' is still scoring a batch of 3" in result.stderr


def test_a_batch_function_with_too_few_results_is_a_failure_of_ours(run, place):
    (place / "mine.py").write_text("def mine(completions, **kwargs):\n    return [1.0]\n")
    (place / "rubric.yaml").write_text('rewards: [{name: r, score: {function: {path: "mine.py:mine", mode: batch}}}]')
    result, samples = preview_json(run, "rubric.yaml", "--samples", "data.jsonl")
    assert result.exit_code == 1 and "returned 1 results for a batch of 3" in samples[0]["rewards"]["r"]["reason"]


@pytest.mark.parametrize(
    "response",
    ["", "\ud800", "\0", "\x1b[2J\x1b]0;owned\x07", "[bold]x[/bold]", "x" * 10_000_000, "\u202e", "\r\n"],
    ids=["empty", "surrogate", "NUL", "escape codes", "markup", "10 MB", "direction", "line break"],
)
def test_hostile_text_is_shown_and_not_obeyed(run, place, write_rows, response):
    write_rows("samples.jsonl", [{"prompt": "q", "completion": response, "answer": "4"}])
    result = run("preview", "rubric.yaml", "--samples", "samples.jsonl")
    assert result.exit_code == 0 and len(result.stdout) < 10_000
    assert not {"\x1b", "\0", "\ud800", "\u202e"} & set(result.stdout)
    if "bold" in response:
        assert response in result.stdout
    _, [sample] = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert sample["response"] == response


def test_a_message_without_content_is_an_empty_response(run, place, write_rows):
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": None}]
    write_rows("samples.jsonl", [{"messages": messages, "answer": "4"}])
    _, [sample] = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert sample["response"] == "" and sample["rewards"]["correct"]["outcome"] == "unparsed"


def test_a_group_is_whole_wherever_its_rows_are(run, place, write_rows):
    (place / "rubric.yaml").write_text("rewards: [{name: short, score: {group_length: {right: {string_match: answer}, unit: characters}}}]")
    write_rows("samples.jsonl", [{"prompt": prompt, "completion": text, "answer": "a"} for text in ("a", "ab", "abb") for prompt in ("p", "q")])
    result, samples = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert [(sample["number"], sample["score"]) for sample in samples] == list(enumerate([0.5, 0.5, 0.0, 0.0, -0.5, -0.5], 1))
    assert "the rows of 2 groups are not next to each other" in result.stderr


def test_rows_that_are_no_samples_are_told_and_status_is_1(run, place, write_rows):
    write_rows("samples.jsonl", ["oops", {"prompt": "q", "completion": "a", "answer": "4"}, {"answer": "4"}])
    result, samples = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert result.exit_code == 1 and [sample["number"] for sample in samples] == [2]
    assert "samples.jsonl:1: not JSON" in result.stderr and "samples.jsonl:3: no response in this row" in result.stderr


@pytest.mark.parametrize(("content", "message"), [("", "no samples"), ("oops\n", "no samples, 1 row with problems")])
def test_a_file_without_samples_cannot_be_shown(run, place, content, message):
    (place / "samples.jsonl").write_text(content)
    result = run("preview", "rubric.yaml", "--samples", "samples.jsonl")
    assert result.exit_code == 2 and message in result.stderr


def test_a_missing_reference_is_a_failure_of_ours_and_no_zero(run, place, write_rows):
    write_rows("samples.jsonl", [{"prompt": "q", "completion": "<answer>4</answer>"}])
    result, [sample] = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert result.exit_code == 1
    assert sample["rewards"]["correct"]["score"] is None and "no reference 'answer'" in sample["rewards"]["correct"]["reason"]


def test_long_files_are_cut_and_it_is_said(run, place, write_rows):
    write_rows("samples.jsonl", [{"prompt": "q", "completion": "a", "answer": "4"}] * 30)
    result, samples = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert len(samples) == 20 and "the first 20 rows; --max-samples shows more" in result.stderr
    result, _ = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl", "--max-samples", "1")
    assert result.stderr == "the first row; --max-samples shows more\n"
    result, samples = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl", "--max-samples", "30")
    assert len(samples) == 30 and result.stderr == ""


def test_tokens_are_counted_by_the_data_or_by_a_tokenizer(run, place, write_rows):
    (place / "rubric.yaml").write_text("rewards: [{name: length, score: {soft_overlong: {max_tokens: 4, buffer_tokens: 2}}}]")
    write_rows("ids.jsonl", [{"prompt": "q", "completion": "a b c d e f", "completion_ids": list(range(6))}])
    _, [sample] = preview_json(run, "rubric.yaml", "--samples", "ids.jsonl")
    assert sample["score"] == -1.0
    result, [sample] = preview_json(run, "rubric.yaml", "--samples", "data.jsonl", "--max-samples", "1")
    assert result.exit_code == 1 and "no token ids" in sample["rewards"]["length"]["reason"]


def test_a_tokenizer_counts_tokens_where_the_data_does_not(run, place, write_rows):
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(place / "tokenizer")
    (place / "rubric.yaml").write_text("rewards: [{name: length, score: {soft_overlong: {max_tokens: 4, buffer_tokens: 2}}}]")
    write_rows("samples.jsonl", [{"prompt": "q", "completion": "a a a a a a"}, {"prompt": "q", "completion": "a"}])
    result, samples = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl", "--tokenizer", "tokenizer")
    assert [sample["score"] for sample in samples] == [-1.0, 0.0]
    result = run("preview", "rubric.yaml", "--samples", "samples.jsonl", "--tokenizer", "./nope")
    assert result.exit_code == 2 and "nope" in result.stderr


def test_prompt_references_and_a_reason_for_every_wrong_answer_are_shown(run, place, write_rows):
    (place / "rubric.yaml").write_text(
        "rewards:\n"
        "- {name: text, score: {string_match: answer}}\n"
        "- {name: number, score: {number_match: answer}}\n"
        "- {name: words, score: {exact_match: answer}}\n"
        "- {name: overlap, score: {token_f1: answer}}\n"
        "- {name: pattern, score: {regex_match: '[a-z]+'}}\n"
        "- {name: choice, score: {multiple_choice: letter}}\n"
        "- {name: other, when: {task: other}, score: {string_match: answer}}\n"
        "- {name: length, score: {length_window: {min_tokens: 1, max_tokens: 3, unit: words}}, gate: {reward: text}}\n"
    )
    row = {"prompt": [{"role": "system", "content": "be short"}, {"role": "user", "content": "1+1?"}], "completion": "3"}
    write_rows("samples.jsonl", [{**row, "answer": "2", "letter": "B", "task": "sums"}])
    result = run("preview", "rubric.yaml", "--samples", "samples.jsonl")
    for piece in ("prompt: 1+1?", "answer: 2", "letter: B", "'3' is not '2'", "does not match '3'", "F1 0", "not for this row: other"):
        assert piece in result.stdout, piece
    assert "gate closed: 'text' is below 1; without it 1" in result.stdout
    _, [sample] = preview_json(run, "rubric.yaml", "--samples", "samples.jsonl")
    assert sample["prompt"] == row["prompt"] and sample["references"] == {"answer": "2", "letter": "B", "task": "sums"}
    assert sample["rewards"]["length"]["gate_open"] is False and "gate_open" not in sample["rewards"]["text"]
    for name, reward in sample["rewards"].items():
        assert reward["reason"], name


def test_a_literal_that_is_the_name_of_a_column_is_told(run, place):
    (place / "rubric.yaml").write_text("rewards: [{name: r, score: {string_match: {equals: answer}}}]")
    assert "`reference: answer` is the column" in run("preview", "rubric.yaml", "--samples", "data.jsonl").stderr


def test_nan_is_null_in_json(run, place, write_rows):
    write_rows("samples.jsonl", ['{"prompt": "q", "completion": "a", "answer": "4", "x": NaN}'])
    (place / "rubric.yaml").write_text(
        "rewards: [{name: r, when: {task: x}, score: {string_match: answer}}, {name: s, score: {function: mine.py:mine}}]"
    )
    (place / "mine.py").write_text("def mine(response, x):\n    return {'score': 1.0, 'metrics': {'x': x}}\n")
    result = run("preview", "rubric.yaml", "--samples", "samples.jsonl", "--json")
    assert "NaN" not in result.stdout and json.loads(result.stdout)["samples"][0]["references"]["x"] is None
    run("score", "rubric.yaml", "samples.jsonl", "--out", "out.jsonl")
    assert "NaN" not in (place / "out.jsonl").read_text()
