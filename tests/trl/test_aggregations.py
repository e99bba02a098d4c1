"""What TRL's aggregations make of rows without a score: the table in recipes/ALGORITHMS.md, run through the real trainer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from rl_rewards import EvaluateResult, Gate, Outcome, Reward, Rubric
from rl_rewards.scorers.base import Scorer, configured
from tests.trainers import tiny
from tests.trl.gradient import COMMON

pytestmark = pytest.mark.slow  # it trains

DOCUMENT = Path(__file__).parents[2] / "recipes" / "ALGORITHMS.md"


@configured
class Given(Scorer):
    """Scores as given; None skips a row, and the text "fails" fails on it."""

    scores: tuple[Any, ...]

    def score(self, samples: Sequence[Any], answers: Sequence[Any]) -> list[EvaluateResult]:
        kinds = {None: EvaluateResult.skip("no"), "fails": EvaluateResult.failure(Outcome.ERROR, "down")}
        return [kinds[score] if score is None or score == "fails" else EvaluateResult(float(score)) for score in self.scores]


def rewards(second: Any, correct: Sequence[Any] = (1, 1, 0, 0), **options: Any) -> list[Reward]:
    """`correct` and `form` of a group of four; `second` is what `form` gives the second completion."""
    return [Reward("correct", Given(tuple(correct))), Reward("form", Given((1, second, 0, 1)), weight=0.2, **options)]


CASES = {
    "is scored 0": rewards(0),
    "does not apply (`when`, or None returned)": rewards(None),
    "failed, `on_error: skip`": rewards("fails"),
    "failed, `on_error: 0`": rewards("fails", on_error=0.0),
    "is gated, the gate closed": [*rewards(1, gate=Gate("open")), Reward("open", Given((1, 0, 1, 1)), weight=0)],
    "is gated, the gate's reward does not apply": [*rewards(1, gate=Gate("open")), Reward("open", Given((1, None, 1, 1)), weight=0)],
    "is gated, the gate's reward failed": [*rewards(1, gate=Gate("open")), Reward("open", Given((1, "fails", 1, 1)), weight=0)],
    "is a metric that failed": [*rewards(0), Reward("metric", Given((1, "fails", 1, 1)), weight=0)],
}
WAYS = {
    "sum_then_normalize, group": {"scale_rewards": "group"},
    "sum_then_normalize, none": {"scale_rewards": "none"},
    "normalize_then_sum": {"multi_objective_aggregation": "normalize_then_sum"},
}


def advantages(folder: str, given: Sequence[Reward], way: dict[str, Any]) -> list[float]:
    rubric = Rubric(tuple(given))
    options = {**COMMON, "per_device_train_batch_size": 4, "num_generations": 4, "reward_weights": rubric.reward_weights}
    trainer = GRPOTrainer(
        tiny.policy(), rubric.reward_funcs, GRPOConfig(folder, **options, **way), train_dataset=Dataset.from_dict({"prompt": ["1+1=?"]}),
        processing_class=tiny.tokenizer(),
    )  # fmt: skip
    found: list[float] = []
    generate = trainer._generate_and_score_completions

    def generated(inputs: Any) -> Any:
        batch = generate(inputs)
        found.extend(batch["advantages"].tolist())
        return batch

    trainer._generate_and_score_completions = generated
    trainer.train()
    return found


def table() -> dict[str, list[list[float]]]:
    """The documented advantages: what happened -> those of four completions, for each way."""
    section = DOCUMENT.read_text().partition("## Rows without a score")[2]
    lines = [line.strip("| \n").split(" | ") for line in section.splitlines() if re.match(r"\| [a-z].*\d", line)]
    return {what: [[float(number.replace("−", "-")) for number in cell.split()] for cell in cells] for what, *cells in lines}


def test_the_documented_table_has_every_case():
    assert list(table()) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_documented_advantages_are_those_of_the_trainer(tmp_path, case):
    for way, documented in zip(WAYS.values(), table()[case], strict=True):
        assert advantages(str(tmp_path), CASES[case], way) == pytest.approx(documented, abs=0.0051)


if __name__ == "__main__":  # prints the table for the document
    for name, given in CASES.items():
        cells = [" ".join(f"{one:.2f}".replace("-", "−") for one in advantages("/tmp", given, way)) for way in WAYS.values()]
        print(f"| {name} | {' | '.join(cells)} |")
