"""Real runs with tools and with an environment: a tiny policy that thinks, calls a tool and answers, made here, through GRPOTrainer."""

import pytest

pytest.importorskip("trl")

import torch
from datasets import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed
from trl import GRPOConfig, GRPOTrainer
from trl.chat_template_utils import qwen3_chat_template

from rl_rewards import Reward, Rubric, reward_function
from tests.trl.test_trainers import POLICY

pytestmark = pytest.mark.slow

PROMPT = [{"role": "user", "content": "6 * 7?"}]
CALL = '<think>I ask.</think>\n<tool_call>\n{"name": "multiply", "arguments": {"a": 6, "b": 7}}\n</tool_call><|im_end|>'
RESULT = "42 " * 30
ANSWER = "<think>It is 42.</think>\n<answer>42</answer><|im_end|>"


def multiply(a: int, b: int) -> str:
    """Multiply two numbers.

    Args:
        a: the first
        b: the second

    Returns:
        The product.
    """
    return RESULT


class Calculator:
    def reset(self, **columns) -> None:
        return None

    def multiply(self, a: int, b: int) -> str:
        """Multiply two numbers.

        Args:
            a: the first
            b: the second

        Returns:
            The product.
        """
        return RESULT


@reward_function
def own_tokens(sample):
    return float(len(sample.policy_ids))


@reward_function
def own_words(sample):
    return float("tool_response" not in sample.policy_text and RESULT.strip() not in sample.policy_text and "multiply" in sample.policy_text)


RUBRIC = Rubric(
    (
        Reward("correct", {"string_match": {"equals": "{{references.answer}}"}}, {"tag": "answer"}),
        Reward("behind", {"string_match": {"equals": "{{references.answer}}"}}, [{"after": "</think>"}, {"tag": "answer"}]),
        Reward("format", "think_answer_format"),
        Reward("tags", "tag_count"),
        Reward("thought", {"string_match": {"equals": "It is 42."}}, {"tag": "think"}),
        Reward("length", {"soft_overlong": {"max_tokens": 130, "buffer_tokens": 20}}),
        Reward("short", {"length_window": {"min_tokens": 1, "max_tokens": 110}}),
        Reward("repetition", {"repetition": 12}),
        Reward("own_words", own_words),
        Reward("own", own_tokens, weight=0),
    )
)


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = AutoTokenizer.from_pretrained(POLICY, padding_side="left")
    tokenizer.chat_template = qwen3_chat_template
    return tokenizer


@pytest.fixture(scope="module")
def policy(tokenizer):
    """A Llama that has learned one conversation by heart."""
    set_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=2048,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        )
    )
    prompt = tokenizer.apply_chat_template(PROMPT, tools=[multiply], add_generation_prompt=True, tokenize=False)
    result = f"\n<|im_start|>user\n<tool_response>\n{RESULT}\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    ids, labels = [], []
    for text, learned in ((prompt, False), (CALL, True), (result, False), (ANSWER, True)):
        piece = tokenizer.encode(text, add_special_tokens=False)
        ids += piece
        labels += piece if learned else [-100] * len(piece)
    batch = {"input_ids": torch.tensor([ids]), "labels": torch.tensor([labels])}
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(200):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss < 0.003:
            break
    assert loss < 0.02
    return model


@pytest.mark.parametrize("with_tools", [{"tools": [multiply]}, {"environment_factory": Calculator}], ids=["tools", "environment"])
def test_format_and_length_rewards_see_what_the_policy_wrote_in_a_run_with(tmp_path, tokenizer, policy, with_tools):
    trainer = GRPOTrainer(
        model=policy,
        processing_class=tokenizer,
        reward_funcs=RUBRIC.reward_funcs,
        args=GRPOConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=2,
            num_generations=2,
            max_completion_length=512,
            max_steps=1,
            logging_steps=1,
            learning_rate=0.0,
            temperature=0.05,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            disable_tqdm=True,
            beta=0.0,
            reward_weights=RUBRIC.reward_weights,
        ),
        train_dataset=Dataset.from_list([{"prompt": PROMPT, "answer": "42"}] * 4),
        **with_tools,
    )
    trainer.train()
    [row] = [row for row in trainer.state.log_history if "reward" in row]
    means = {reward.name: row[f"rewards/{reward.name}/mean"] for reward in RUBRIC}
    own = len(tokenizer.encode(CALL + ANSWER, add_special_tokens=False))
    assert row["tools/call_frequency"] == 1 and row["tools/failure_frequency"] == 0
    assert means.pop("own") == row["completions/mean_length"] == own
    assert means == {
        "correct": 1,
        "behind": 1,
        "format": 1,
        "tags": 1,
        "thought": 1,
        "length": 0,
        "short": 1,
        "repetition": 0,
        "own_words": 1,
    }
    assert all(row[f"rewards/{reward.name}/error_rate"] == 0 for reward in RUBRIC)
