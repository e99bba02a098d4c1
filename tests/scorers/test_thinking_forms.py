"""Reasoning in the text, opened by the prompt, or split off by the trainer: every reward sees the same response."""

import pytest

from rl_rewards import Reward, Rubric
from rl_rewards.types import Sample, response_of

COLUMNS = {"answer": "42", "object": {"a": 42}}


def inline(thought, said):
    return Sample("q", text := f"<think>{thought}</think>{said}", text, COLUMNS)


def opened(thought, said):
    return Sample("q\n<think>", text := f"{thought}</think>{said}", text, COLUMNS)


def messages(thought, said):
    return apart(None, f"<think>{thought}</think>{said}")


def apart(thought, said, key="reasoning_content"):
    turns = [{"role": "assistant", "content": said, key: thought}]
    return Sample([{"role": "user", "content": "q"}], turns, response_of(turns), COLUMNS)


def vllm(thought, said):
    return apart(thought, said, "reasoning")


def gpt_oss(thought, said):
    return apart(thought, said, "thinking")


FORMS = [inline, opened, messages, apart, vllm, gpt_oss]
RESIDUE = ["", "<|im_end|>", "</s>", "<|eot_id|>\n", "<end_of_turn>", "<|endoftext|><|endoftext|>", "<｜end▁of▁sentence｜>", " <pad><pad>"]
GOOD = ("First, we add 40 and 2.\n- So the sum is 42.", "\n<answer>42</answer>")
# reward -> what it must give for a good response, for one whose answer is in its thinking alone, and for one that says it bare
STRING = {"string_match": {"equals": "{{references.answer}}"}}
REWARDS = [
    (Reward("r", STRING, {"tag": "answer"}), (1, 0, 0)),
    (Reward("r", STRING, {"tag": {"name": "answer", "thinking": "keep"}}), (1, 1, 0)),
    (Reward("r", STRING, [{"after": "</think>"}, {"tag": "answer"}]), (1, 0, 0)),
    (Reward("r", STRING, {"after": "</think>"}), (0, 0, 1)),
    (Reward("r", STRING), (0, 0, 1)),
    (Reward("r", {"string_match": {"contains": "42"}}), (1, 0, 1)),
    (Reward("r", {"string_match": {"contains": "42"}}, {"tag": "think"}), (1, 1, 0)),
    (Reward("r", STRING, {"regex": r"<answer>(\d+)"}), (1, 0, 0)),
    (Reward("r", STRING, {"regex": r"(?s)<think>.*</think>.*<answer>(\d+)"}), (1, 0, 0)),
    (Reward("r", "think_answer_format"), (1, 0, 0)),
    (Reward("r", "tag_count"), (1, 1, 0.5)),
    (Reward("r", {"reasoning_steps": 2}), (1, 0, 0)),
    (Reward("r", {"regex_match": {"pattern": r"(?s)\s*<answer>.*</answer>\s*", "mode": "full"}}), (1, 0, 0)),
    (Reward("r", {"number_match": "answer"}, {"tag": "answer"}), (1, 0, 0)),
    (Reward("r", {"soft_overlong": {"max_tokens": 4, "buffer_tokens": 2, "unit": "words"}}), (-1, -1, 0)),
]
RESPONSES = [GOOD, ("<answer>42</answer>", " I do not know."), ("hm", "42")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("reward", "scores"), REWARDS, ids=lambda value: None)
def test_a_reward_gives_the_same_however_the_reasoning_comes(form, reward, scores):
    for response, expected in zip(RESPONSES, scores, strict=True):
        result = Rubric((reward,)).evaluate([form(*response)])
        assert result.columns["r"].scores == [expected], (response, result.columns["r"].results)


@pytest.mark.parametrize("residue", RESIDUE)
@pytest.mark.parametrize(("reward", "scores"), REWARDS, ids=lambda value: None)
def test_what_a_tokenizer_leaves_at_the_end_changes_no_score(reward, scores, residue):
    for (thought, said), expected in zip(RESPONSES, scores, strict=True):
        result = Rubric((reward,)).evaluate([inline(thought, said + residue), apart(thought, said + residue)])
        assert result.columns["r"].scores == [expected, expected]


@pytest.mark.parametrize(
    "reward",
    [
        Reward("r", STRING, {"tag": "answer"}),
        Reward("r", STRING, [{"after": "</think>"}, {"tag": "answer"}]),
        Reward("r", {"number_match": "answer"}, {"regex": r"(\d+)"}),
        Reward("r", {"string_match": {"contains": "42"}}),
        Reward("r", {"json_match": "object"}, "json"),
    ],
)
@pytest.mark.parametrize("cut", ["<think>42 <answer>42</answer>", "<answer>42</answer><think>or", '<think>{"a": 42}'])
def test_thinking_that_never_closes_is_unparsed(reward, cut):
    turns = [{"role": "assistant", "content": "", "reasoning_content": cut}]
    opened = Sample("q <think>", "42 <answer>42</answer>", "42 <answer>42</answer>", COLUMNS)
    results = Rubric((reward,)).evaluate([Sample("q", cut, cut, COLUMNS), Sample("q", turns, "", COLUMNS), opened]).columns["r"]
    assert results.scores == [0, 0, 0] and [outcome.value for outcome in results.outcomes] == ["unparsed"] * 3
