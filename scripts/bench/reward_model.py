"""How fast the reward-model engine is, and how far its scores are from those of single sequences, against the two usual ways, in one run.

    python scripts/bench/reward_model.py                                      # CPU, one thread, both mixes of 512 conversations: 10 minutes
    python scripts/bench/reward_model.py --quick                              # 96 conversations a mix: a minute or two
    python scripts/bench/reward_model.py --device cuda --shape qwen0.5b       # GPU, bf16, random weights
    python scripts/bench/reward_model.py --device cuda --shape qwen7b

Ways compared: one conversation at a time; batches of 8 in their order, padded, without a mask (as distilabel's RewardModelScore); 32 a
call, padded and masked (as TRL's GRPOTrainer with a per-device batch of 32); the engine, its planning included. Tokenisation is in none.
Conversations are random tokens in groups of 8 to a prompt, with skewed lengths; weights are random, so speeds mean something and scores do
not: differences are in units of the scores' standard deviation. On a CPU, time is CPU seconds of this process; on a GPU, wall seconds.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaConfig, PreTrainedConfig, Qwen2Config
from transformers.modeling_utils import PreTrainedModel
from transformers.models.llama import LlamaForSequenceClassification
from transformers.models.qwen2 import Qwen2ForSequenceClassification

from rl_rewards.models import ForwardEngine

PAD, GROUP, LONGEST = 0, 8, 1500


@dataclass(frozen=True)
class Mix:
    """Log-normal lengths in tokens: medians and sigmas of prompts and of completions."""

    prompt: tuple[float, float]
    completion: tuple[float, float]

    def conversations(self, count: int, vocabulary: int, seed: int = 0) -> tuple[list[list[int]], int]:
        """Token ids of `count` conversations, and how many of the tokens are prompt tokens."""
        random = np.random.default_rng(seed)
        rows, prompt_tokens = [], 0
        for _ in range(count // GROUP):
            prompt = random.integers(1, vocabulary, _length(random, self.prompt, 16, LONGEST - 300)).tolist()
            prompt_tokens += GROUP * len(prompt)
            for _ in range(GROUP):
                length = _length(random, self.completion, 8, LONGEST - len(prompt))
                rows.append(prompt + random.integers(1, vocabulary, length).tolist())
        return rows, prompt_tokens


def _length(random: np.random.Generator, median_and_sigma: tuple[float, float], least: int, most: int) -> int:
    median, sigma = median_and_sigma
    return int(np.clip(random.lognormal(np.log(median), sigma), least, most))


MIXES = {"short prompts": Mix((85, 0.5), (205, 0.9)), "long prompts": Mix((455, 0.57), (105, 0.9))}
SHAPES: dict[str, tuple[type[PreTrainedModel], PreTrainedConfig]] = {
    "tiny": (
        LlamaForSequenceClassification,
        LlamaConfig(
            hidden_size=256, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4, intermediate_size=1024, vocab_size=8192,
        ),
    ),
    "qwen0.5b": (
        Qwen2ForSequenceClassification,
        Qwen2Config(
            hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864, vocab_size=151936,
        ),
    ),
    "qwen7b": (
        Qwen2ForSequenceClassification,
        Qwen2Config(
            hidden_size=3584, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, intermediate_size=18944,
            vocab_size=152064,
        ),
    ),
}  # fmt: skip


def build(shape: str, device: str) -> PreTrainedModel:
    kind, config = SHAPES[shape]
    config.num_labels, config.pad_token_id = 1, PAD
    torch.manual_seed(0)
    with torch.device(device):
        model = kind._from_config(config, dtype=torch.float32 if device == "cpu" else torch.bfloat16)
    return model.eval()


def in_batches(model: PreTrainedModel, rows: list[list[int]], size: int, masked: bool) -> torch.Tensor:
    """Scores (N,) of right-padded batches in the rows' order."""
    scores = []
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        longest = max(map(len, batch))
        input_ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in batch], device=model.device)
        mask = (input_ids != PAD).long() if masked else None
        with torch.inference_mode():
            scores.append(model(input_ids=input_ids, attention_mask=mask, use_cache=False).logits[:, 0].float().cpu())
    return torch.cat(scores)


def with_engine(engine: ForwardEngine, head: torch.nn.Module, rows: list[list[int]]) -> torch.Tensor:
    """Scores (N,) of the engine."""
    return torch.stack([value[0, 0] for value in engine.at(rows, [[len(row) - 1] for row in rows], head)])


def timed(work: Callable[[], torch.Tensor], device: str) -> tuple[float, torch.Tensor, float]:
    """Seconds, scores, and on a GPU the peak memory in GiB."""
    if device == "cpu":
        begin = time.process_time()
        scores = work()
        return time.process_time() - begin, scores, float("nan")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    scores = work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin, scores, torch.cuda.max_memory_allocated() / 2**30


def matmul_peak() -> float:
    """Measured bf16 floating point operations a second of a large matrix product on this GPU."""
    one, other = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        one @ other
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(20):
        one @ other
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - begin)


def compare(name: str, mix: Mix, model: PreTrainedModel, count: int, repeats: int, budget: int | None, peak: float | None) -> None:
    device = model.device.type
    rows, prompt_tokens = mix.conversations(count, model.config.vocab_size)
    lengths = np.array([len(row) for row in rows])
    engine, head = ForwardEngine(model.model, token_budget=budget), copy.deepcopy(model.score).float()
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "one at a time": lambda: in_batches(model, rows, 1, masked=False),
        "8 in order, no mask (distilabel)": lambda: in_batches(model, rows, 8, masked=False),
        "32 a call, masked (TRL)": lambda: in_batches(model, rows, 32, masked=True),
        "engine": lambda: with_engine(engine, head, rows),
    }
    with_engine(engine, head, rows[:GROUP] if device == "cpu" else rows)  # the choice of the way, and a GPU's compilation, are paid once
    seconds, scores, memory = {}, {}, {}
    for _ in range(repeats):
        for way, work in ways.items():
            took, scores[way], memory[way] = timed(work, device)
            seconds[way] = min(took, seconds.get(way, took))
    alone = scores["one at a time"]
    print(
        f"\n{name}: {count} conversations, {lengths.sum()} tokens, median {np.median(lengths):.0f}, longest {lengths.max()}, prompts "
        f"{prompt_tokens / lengths.sum():.0%} of tokens, best of {repeats}; engine: {engine.way('at')}, {engine.budget.tokens} tokens a pass"
    )
    print(f"{'way':34}{'seconds':>9}{'conv/s':>9}{'x distilabel':>14}{'x TRL':>8}{'max |d| (std)':>15}"
          + ("" if device == "cpu" else f"{'GiB':>8}{'of peak':>9}"))  # fmt: skip
    body = sum(parameter.numel() for parameter in model.model.parameters()) - model.model.embed_tokens.weight.numel()
    for way, took in seconds.items():
        difference = ((scores[way] - alone).abs().max() / alone.std()).item()
        line = (f"{way:34}{took:9.2f}{count / took:9.1f}{seconds['8 in order, no mask (distilabel)'] / took:14.2f}"
                f"{seconds['32 a call, masked (TRL)'] / took:8.2f}{difference:15.1e}")  # fmt: skip
        print(line if peak is None else f"{line}{memory[way]:8.2f}{2 * body * lengths.sum() / took / peak:9.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny")
    parser.add_argument("--conversations", type=int, default=512, help="per mix, a multiple of 8")
    parser.add_argument("--repeats", type=int, default=1, help="the best of so many is reported")
    parser.add_argument("--token-budget", type=int, default=None, help="tokens a pass of the engine; by default the engine's own")
    parser.add_argument("--quick", action="store_true", help="96 conversations a mix")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    model = build(options.shape, options.device)
    peak = matmul_peak() if options.device == "cuda" else None
    place = "CPU, 1 thread, fp32" if peak is None else f"{torch.cuda.get_device_name()}, bf16, matmul peak measured {peak / 1e12:.0f} TFLOP/s"
    print(f"torch {torch.__version__}, {options.shape}, {place}")
    for name, mix in MIXES.items():
        compare(name, mix, model, 96 if options.quick else options.conversations, options.repeats, options.token_budget, peak)


if __name__ == "__main__":
    main()
