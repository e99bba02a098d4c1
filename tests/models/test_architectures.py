"""Every family of sequence classifiers scores in a batch as transformers scores a conversation alone, on long rows after short ones.

scripts/bench/architectures.py does the same for every sequence classifier that transformers ships.
"""

import copy
import logging
import random

import pytest
import torch
import transformers as hf

from rl_rewards.models.lengths import LengthClasses, longest_sequence
from rl_rewards.models.readout import readout_of

VOCABULARY, EOS = 211, 2
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "num_labels": 1,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": EOS, "max_position_embeddings": 512,
}  # fmt: skip
GROUPED = {**COMMON, "num_key_value_heads": 2}
WINDOW = {**GROUPED, "sliding_window": 24, "use_sliding_window": True, "max_window_layers": 0}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0, 9.0, 16.0, 30.0], "original_max_position_embeddings": 64}
SEQ2SEQ = {
    "vocab_size": VOCABULARY, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "num_labels": 1,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 512, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": EOS, "decoder_start_token_id": EOS, "forced_eos_token_id": EOS,
}  # fmt: skip
T5 = {
    "vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "num_labels": 1, "pad_token_id": 0,
    "eos_token_id": EOS, "decoder_start_token_id": 0,
}  # fmt: skip
MLA = {
    **COMMON, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12,
    "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "first_k_dense_replace": 1,
    "head_dim": 8,
}  # fmt: skip

# name -> (configuration, how its batches are expected to be computed)
FAMILIES = {
    "phi 3, longrope": (hf.Phi3Config(**GROUPED, original_max_position_embeddings=64, rope_parameters=LONGROPE), "tree"),
    "phi 3, longrope, window": (hf.Phi3Config(**{**GROUPED, "sliding_window": 24}, original_max_position_embeddings=64, rope_parameters=LONGROPE), "tree"),
    "llama, dynamic NTK": (
        hf.LlamaConfig(**{**GROUPED, "max_position_embeddings": 64}, rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}), "tree",
    ),
    "llama, yarn": (
        hf.LlamaConfig(**GROUPED, rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 64}), "tree",
    ),
    "phimoe, window": (hf.PhimoeConfig(**WINDOW, **EXPERTS), "tree"),
    "qwen 2 moe, window": (hf.Qwen2MoeConfig(**WINDOW, **EXPERTS), "tree"),
    "doge, window": (hf.DogeConfig(**WINDOW), "right"),
    "mistral, window": (hf.MistralConfig(**WINDOW), "tree"),
    "gemma 3, layers with and without a window": (hf.Gemma3TextConfig(**WINDOW, head_dim=8, query_pre_attn_scalar=8), "tree"),
    "deepseek 3, values of another size than keys": (hf.DeepseekV3Config(**MLA), "tree"),
    "big bird, sparse beyond a threshold": (hf.BigBirdConfig(**COMMON, block_size=8, num_random_blocks=1), "right"),
    "bart, needs an end": (hf.BartConfig(**SEQ2SEQ), "right"),
    "t5, needs an end": (hf.T5Config(**T5), "right"),
    "canine, downsamples": (hf.CanineConfig(**COMMON, downsampling_rate=4, local_transformer_stride=16, num_hash_buckets=512), "equal"),
    "funnel, pools": (
        hf.FunnelConfig(
            vocab_size=VOCABULARY, block_sizes=[1, 1], d_model=32, n_head=4, d_head=8, d_inner=48, num_decoder_layers=1, num_labels=1, pad_token_id=0
        ), "right",
    ),
    "roberta, positions behind the padding's": (hf.RobertaConfig(**COMMON), "right"),
    "xlnet, without a limit": (hf.XLNetConfig(vocab_size=VOCABULARY, d_model=32, n_layer=2, n_head=4, d_inner=48, num_labels=1, pad_token_id=0), "left"),
    "reformer, hashes at random": (
        hf.ReformerConfig(
            vocab_size=VOCABULARY, hidden_size=32, attention_head_size=8, num_attention_heads=4, feed_forward_size=48, axial_pos_shape=[16, 32],
            axial_pos_embds_dim=[16, 16], max_position_embeddings=512, num_labels=1, pad_token_id=0, eos_token_id=EOS, is_decoder=False,
        ), "alone",
    ),
}  # fmt: skip


def made(config):
    torch.manual_seed(0)
    model = hf.AutoModelForSequenceClassification.from_config(config).eval().float()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
    return model


def rows(rng, count, shortest, longest):
    """Token ids of conversations that share beginnings, each with its one end-of-sequence token last."""
    prompts = [[rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(shortest // 2, longest // 2))] for _ in range(3)]
    lengths = [shortest, longest, *(rng.randrange(shortest, longest) for _ in range(count - 2))]
    made = [(rng.choice(prompts) + [rng.randrange(5, VOCABULARY) for _ in range(longest)])[: length - 1] + [EOS] for length in lengths]
    return rng.sample(made, len(made))


def alone(model, row):
    with torch.no_grad():  # of a model that has computed nothing before
        return copy.deepcopy(model)(torch.tensor([row])).logits[0].tolist()


@pytest.mark.parametrize("name", FAMILIES)
def test_long_rows_after_short_ones_score_as_alone(name, caplog):
    config, way = FAMILIES[name]
    model, rng = made(config), random.Random(7)
    readout = readout_of(model, "sequence", rows(rng, 2, 12, 16)[0], pad_token_id=0)
    batches = [rows(rng, 6, 9, 20), rows(rng, 10, 9, 250), rows(rng, 6, 9, 30), rows(rng, 6, 50, 120)]
    with caplog.at_level(logging.WARNING):
        found = [readout(batch, [[len(row) - 1] for row in batch]) for batch in batches]
    assert readout.engine.way("run" if readout.pools else "at") == way
    assert "Error:" not in caplog.text and "Traceback" not in caplog.text
    if way == "alone":
        return  # random by itself
    for batch, values in zip(batches, found, strict=True):
        for row, value in zip(batch, values, strict=True):
            assert value.flatten().tolist() == pytest.approx(alone(model, row), abs=1e-4), len(row)


class Declares:
    model_max_length = int(1e30)


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        (hf.RobertaConfig(**COMMON), 511),
        (hf.RobertaConfig(**{**COMMON, "pad_token_id": 1}), 510),
        (hf.BertConfig(**COMMON), 512),
        (hf.BartConfig(**SEQ2SEQ), 512),
        (hf.CanineConfig(**COMMON, num_hash_buckets=64), 64),
        (FAMILIES["xlnet, without a limit"][0], None),
        (FAMILIES["t5, needs an end"][0], None),
    ],
)
def test_the_longest_sequence_is_the_last_that_the_model_computes(config, limit):
    model = made(config)
    assert longest_sequence(model, Declares(), None) == limit
    row = [*[5] * ((limit or 700) - 1), EOS]
    assert len(alone(model, row)) == 1
    if limit is not None:
        with pytest.raises(Exception, match=r"index out of range|match|size"):
            alone(model, [5, *row])


@pytest.mark.parametrize(
    ("config", "classes"),
    [
        (FAMILIES["llama, yarn"][0], [[1, 64, 65, 300]]),
        (FAMILIES["phi 3, longrope"][0], [[1, 64], [65, 66, 300]]),
        (FAMILIES["llama, dynamic NTK"][0], [[1, 63, 64], [65], [66], [300]]),
        (FAMILIES["big bird, sparse beyond a threshold"][0], [[1, 56], [57, 64], [65, 72]]),
        (hf.BigBirdConfig(**COMMON, attention_type="original_full"), [[1, 64, 65, 500]]),
        (hf.Gemma3TextConfig(**GROUPED, rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}, "full_attention": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
        }), [[1, 512], [513], [514]]),
    ],
)  # fmt: skip
def test_which_lengths_are_computed_alike(config, classes):
    alike = LengthClasses(made(config))
    assert [len({alike(length) for length in members}) for members in classes] == [1] * len(classes)
    assert len({alike(members[0]) for members in classes}) == len(classes)
    lengths = [length for members in classes for length in members]
    parts = alike.split(list(range(len(lengths))), lengths)
    assert sorted(sorted(lengths[row] for row in part) for part in parts) == sorted(classes)
