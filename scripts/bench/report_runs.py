"""Runs as a recorder leaves them, made without a model: rewards that rise, gates, failures, unparsed answers, evaluations, a trainer's log.

python scripts/bench/report_runs.py runs/simulated --steps 200 --prompts 64 --group 8
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rl_rewards.recording.rows import SCHEMA, prompt_id

REWARDS = (("correct", 1.0), ("format", 0.2), ("brief", 0.1), ("style", 0.0))
WORDS = "so we add the two numbers first then carry the one over check the sum again and look at what is asked there are boxes of apples".split()
RUBRIC = """rewards:
- name: correct
  parse:
    tag: answer
  score:
    number_match: answer
- name: format
  score:
    tags: [think, answer]
  weight: 0.2
- name: brief
  score:
    length: {target: 120}
  weight: 0.1
  when:
    reward: format
    at_least: 1
- name: style
  score:
    judge: {model: local/judge}
  weight: 0.0
"""


def simulate(directory: Path, steps: int = 200, prompts: int = 64, group: int = 8, seed: int = 0, evaluations: int = 5) -> Path:
    """Write a run's directory: rewards.parquet, rubric.yaml and trainer_state.json."""
    directory.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    problems = [(f"{a} boxes hold {b} apples each. How many apples are there?", a * b) for a, b in random.integers(2, 99, (prompts * 4, 2)).tolist()]
    hard = random.normal(0, 1.6, len(problems))
    metadata = {
        "rl_rewards.schema_version": "2",
        "rl_rewards.rubric": RUBRIC,
        "rl_rewards.config": json.dumps(
            {"learning_rate": 1e-6, "num_generations": group, "max_steps": steps, "seed": seed, "output_dir": str(directory.name)}
        ),
        "rl_rewards.versions": json.dumps({"python": "3.11", "rl_rewards": "1.0", "trl": "1.16", "transformers": "5.2"}),
    }
    log = []
    with pq.ParquetWriter(directory / "rewards.parquet", SCHEMA, compression="zstd", store_schema=False) as writer:
        writer.add_key_value_metadata(metadata)
        every = max(1, steps // max(evaluations - 1, 1))
        for step in range(steps + 1):
            if step:
                chosen = random.choice(len(problems), prompts, replace=False)
                writer.write_batch(_batch(random, step, steps, "train", problems, hard, chosen, group))
                log.append(
                    {
                        "step": step,
                        "loss": float(0.02 * np.exp(-step / steps) + random.normal(0, 0.002)),
                        "kl": float(0.001 * step / steps + abs(random.normal(0, 2e-4))),
                        "entropy": float(1.4 - 0.8 * step / steps + random.normal(0, 0.03)),
                        "grad_norm": float(abs(random.normal(0.4, 0.08))),
                        "learning_rate": 1e-6 * (1 - step / steps),
                    }
                )
            if evaluations and step % every == 0:
                writer.write_batch(_batch(random, step, steps, "eval", problems, hard, np.arange(prompts), 2))
    (directory / "rubric.yaml").write_text(RUBRIC)
    (directory / "trainer_state.json").write_text(json.dumps({"global_step": steps, "log_history": log}))
    return directory


def _batch(random, step, steps, mode, problems, hard, chosen, group):
    """A batch of len(chosen) groups."""
    share = step / steps
    size = len(chosen) * group
    which = np.repeat(chosen, group)
    chance = 1 / (1 + np.exp(-(-1.6 + 3.4 * share - hard[which])))
    parsed = random.random(size) < 0.8 + 0.19 * share
    right = (random.random(size) < chance) & parsed
    formed = (random.random(size) < 0.35 + 0.6 * min(1, 2 * share)) & parsed
    tokens = np.maximum(12, random.normal(90 + 120 * share - 25 * right, 28, size)).astype(int)
    brief = np.clip(1 - np.abs(tokens - 120) / 120, 0, 1).round(4)
    style = np.clip(random.normal(0.55 + 0.2 * share - 0.3 * share**2, 0.15), 0, 1) + random.normal(0, 0.08, size)
    timeout = random.random(size) < (0.04 if 0.45 < share < 0.55 else 0.002)
    answers = np.where(right, [problems[i][1] for i in which], random.integers(1, 999, size))
    texts = []
    for i in range(size):
        words = " ".join(random.choice(WORDS, tokens[i] * 3 // 4))
        body = f"<think>{words}</think>" if formed[i] else words
        texts.append(f"{body}\n<answer>{answers[i]}</answer>" if parsed[i] else f"{body}\nThe answer is about {answers[i]}")
    columns = len(REWARDS)
    score = np.stack([right, formed, np.where(formed, brief, 0.0), np.where(timeout, np.nan, style)], axis=1).astype(float)
    raw = np.stack([right, formed, brief, np.where(timeout, np.nan, style)], axis=1).astype(float)
    total = score[:, :3] @ np.array([weight for _, weight in REWARDS[:3]])
    grouped = total.reshape(-1, group)
    advantage = ((grouped - grouped.mean(1, keepdims=True)) / (grouped.std(1, ddof=1, keepdims=True) + 1e-4)).ravel()
    outcome = np.full((size, columns), "scored", object)
    outcome[~parsed, 0] = "unparsed"
    outcome[timeout, 3] = "timeout"
    reason = np.full((size, columns), None, object)
    expected = [problems[i][1] for i in which]
    reason[:, 0] = [
        f"{a} is {'' if ok else 'not '}{b}" if p else "no <answer> in the response" for a, b, ok, p in zip(answers, expected, right, parsed)
    ]
    reason[timeout, 3] = "TimeoutError: the judge did not answer in 30 s"
    reason[:, 2] = [f"{n} tokens" for n in tokens]
    parts = [[{"name": "think", "score": float(f)}, {"name": "answer", "score": float(p)}] for f, p in zip(formed, parsed)]
    seconds = np.array([0.02, 0.004, 0.003, abs(random.normal(4, 1)) + (25 if timeout.any() and mode == "train" else 0)])
    row_seconds = seconds / size * random.gamma(4, 1 / 4, (size, columns))
    row_seconds[timeout, 3] = 30.0
    prompts = [problems[i][0] for i in which]

    def repeated(values):
        return np.repeat(np.asarray(values, object), columns).tolist()

    training = mode == "train"
    held = {
        "step": [step] * size * columns, "mode": [mode] * size * columns, "rank": [0] * size * columns,
        "group": repeated(np.repeat(np.arange(len(chosen)), group)), "index": repeated(np.arange(size)),
        "prompt_id": repeated([prompt_id(text) for text in prompts]), "prompt": repeated(prompts), "completion": repeated(texts), "reasoning": [None] * size * columns,
        "references": repeated([json.dumps({"answer": str(value)}) for value in expected]), "tokens": repeated(tokens), "scorable": [True] * size * columns,
        "advantage": repeated(advantage if training else [None] * size), "reward": [name for name, _ in REWARDS] * size,
        "parsed": np.column_stack([np.where(parsed, answers.astype(str), None), np.array(texts, object), np.array(texts, object), np.array(texts, object)]).ravel().tolist(),
        "raw": [None if np.isnan(value) else value for value in raw.ravel().tolist()], "gate": np.column_stack([np.full((size, 2), None), formed.astype(object), np.full(size, None)]).ravel().tolist(),
        "score": [None if np.isnan(value) else value for value in score.ravel().tolist()], "weight": [weight for _, weight in REWARDS] * size,
        "outcome": outcome.ravel().tolist(), "failed": np.column_stack([np.zeros((size, 3), bool), timeout]).ravel().tolist(), "reason": reason.ravel().tolist(),
        "components": [part for own in parts for part in ([], own, [], [])], "seconds": np.tile(seconds, size).tolist(),
        "row_seconds": row_seconds.ravel().tolist(),
    }  # fmt: skip
    arrays = []
    for field in SCHEMA:
        values = pa.array(held[field.name], field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
        arrays.append(values.dictionary_encode() if pa.types.is_dictionary(field.type) else values)
    return pa.RecordBatch.from_arrays([array.cast(field.type) for array, field in zip(arrays, SCHEMA)], schema=SCHEMA)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    for name, value in (("steps", 200), ("prompts", 64), ("group", 8), ("seed", 0), ("evaluations", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    simulate(**vars(parser.parse_args()))
