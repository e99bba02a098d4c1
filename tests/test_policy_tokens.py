"""Which tokens of a completion the policy wrote: a tool's result is never the policy's."""

import pytest

pytest.importorskip("transformers")

from pathlib import Path

from transformers import AutoTokenizer

from rl_rewards import Outcome, Reward, Rubric, Sample
from rl_rewards.policy_tokens import PolicyTokenizer

POLICY = Path(__file__).parent.parent / "recipes" / "policies" / "arithmetic"
# Two chat templates, the second of which calls a tool's result another party's message and ends a turn with a line break.
TEMPLATES = [
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}</call>"
    "{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "{% for m in messages %}{% if m.role == 'tool' %}<|im_start|>user\nResult of {{ m.name }}: {{ m.content }}{% else %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}</call>{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
]
CALL = {
    "role": "assistant",
    "content": "I ask.",
    "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": {"a": 40, "b": 2}}}],
}
RESULTS = [{"role": "tool", "name": "add", "content": "42 " * 40}, {"role": "tool", "name": "add", "content": "43 " * 10}]
ANSWER = {"role": "assistant", "content": "<think>So.</think><answer>42</answer>"}


def tokenizer_with(template):
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    tokenizer.chat_template = template
    return tokenizer


def run_of(tokenizer, *turns):
    """Token ids of a completion of several turns as TRL's tool loop makes them, and which of them the policy wrote."""
    ids, mask, before = [], [], [{"role": "user", "content": "40 + 2?"}]
    written = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
    for i, turn in enumerate(turns):
        before.append(turn)
        opens = i + 1 < len(turns) and turns[i + 1]["role"] == "assistant"
        whole = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=opens)
        if turn["role"] == "assistant":
            whole = whole[: whole.rindex("<|im_end|>") + len("<|im_end|>")]
        piece = tokenizer.encode(whole[len(written) :], add_special_tokens=False)
        ids += piece
        mask += [int(turn["role"] == "assistant")] * len(piece)
        written = whole
    return ids, mask


@pytest.mark.parametrize("template", TEMPLATES, ids=["tool", "user"])
@pytest.mark.parametrize(
    "turns",
    [
        [ANSWER],
        [CALL, RESULTS[0], ANSWER],
        [CALL, *RESULTS, ANSWER],
        [CALL, RESULTS[0], CALL, RESULTS[1], ANSWER],
    ],
    ids=["none", "one", "two at once", "two in turn"],
)
def test_tools_results_are_told_apart_exactly(template, turns):
    tokenizer = tokenizer_with(template)
    ids, mask = run_of(tokenizer, *turns)
    own = [token for token, is_own in zip(ids, mask, strict=True) if is_own]
    assert Sample("q", turns, "", None, ids, tokenizer=PolicyTokenizer(tokenizer)).policy_ids == own
    assert Sample("q", turns, "", None, ids, policy_mask=mask).policy_ids == own


def test_where_the_template_does_not_show_them_the_policys_messages_are_counted():
    turns, tokenizer = [CALL, RESULTS[0], ANSWER], tokenizer_with(TEMPLATES[0])
    tokens = len(Sample("q", turns, "", None, [0] * 300, tokenizer=PolicyTokenizer(tokenizer)).policy_ids)
    assert tokens == sum(run_of(tokenizer, *turns)[1])
    tokenizer.chat_template = None
    plain = len(Sample("q", turns, "", None, [0] * 300, tokenizer=PolicyTokenizer(tokenizer)).policy_ids)
    assert 0 < tokens - plain < 20


LENGTHS = [
    ({"soft_overlong": {"max_tokens": 100, "buffer_tokens": 16}}, 0.0),
    ({"length_window": {"min_tokens": 10, "max_tokens": 100}}, 1.0),
    ({"repetition": 20}, 0.0),
    ({"soft_overlong": {"max_tokens": 40, "buffer_tokens": 16, "unit": "words"}}, 0.0),
    ({"repetition": {"n": 6, "unit": "words"}}, 0.0),
]


@pytest.mark.parametrize(("score", "expected"), LENGTHS)
def test_a_tools_result_costs_the_policy_nothing(score, expected):
    turns, tokenizer = [CALL, RESULTS[0], ANSWER], tokenizer_with(TEMPLATES[0])
    ids, _ = run_of(tokenizer, *turns)
    assert len(ids) > 150
    rubric = Rubric((Reward("r", score),))
    assert rubric.evaluate([Sample("q", turns, "", None, ids, tokenizer=PolicyTokenizer(tokenizer))]).columns["r"].scores == [expected]


def test_tokens_that_nobody_tells_apart_are_an_error_and_never_a_guess():
    rubric = Rubric((Reward("r", {"soft_overlong": {"max_tokens": 100, "buffer_tokens": 16}}),))
    column = rubric.evaluate([Sample("q", [CALL, RESULTS[0], ANSWER], "", None, [0] * 200)]).columns["r"]
    assert column.scores == [None] and column.outcomes == [Outcome.ERROR] and "tool's result" in column.results[0].error


@pytest.mark.parametrize(("end", "opened"), [("<think>\n", "<think>"), ("<think>\n\n</think>\n\n", ""), ("", "")])
def test_a_chat_template_that_opens_the_thinking_is_looked_at(end, opened):
    tokenizer = PolicyTokenizer(tokenizer_with(TEMPLATES[0].replace("assistant\n{% endif %}", f"assistant\n{end}{{% endif %}}")))
    assert tokenizer.opening_mark == opened
    prompt = [{"role": "user", "content": "40 + 2?"}]
    cut, whole = (
        Sample(prompt, [{"role": "assistant", "content": text}], text, tokenizer=tokenizer) for text in ("So <answer>42</answer>", "So</think>42")
    )
    assert cut.answer_part == (None if opened else "So <answer>42</answer>")
    assert whole.answer_part == "42" and whole.whole == opened + "So</think>42"


def test_what_the_trainer_tells_its_chat_template_counts():
    class Trainer:
        processing_class = tokenizer_with("x")
        chat_template = "{% if add_generation_prompt %}{{ '<think></think>' if quick else '<think>' }}{% endif %}"
        chat_template_kwargs = {"quick": False}

    assert PolicyTokenizer.of_trainer(Trainer()).opening_mark == "<think>"
    Trainer.chat_template_kwargs = {"quick": True}
    assert PolicyTokenizer.of_trainer(Trainer()).opening_mark == ""
    assert PolicyTokenizer.of_trainer(None) is None
