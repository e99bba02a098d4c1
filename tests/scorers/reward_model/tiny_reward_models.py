"""Tiny reward models, made in code: random weights, one token a byte."""

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ["<|pad|>", "<|begin|>", "<|im_end|>", "<|im_start|>", "<extra_0>", "<|eot_id|>"]
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] + '\n' + m['content'] }}<|im_end|>"
    "{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n<|im_start|>assistant\n' }}{% endif %}"
)
CONFIG = {
    "vocab_size": len(SPECIAL) + len(BYTES), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 4096, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


def make_tokenizer(chat_template=CHATML, **options):
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate([*SPECIAL, *BYTES])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    options = {"pad_token": "<|pad|>", "bos_token": "<|begin|>", "eos_token": "<|im_end|>", **options}
    wrapped = hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=SPECIAL[3:], **options)
    wrapped.chat_template = chat_template
    return wrapped


def make_model(make=hf.AutoModelForSequenceClassification.from_config, config=hf.LlamaConfig, seed=0, **options):
    torch.manual_seed(seed)
    model = make(config(**{**CONFIG, "num_labels": 1, **options})).eval().float()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return model
