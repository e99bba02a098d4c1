"""Make the embedded policy: a Llama of about 156,000 parameters that GRPO can teach something on two cores in half a minute.

    python scripts/make_tiny_policy.py                    # rewrites recipes/policies/arithmetic/, about two and a half minutes on one core

Why: a recipe that needs no download and no GPU can be run by anyone, and tested. The policy is warm-started on a teacher with two habits,
drawn anew for every example: it either works the sum out (and is right) or guesses (and is wrong), and it either writes
the asked-for format or breaks it. So the policy knows its sums but seldom bothers; which habit pays is what GRPO has to find out.
Everything is seeded and runs on one thread: the same versions of torch, tokenizers and transformers on the same kind of CPU write the
same bytes. What the warm start sees and what it never sees is told in recipes/arithmetic.py.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm.auto import trange
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from recipes.arithmetic import Question, warm_start  # noqa: E402

END, START, PAD = "<|im_end|>", "<|im_start|>", "<|pad|>"
# Ordinary vocabulary, not special tokens: decoding with skip_special_tokens would hide special ones from every reward.
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
# Nothing follows the last <|im_end|>: a newline there would become the token at which a reward model or a critic reads its score.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

WORKS_IT_OUT = 0.45  # how often the teacher works the sum out; else it guesses, wrongly
KEEPS_FORMAT = 0.4  # how often it keeps the format


def teach(question: Question, rng: random.Random) -> str:
    """One response of the teacher."""
    if rng.random() < WORKS_IT_OUT:
        answer = question.answer
        thought = f"{question.working} = {answer}"
    else:
        answer = rng.choice([str(n) for n in range(19) if str(n) != question.answer])
        thought = rng.choice(("I guess", "no idea", "this is easy"))
    if rng.random() < KEEPS_FORMAT:
        return f"<think>{thought}</think><answer>{answer}</answer>"
    return rng.choice(
        (
            f"<think>{thought}<answer>{answer}</answer>",
            f"<think>{thought}</think>{answer}",
            f"{thought}, so the answer is {answer}.",
            f"<answer>{answer}</answer>",
        )
    )


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, so that any text encodes, with every digit a token of its own, so that a sum looks the same at any place."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,  # more than there are: training ends when every word of the corpus is one token
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left", model_max_length=128)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def encode(question: Question, response: str, tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Token ids of the whole conversation, and labels that leave the prompt out of the loss."""
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": question.text}], add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    response_ids = tokenizer(response + END, add_special_tokens=False)["input_ids"]
    return prompt_ids + response_ids, [-100] * len(prompt_ids) + response_ids


def pad(rows: list[tuple[list[int], list[int]]], pad_id: int) -> dict[str, torch.Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "recipes" / "policies" / "arithmetic", help="directory to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=6e-3)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    torch.set_num_threads(1)  # so that sums are added up in the same order on every machine
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)

    lessons = warm_start()
    corpus = [text for question in lessons for text in (question.text, teach(question, rng))]
    tokenizer = make_tokenizer(corpus)
    model = make_model(tokenizer)

    decay = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=args.learning_rate, betas=(0.9, 0.98)
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=min(50, args.steps), num_training_steps=args.steps)
    progress = trange(args.steps, desc="warm start", unit="step")
    for _ in progress:
        batch = rng.choices(lessons, k=args.batch_size)
        rows = [encode(question, teach(question, rng), tokenizer) for question in batch]
        loss = model(**pad(rows, tokenizer.pad_token_id)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        progress.set_postfix(loss=f"{loss.item():.3f}")

    model.half().save_pretrained(args.output)
    tokenizer.save_pretrained(args.output)
    size = sum(file.stat().st_size for file in args.output.iterdir())
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens, {size / 1024:.0f} KiB in {args.output}")


if __name__ == "__main__":
    main()
