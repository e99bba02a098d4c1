"""The embedded recipe's task and policy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("datasets")
pytest.importorskip("transformers")

from transformers import AutoConfig, AutoTokenizer

from recipes import arithmetic
from tests import forked

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "recipes" / "policies" / "arithmetic"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(POLICY)


def questions_of(dataset):
    return {row["prompt"][0]["content"] for row in dataset}


def test_every_answer_is_right():
    for question in arithmetic.questions():
        assert question.answer == str(eval(question.working))
        assert str(question.a) in question.text and str(question.b) in question.text


def test_test_asks_held_out_wordings_only_and_a_fifth_of_it_is_seen_at_no_time():
    test = questions_of(arithmetic.test())
    assert len(test) == 310
    assert len(test - {question.text for question in arithmetic.warm_start()}) == 64
    assert all(question.held_out_wording for question in arithmetic.questions() if question.text in test)


def test_held_out_wordings_and_operands_never_occur_in_training():
    train = questions_of(arithmetic.train())
    trained = [question for question in arithmetic.questions() if question.text in train]
    assert len(trained) == 492
    assert not any(question.held_out_wording for question in trained)
    assert not {frozenset((q.a, q.b)) for q in trained} & {frozenset(pair) for pair in arithmetic.HELD_OUT_OPERANDS}


def test_every_answer_of_the_test_is_trained_on_too():
    assert set(arithmetic.test()["answer"]) <= set(arithmetic.train()["answer"])


def test_tags_are_single_tokens_that_decoding_keeps(tokenizer):
    text = "<think>3 + 4 = 7</think><answer>7</answer>"
    ids = tokenizer(text)["input_ids"]
    assert all(tokenizer.convert_tokens_to_ids(tag) in ids for tag in TAGS)
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_any_text_encodes_and_decodes_to_itself(tokenizer):
    text = "Ænima 日本 🙂\t<b>\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_nothing_follows_the_last_end_of_turn(tokenizer):
    turns = [{"role": "user", "content": "What is 1 + 1?"}, {"role": "assistant", "content": "<answer>2</answer>"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False).endswith("<|im_end|>")
    prompt = tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(turns, tokenize=False).startswith(prompt)


def test_committed_policy_is_small_and_has_the_tokenizer_it_is_shipped_with(tokenizer):
    assert sum(file.stat().st_size for file in POLICY.iterdir()) < 400 * 1024
    config = AutoConfig.from_pretrained(POLICY)
    assert config.vocab_size == len(tokenizer)
    assert config.eos_token_id == tokenizer.eos_token_id and config.pad_token_id == tokenizer.pad_token_id


def test_maker_writes_the_same_bytes_twice(tmp_path):
    command = ("scripts/make_tiny_policy.py", "--steps", "2", "--output")
    subprocess.run([sys.executable, *command, tmp_path / "one"], cwd=ROOT, check=True, capture_output=True)  # its hashes have a seed of their own
    forked.run(*command, tmp_path / "two")
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert files == sorted(file.name for file in POLICY.iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert json.loads((tmp_path / "one" / "tokenizer.json").read_text()) == json.loads((POLICY / "tokenizer.json").read_text())
