"""Does a batch score as transformers scores each conversation alone, in every architecture that transformers ships? Prints one line for each.

    python scripts/bench/architectures.py                             # all sequence classifiers: about 15 minutes on two cores
    python scripts/bench/architectures.py --reading token             # all token classifiers (process reward models)
    python scripts/bench/architectures.py --reading next_token        # all causal language models
    python scripts/bench/architectures.py phi3 phimoe big_bird        # these alone

Each is built tiny with random weights, windows of 24 tokens where it has any, and reads four batches: short conversations, long ones among short
ones (9 to 250 tokens), and both again. The reference is a fresh copy of the model for each conversation. Where the configuration has rotary
positions, the same is done with dynamic NTK and longrope beyond 64 tokens. A row that is wrong or crashes makes the exit status 1.

equal: within 1e-4. random: transformers itself gives two scores for one conversation, without a mask and with one that hides nothing. not judged: it could not be built, or transformers
itself could not score with it; the reason is in the line.
"""

from __future__ import annotations

import argparse
import copy
import logging
import multiprocessing
import random
import warnings
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

from rl_rewards.models.checkpoint import Reading
from rl_rewards.models.lengths import longest_sequence
from rl_rewards.models.readout import readout_of

VOCABULARY, EOS, TOLERANCE, SECONDS = 211, 2, 1e-4, 240
CANDIDATES = [5, 6]
CLASSES: dict[Reading, tuple[str, Any]] = {
    "sequence": ("AutoModelForSequenceClassification", modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES),
    "token": ("AutoModelForTokenClassification", modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES),
    "next_token": ("AutoModelForCausalLM", modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
}
SIZES: list[tuple[int, str]] = [
    (VOCABULARY, "vocab_size vocab_size_per_layer_input"),
    (
        32,
        "hidden_size d_model n_embd dim emb_dim embedding_size word_embed_proj_dim d_embed feature_size input_embedding_size mamba_d_state "
        "hidden_size_per_layer_input n_embed lru_width linear_key_head_dim linear_value_head_dim index_head_dim state_size",
    ),
    (
        2,
        "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_decoder_layers num_encoder_layers num_experts_per_tok "
        "experts_per_token moe_topk top_k_experts num_key_value_heads num_kv_heads multi_query_group_num moe_top_k num_key_value_groups",
    ),
    (
        4,
        "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads num_local_experts num_experts "
        "n_routed_experts moe_num_experts linear_num_key_heads linear_num_value_heads index_n_heads",
    ),
    (8, "head_dim d_kv d_head attention_head_size kv_channels qk_rope_head_dim qk_nope_head_dim"),
    (12, "v_head_dim"),
    (16, "q_lora_rank kv_lora_rank index_topk"),
    (24, "moe_intermediate_size shared_expert_intermediate_size sliding_window expert_ffn_hidden_size moe_layer_intermediate_size"),
    (64, "intermediate_size ffn_dim d_ff d_inner encoder_ffn_dim decoder_ffn_dim n_inner feed_forward_size ffn_hidden_size hidden_dim"),
    (512, "max_position_embeddings n_positions max_seq_len"),
    (1, "num_labels n_group topk_group first_k_dense_replace bos_token_id cls_token_id n_shared_experts"),
    (0, "pad_token_id max_window_layers"),
    (EOS, "eos_token_id sep_token_id decoder_start_token_id"),
    (True, "use_sliding_window"),
]
SPECIAL: dict[str, dict[str, Any]] = {
    "big_bird": {"block_size": 8, "num_random_blocks": 1},
    "bigbird_pegasus": {"block_size": 8, "num_random_blocks": 1},
    "canine": {"downsampling_rate": 4, "local_transformer_stride": 16, "num_hash_buckets": 512},
    "funnel": {"block_sizes": [1, 1], "num_decoder_layers": 1},
    "gptj": {"rotary_dim": 8},
    "codegen": {"rotary_dim": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 24},
    "longformer": {"attention_window": [16, 16]},
    "modernbert": {"local_attention": 24, "global_attn_every_n_layers": 2},
    "modernbert-decoder": {"local_attention": 24, "global_attn_every_n_layers": 2},
    "mobilebert": {"embedding_size": 32, "true_hidden_size": 32, "intra_bottleneck_size": 32, "num_feedforward_networks": 1},
    "reformer": {"axial_pos_shape": [16, 32], "axial_pos_embds_dim": [16, 16], "is_decoder": False},
    "perceiver": {"num_latents": 16, "d_latents": 32, "num_blocks": 1, "num_self_attends_per_block": 1, "num_self_attention_heads": 4,
                  "num_cross_attention_heads": 4},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "esmc": {"num_key_value_heads": 4},
    "layoutlmv3": {"coordinate_size": 5, "shape_size": 6, "visual_embed": False},
    "lilt": {"hidden_size": 48, "max_2d_position_embeddings": 64},
    "mistral4": {"head_dim": 16},
    "qwen3_5": {"num_hidden_layers": 4}, "qwen3_5_text": {"num_hidden_layers": 4}, "qwen3_next": {"num_hidden_layers": 4},
    "t5": {"decoder_start_token_id": 0},
    "zamba": {"num_hidden_layers": 4, "layer_types": ["mamba", "hybrid"] * 2, "mamba_d_state": 8, "mamba_dt_rank": 4, "use_mamba_kernels": False, "attention_hidden_size": 64,
              "attention_head_dim": 16},
    "zamba2": {"num_hidden_layers": 4, "hybrid_layer_ids": [1, 3], "layer_types": ["mamba", "hybrid"] * 2, "mamba_d_state": 8, "mamba_headdim": 16, "n_mamba_heads": 4, "use_mem_eff_path": False,
               "mamba_ngroups": 1, "attention_head_dim": 16, "attention_hidden_size": 64, "num_mem_blocks": 1},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2, "mamba_dt_rank": 4, "mamba_d_state": 8, "use_mamba_kernels": False},
    "xlm": {"emb_dim": 32, "n_layers": 2, "n_heads": 4},
    "flaubert": {"emb_dim": 32, "n_layers": 2, "n_heads": 4},
    "yoso": {"num_hash": 8, "use_expectation": True},
    "fnet": {"use_tpu_fourier_optimizations": False},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "openai-gpt": {"n_embd": 32},
    "esm": {"position_embedding_type": "absolute", "mask_token_id": 4, "token_dropout": False},
}  # fmt: skip


def tiny(config_class: type, name: str) -> Any:
    """A configuration of every part's smallest sensible size."""
    default = config_class()
    known = default.to_dict()
    options: dict[str, Any] = {key: size for size, keys in SIZES for key in keys.split() if key in known or key == "num_labels"}
    if known.get("num_key_value_heads") is not None and known.get("q_lora_rank", known.get("kv_lora_rank")) is not None:
        options["num_key_value_heads"] = 4
    options |= SPECIAL.get(name, {})
    for part in getattr(config_class, "sub_configs", {}):
        sub = getattr(default, part, None)
        if sub is not None and part not in options:
            options[part] = tiny(type(sub), sub.model_type).to_dict()
    return config_class(**options)


def variants(config: Any) -> Iterator[tuple[str, Any]]:
    """The configuration itself, and with rotary positions that change beyond 64 tokens."""
    yield "", config
    rope = getattr(config, "rope_parameters", None)
    if not isinstance(rope, dict) or "rope_theta" not in rope or rope.get("rope_type") != "default":
        return
    dim = getattr(config, "qk_rope_head_dim", None) or getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if "partial_rotary_factor" in rope:
        rope = {**rope, "partial_rotary_factor": max(0.5, rope["partial_rotary_factor"])}  # dynamic NTK needs more than one pair
    pairs = int(dim * rope.get("partial_rotary_factor", 1.0)) // 2
    for label, own in (
        ("dynamic", {"rope_type": "dynamic", "factor": 4.0}),
        ("longrope", {"rope_type": "longrope", "short_factor": [1.0] * pairs, "long_factor": [4.0 * (1 + i) for i in range(pairs)], "factor": 8.0,
                      "original_max_position_embeddings": 64, "long_mscale": 1.2, "short_mscale": 1.1}),
    ):  # fmt: skip
        other = copy.deepcopy(config)
        other.rope_parameters = {**rope, **own}
        if label == "dynamic":
            other.max_position_embeddings = 64
        yield label, other


def conversations(rng: random.Random, count: int, shortest: int, longest: int) -> list[list[int]]:
    """Token ids that share beginnings, each with its one end-of-sequence token last."""
    prompts = [[rng.randrange(7, VOCABULARY) for _ in range(rng.randrange(shortest // 2, longest // 2))] for _ in range(3)]
    lengths = [shortest, longest, *(rng.randrange(shortest, longest) for _ in range(count - 2))]
    rows = [(rng.choice(prompts) + [rng.randrange(7, VOCABULARY) for _ in range(longest)])[: length - 1] + [EOS] for length in lengths]
    return rng.sample(rows, len(rows))


@torch.no_grad()
def alone(model: Any, row: list[int], places: list[int], reading: Reading, masked: bool = False) -> torch.Tensor:
    """What transformers gives for one conversation, by a model that has computed nothing before."""
    inputs = {"input_ids": torch.tensor([row])} | ({"attention_mask": torch.ones(1, len(row), dtype=torch.long)} if masked else {})
    logits = copy.deepcopy(model)(**inputs).logits
    if reading == "sequence":
        return logits.reshape(1, -1)
    return logits[0, places] if reading == "token" else logits[0, places][:, CANDIDATES]


def judged(config: Any, reading: Reading) -> str:
    """The line of one configuration."""
    torch.manual_seed(0)
    rng = random.Random(0)
    batches = [conversations(rng, 6, 9, 20), conversations(rng, 10, 9, 250), conversations(rng, 6, 9, 30), conversations(rng, 6, 50, 120)]
    places = [[[len(row) - 1] if reading == "sequence" else [len(row) // 2, len(row) - 1] for row in batch] for batch in batches]
    try:
        model = getattr(transformers, CLASSES[reading][0]).from_config(config).eval().float()
        with torch.no_grad():  # default initialisation is so small that all tokens look alike
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(3)
        expected, again = (
            [[alone(model, row, at, reading, masked) for row, at in zip(*pair, strict=True)] for pair in zip(batches, places, strict=True)]
            for masked in (False, True)
        )
    except Exception as error:
        return f"not judged: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:150]
    numbers = torch.cat([each.flatten() for batch in expected for each in batch])
    if not torch.isfinite(numbers).all():
        return "not judged: transformers itself gives numbers that are not finite"
    random_by = (torch.cat([each.flatten() for batch in again for each in batch]) - numbers).abs().max().item()
    # The first call decides the way on short rows; whoever scores long ones from the start decides it on both.
    lines = []
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        try:
            readout = readout_of(
                copy.deepcopy(model), reading, batches[0][0], pad_token_id=0, candidates=CANDIDATES if reading == "next_token" else None
            )
            found = {index: readout(batches[index], places[index]) for index in order}
        except Exception as error:
            refused = (
                "refused" if reading == "next_token" and isinstance(error, ValueError) and "next tokens cannot be read" in str(error) else "CRASH"
            )
            return f"{refused}: {type(error).__name__}: {str(error).strip().splitlines()[0]}"[:150]
        differences = [(mine.reshape(theirs.shape) - theirs).abs().max() for i in order for mine, theirs in zip(found[i], expected[i], strict=True)]
        lines.append((torch.stack(differences).max().item(), readout.engine.way("run" if readout.engine.way("at") is None else "at")))
    worst, way = max(lines, key=lambda line: line[0])
    spread = (numbers - numbers.mean()).abs().mean().item()
    result = "equal" if worst <= max(TOLERANCE, 2e-5 * numbers.abs().max().item()) else "random" if random_by > TOLERANCE else "WRONG"
    limit = longest_sequence(model, type("Tokenizer", (), {"model_max_length": int(1e30)}), None)
    if result == "equal" and reading == "sequence" and limit is not None and limit <= 1024:
        try:
            alone(model, [*[7] * (limit - 1), EOS], [0], reading)
        except Exception as error:
            return f"CRASH: a conversation of the {limit} tokens that are allowed: {type(error).__name__}"
    return f"{result:8}{way or '':7}{worst:10.1e}{spread:10.1e}"


def _child(name: str, reading: Reading, answers: Connection) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    try:
        configs = list(variants(tiny(type(transformers.AutoConfig.for_model(name)), name)))
    except Exception as error:
        answers.send((name, f"not judged: configuration: {type(error).__name__}: {str(error).strip().splitlines()[0]}"[:150]))
        configs = []
    for label, config in configs:
        answers.send((f"{name} {label}".strip(), judged(config, reading)))
    answers.close()


def table(names: list[str], reading: Reading) -> Iterator[tuple[str, str]]:
    """(architecture, its line) for each name and variant, each name in a process of its own."""
    for name in names:
        context = multiprocessing.get_context("fork")
        answers, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(name, reading, sender))
        process.start()
        sender.close()
        try:
            while answers.poll(SECONDS):
                yield answers.recv()
            yield name, f"not judged: more than {SECONDS} seconds"
        except EOFError:
            pass
        process.kill()
        process.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", nargs="*", help="model types of transformers; all by default")
    parser.add_argument("--reading", choices=sorted(CLASSES), default="sequence")
    options = parser.parse_args()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, fp32, {options.reading}\n")
    print(f"{'architecture':32}{'result':8}{'way':7}{'max |d|':>10}{'spread':>10}", flush=True)
    counts: dict[str, int] = {}
    for name, line in table(options.architectures or sorted(CLASSES[options.reading][1]), options.reading):
        print(f"{name:32}{line}", flush=True)
        result = line.split(":")[0].split()[0]
        counts[result] = counts.get(result, 0) + 1
    print("\n" + ", ".join(f"{count} {result}" for result, count in sorted(counts.items(), key=lambda each: -each[1])))
    return 1 if counts.keys() & {"WRONG", "CRASH"} else 0


if __name__ == "__main__":
    raise SystemExit(main())
