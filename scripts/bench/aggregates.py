"""Are aggregates right, how much memory do they take, and do their intervals cover what they say? Prints a table for each question.

    python scripts/bench/aggregates.py                    # all, about 6 minutes on two cores
    python scripts/bench/aggregates.py equal              # against formulas, scikit-learn, scipy and torchmetrics
    python scripts/bench/aggregates.py memory --rows 1000000
    python scripts/bench/aggregates.py coverage --tries 10000

torchmetrics is installed, without its dependencies, under `.cache/bench` (or `--cache DIR`), where it is missing. The exit status is 0 only if every
number agrees to 1e-12, memory grows by less than 100 MiB from a tenth of the rows to all of them, and coverage is within 1 % of 95 %.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.aggregates.intervals import mean_interval, ratio_interval
from rl_rewards.evaluation.summary import EvaluationSummary

LABELS = ["cat", "dog", "bird", "fish"]
WORDS = ["red", "green", "blue", "one", "two", "sun", "moon"]


@reward_function
def given(response, score):
    """The row's own score."""
    return EvaluateResult(score)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("question", nargs="?", choices=["equal", "memory", "coverage"])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--tries", type=int, default=10_000)
    options.add_argument("--cache", type=Path, default=Path(".cache/bench"))
    options.add_argument("--child", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        print(*measure(chosen.child))
        return 0
    questions = {"equal": lambda: equal(chosen.cache), "memory": lambda: memory(chosen.rows), "coverage": lambda: coverage(chosen.tries)}
    answers = [questions[name]() for name in ([chosen.question] if chosen.question else questions)]
    return 0 if all(answers) else 1


def equal(cache: Path) -> bool:
    """Largest differences from formulas computed in whole numbers, and from libraries, over 20 random tables."""
    worst: dict[tuple[str, str], float] = defaultdict(float)
    for seed in range(20):
        for (number, reference), (ours, theirs) in {**problems(seed), **labels(seed), **with_torchmetrics(seed, cache)}.items():
            worst[number, reference] = max(worst[number, reference], abs(ours - theirs))
    print(f"{'number':<24} {'against':<24} largest difference")
    for (number, reference), difference in worst.items():
        print(f"{number:<24} {reference:<24} {difference:.1e}")
    return max(worst.values()) <= 1e-12


def problems(seed: int) -> dict[tuple[str, str], tuple[float, float]]:
    """pass@k, pass^k, maj@k and best-of-k against all draws of k, in fractions."""
    generator = random.Random(seed)
    rows = []
    for problem in range(20):
        ease = generator.random()
        for _ in range(generator.randint(4, 9)):
            answer = generator.choice("aabbcd")
            score = float(generator.random() < ease)
            rows.append({"prompt": str(problem), "completion": f"<answer>{answer}</answer>", "score": score, "other": float(generator.randint(0, 3))})
    groups, right = defaultdict(list), defaultdict(list)
    for row in rows:
        groups[row["prompt"]].append(row)
        right[row["prompt"], row["completion"]].append(Fraction(row["score"]))

    def majority(draw: tuple) -> Fraction:
        votes = Counter(row["completion"] for row in draw)
        first = [answer for answer, count in votes.items() if count == max(votes.values())]
        return sum((sum(scores) / len(scores) for scores in (right[draw[0]["prompt"], answer] for answer in first)), Fraction(0)) / len(first)

    def best(draw: tuple) -> Fraction:
        scores = [Fraction(row["score"]) for row in draw if row["other"] == max(each["other"] for each in draw)]
        return sum(scores) / len(scores)

    def drawn(k: int, value: object) -> float:
        return float(sum((sum(map(value, combinations(group, k))) / comb(len(group), k) for group in groups.values()), Fraction(0)) / len(groups))

    ks, found = (1, 2, 4), {}
    rubric = Rubric(
        [Reward("r", given, {"tag": "answer"}), Reward("by", other, weight=0)],
        aggregates=[{kind: {"reward": "r", "k": ks}} for kind in ("pass_at_k", "pass_hat_k", "maj_at_k")]
        + [{"best_of_k": {"reward": "r", "k": ks, "by": "by"}}],
    )
    values = summed(rubric, rows)
    for k in ks:
        ways = {f"pass@{k}": lambda draw: Fraction(max(row["score"] for row in draw)), f"pass^{k}": lambda draw: Fraction(min(row["score"] for row in draw)),
                f"maj@{k}": majority, f"best@{k}": best}  # fmt: skip
        for name, value in ways.items():
            found[name, "all draws, in fractions"] = values[f"rewards/r/{name}"], drawn(k, value)
    eq1 = [1 - Fraction(comb(len(g) - int(sum(row["score"] for row in g)), 4), comb(len(g), 4)) for g in groups.values()]
    found["pass@4", "2107.03374 eq. 1"] = values["rewards/r/pass@4"], float(sum(eq1) / len(eq1))
    return found


@reward_function
def other(response, other):
    """The row's other score."""
    return EvaluateResult(other)


def summed(rubric: Rubric, rows: list[dict], batch: int = 13) -> dict[str, float]:
    """All numbers of the rows, counted in small batches, half of them in a summary of its own that is merged."""
    halves = EvaluationSummary(rubric), EvaluationSummary(rubric)
    for number, start in enumerate(range(0, len(rows), batch)):
        halves[number % 2].add(rubric.evaluate([Sample.from_row(row) for row in rows[start : start + batch]]))
    halves[0].merge(halves[1])
    return {name: value for name, value in halves[0].values().items() if value is not None}


def label_rows(seed: int) -> list[dict]:
    generator = random.Random(seed)
    return [
        {"prompt": str(i), "completion": f"<answer>{generator.choice(LABELS)}</answer>", "score": round(generator.random(), 2), "gold": generator.choice(LABELS),
         "label": generator.random() < 0.4, "rating": generator.randint(1, 5)}
        for i in range(200)
    ]  # fmt: skip


def label_values(seed: int) -> tuple[list[dict], dict[str, float]]:
    rows = label_rows(seed)
    of = {"reward": "r", "label": "gold"}
    rubric = Rubric(
        [Reward("r", given, {"tag": "answer"})],
        aggregates=[{"accuracy": of}, {"precision": of}, {"recall": of}, {"f_beta": of}, {"auc": {"reward": "r", "label": "label"}},
                    {"spearman": {"reward": "r", "label": "rating"}}, {"cohen_kappa": {"reward": "r", "label": "label", "threshold": 0.5}}],
    )  # fmt: skip
    return rows, {name.removeprefix("rewards/r/"): value for name, value in summed(rubric, rows).items()}


def labels(seed: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Labels and agreement against scikit-learn and scipy on the whole table."""
    from scipy import stats
    from sklearn import metrics

    rows, ours = label_values(seed)
    true, found = [row["gold"] for row in rows], [row["completion"][8:-9] for row in rows]
    scores, label = np.array([row["score"] for row in rows]), np.array([row["label"] for row in rows])
    theirs = {"accuracy": metrics.accuracy_score(true, found)}
    for average in ("micro", "macro", "weighted"):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, found, average=average, zero_division=0)
        theirs |= {f"precision_{average}": precision, f"recall_{average}": recall, f"f1_{average}": f1}
    theirs |= {"auc": metrics.roc_auc_score(label, scores), "cohen_kappa": metrics.cohen_kappa_score(label, scores >= 0.5)}
    pairs = {(name, "scikit-learn"): (ours[name], float(value)) for name, value in theirs.items()}
    return {**pairs, ("spearman", "scipy"): (ours["spearman"], float(stats.spearmanr(scores, [row["rating"] for row in rows])[0]))}


def with_torchmetrics(seed: int, cache: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Token F1 of plain words, and labels, against torchmetrics in float64."""
    folder = cache / "torchmetrics"
    if not folder.is_dir():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), "torchmetrics==1.9.0", "lightning-utilities"],
            check=True,
        )
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    import torch

    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
    from torchmetrics.functional import classification
    from torchmetrics.functional.text import squad

    generator = random.Random(seed)
    rows = [{"prompt": str(i), "completion": f"<answer>{' '.join(generator.choices(WORDS, k=generator.randint(1, 6)))}</answer>", "score": 1.0,
             "gold": " ".join(generator.choices(WORDS, k=generator.randint(1, 6)))} for i in range(200)]  # fmt: skip
    rubric = Rubric([Reward("r", given, {"tag": "answer"})], aggregates=[{"f1": {"reward": "r", "reference": "gold"}}])
    ours = summed(rubric, rows)["rewards/r/f1_mean"]
    predictions = [{"prediction_text": row["completion"][8:-9], "id": row["prompt"]} for row in rows]
    golds = [{"answers": {"answer_start": [0], "text": [row["gold"]]}, "id": row["prompt"]} for row in rows]
    found = {("f1_mean", "torchmetrics SQuAD"): (ours, float(squad(predictions, golds)["f1"]) / 100)}
    rows, values = label_values(seed)
    true, answers = (
        torch.tensor([LABELS.index(text) for text in texts]) for texts in ([row["gold"] for row in rows], [row["completion"][8:-9] for row in rows])
    )
    for average in ("micro", "macro", "weighted"):
        f1 = classification.multiclass_f1_score(answers, true, num_classes=len(LABELS), average=average)
        found[f"f1_{average}", "torchmetrics"] = values[f"f1_{average}"], float(f1)
    return found  # its accuracy is computed in float32, whatever the default


def memory(rows: int) -> bool:
    """Peak memory of processes of their own that score and aggregate a tenth of the rows, and all of them."""
    print(f"\n{'rows':>10} {'prompts':>9} {'peak MiB':>9} {'scoring s':>10} {'aggregates s':>13} {'us a row':>9}")
    peaks = []
    for count in (rows // 10, rows):
        done = subprocess.run([sys.executable, __file__, "--child", str(count)], capture_output=True, text=True, check=True)
        peak, scoring, aggregating = map(float, done.stdout.split()[-3:])
        peaks.append(peak)
        print(f"{count:>10,} {count // 8:>9,} {peak:>9.0f} {scoring:>10.1f} {aggregating:>13.1f} {aggregating / count * 1e6:>9.1f}")
    return peaks[1] - peaks[0] < 100


def measure(rows: int) -> tuple[float, float, float]:
    """Peak MiB, and seconds of processor time of scoring and of aggregating, over batches of 1,024 rows that are made on the way."""
    rubric = Rubric(
        [Reward("r", {"number_match": "answer"}, {"tag": "answer"})],
        aggregates=[{"pass_at_k": {"reward": "r", "k": [1, 4, 8]}}, {"pass_hat_k": {"reward": "r", "k": 4}}, {"solved": "r"}, {"f1": "r"}, {"accuracy": "r"},
                    {"auc": {"reward": "r", "label": "human"}}],
    )  # fmt: skip
    from sklearn import metrics  # a second or two that are no row's

    assert metrics
    summary, scoring, aggregating = EvaluationSummary(rubric), 0.0, 0.0
    for batch in batches(rows):
        start = time.process_time()
        evaluation = rubric.evaluate(batch)
        middle = time.process_time()
        summary.add(evaluation)
        scoring, aggregating = scoring + middle - start, aggregating + time.process_time() - middle
    start = time.process_time()
    assert summary.values()["rewards/r/pass@8"] is not None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, scoring, aggregating + time.process_time() - start


def batches(rows: int) -> Iterator[list[Sample]]:
    """Rows in the order of a sampler that answers all prompts, then all again: eight completions to a prompt are far apart."""
    generator, prompts = random.Random(0), rows // 8
    for start in range(0, rows, 1024):
        yield [
            Sample.from_row({"prompt": f"Problem {i % prompts}?", "completion": f"<answer>{generator.randint(1, 9)}</answer>", "answer": str(i % prompts % 9 + 1),
                             "human": generator.random() < 0.5})
            for i in range(start, min(start + 1024, rows))
        ]  # fmt: skip


def coverage(tries: int) -> bool:
    """Share of the intervals that hold the true value, for problems whose ease is Beta distributed, answered several times."""
    generator, right = np.random.default_rng(0), True
    print(f"\n{'number':<12} {'problems':>8} {'completions':>11} {'ease':>10} {'coverage':>9}")
    for problems, completions, (alpha, beta) in [
        (50, 4, (1, 1)), (200, 8, (1, 1)), (200, 8, (2, 5)), (1000, 8, (0.5, 0.5)), (200, 1, (1, 1)), (500, 16, (0.3, 1)),
    ]:  # fmt: skip
        ease = generator.beta(alpha, beta, (tries, problems))
        counts = generator.binomial(completions, ease)
        truth = {"mean": alpha / (alpha + beta)}
        intervals = {"mean": [mean_interval(row) for row in counts / completions]}
        if completions >= 4:
            every = comb(completions, 4)
            table = np.array([1 - comb(completions - c, 4) / every for c in range(completions + 1)])
            truth["pass@4"] = 1 - float(np.prod([(beta + i) / (alpha + beta + i) for i in range(4)]))  # 1 - E[(1 - p)^4]
            intervals["pass@4"] = [mean_interval(row) for row in table[counts]]
        # Prompts with different numbers of completions, as when some rows failed: a ratio of sums.
        sizes = generator.integers(1, completions + 1, (tries, problems))
        truth["mean, uneven"] = truth["mean"]
        intervals["mean, uneven"] = [
            ratio_interval(row, size) for row, size in zip(generator.binomial(sizes, ease).astype(float), sizes.astype(float))
        ]
        for name, found in intervals.items():
            share = float(np.mean([low <= truth[name] <= high for _, low, high in found]))
            right &= abs(share - 0.95) <= 0.01
            print(f"{name:<12} {problems:>8} {completions:>11} {f'{alpha}, {beta}':>10} {share:>9.2%}", flush=True)
    ease = generator.beta(5, 1, (tries, 100))
    table = np.array([1 - comb(8 - c, 4) / comb(8, 4) for c in range(9)])
    found = [mean_interval(row) for row in table[generator.binomial(8, ease)]]
    share = float(np.mean([low <= 1 - 24 / (6 * 7 * 8 * 9) <= high for _, low, high in found]))
    print(f"{'pass@4':<12} {100:>8} {8:>11} {'5, 1':>10} {share:>9.2%}  (not judged: 0.992, decided by a few problems in a hundred)")
    # Scores that are no shares: means of normal ones, clustered.
    centres = generator.normal(0, 1, (tries, 100))
    found = [mean_interval(row) for row in centres + generator.normal(0, 1, centres.shape) / 2]
    share = float(np.mean([low <= 0 <= high for _, low, high in found]))
    print(f"{'mean':<12} {100:>8} {4:>11} {'normal':>10} {share:>9.2%}")
    return right and abs(share - 0.95) <= 0.01


if __name__ == "__main__":
    sys.exit(main())
