"""Isolated scorers: the same results as in the caller, and failures that are ours."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hostile_calls
import pytest

from rl_rewards import Reward, RewardError, Rubric, reward_function
from rl_rewards.runtime.workers.serialization import NotPicklableError
from rl_rewards.scorers.base import AnswerScorer, Scorer, Traits, configured
from rl_rewards.scorers.isolated import Isolated
from rl_rewards.types import EvaluateResult, Outcome, Sample


def samples(count: int, text: str = "text") -> list[Sample]:
    return [Sample("question", text, text, {"answer": 1}, index=number) for number in range(count)]


def test_results_are_those_of_the_scorer_itself() -> None:
    scorer, answers = hostile_calls.Obedient(), ["fine", None, "fine", ("echo", 1)] * 5
    assert Isolated(scorer).score(samples(20), answers) == scorer.score(samples(20), answers)


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        (("sleep", None), Outcome.TIMEOUT),
        (("die", 1), Outcome.CRASHED),
        (("allocate", 2000), Outcome.CRASHED),
        (("raise", "x"), Outcome.ERROR),
    ],
)
def test_a_failure_of_the_scorer_is_ours_and_costs_one_sample(order: Any, outcome: Outcome) -> None:
    results = Isolated(hostile_calls.Obedient(), timeout=1.0 if outcome is Outcome.TIMEOUT else 30.0, memory_mb=512).score(
        samples(3), ["fine", order, "fine"]
    )
    assert [result.score for result in results] == [1.0, None, 1.0]
    assert results[1].outcome is outcome and results[1].failed and results[1].error


def test_a_scorer_that_needs_its_batch_gets_it_whole() -> None:
    isolated = Isolated(hostile_calls.BatchMean(), timeout=30.0)
    assert [result.score for result in isolated.score(samples(3), [1.0, 2.0, 3.0])] == [-1.0, 0.0, 1.0]


def test_a_batch_scorer_that_is_stuck_loses_its_batch_as_ours() -> None:
    results = Isolated(hostile_calls.BatchMean(), timeout=1.0).score(samples(2), [1.0, "stuck"])
    assert [(result.score, result.outcome) for result in results] == [(None, Outcome.TIMEOUT)] * 2


def test_scalars_of_other_libraries_arrive_as_numbers() -> None:
    (result,) = Isolated(hostile_calls.NumpyScorer()).score(samples(1), ["x"])
    assert (result.score, result.metrics) == (0.25, {"raw": 0.5})


def test_an_isolated_scorer_is_picklable() -> None:
    isolated = pickle.loads(pickle.dumps(Isolated(hostile_calls.Obedient(), timeout=2.0)))
    assert isolated.timeout == 2.0 and isolated.score(samples(1), ["fine"])[0].score == 1.0


@configured
class HoldsALock(AnswerScorer):
    lock: Any = None

    def score_answer(self, answer: Any, target: None, sample: Sample) -> EvaluateResult:
        return EvaluateResult(1.0)


def test_a_scorer_that_cannot_be_sent_is_refused_with_the_reason() -> None:
    with pytest.raises(NotPicklableError, match="cannot run HoldsALock.*lock"):
        Isolated(HoldsALock(lock=threading.Lock()))


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be more than 0"):
        Isolated(hostile_calls.Obedient(), timeout=timeout)


IN_MAIN = """
import sys
from rl_rewards import Reward, RewardError, Rubric, reward_function
from rl_rewards.scorers.base import AnswerScorer, Scorer, Traits, configured
from rl_rewards.scorers.isolated import Isolated
from rl_rewards.types import EvaluateResult, Sample
BONUS = 0.5
@configured
class Mine(AnswerScorer):
    def score_answer(self, answer, target, sample):
        return EvaluateResult(1.0 + BONUS)
if WITHOUT:
    sys.modules["cloudpickle"] = None
try:
    print(Isolated(Mine()).score([Sample("q", "a", "a")], ["a"])[0].score)
except TypeError as refusal:
    print(refusal)
"""


def run_main(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True).stdout


def test_a_scorer_of_a_script_or_notebook_is_carried_by_cloudpickle() -> None:
    pytest.importorskip("cloudpickle")
    assert run_main(IN_MAIN.replace("WITHOUT", "False")).strip() == "1.5"


def test_without_cloudpickle_it_is_refused_with_the_reason() -> None:
    said = run_main(IN_MAIN.replace("WITHOUT", "True"))
    assert "Mine is defined in __main__, which a worker does not have. Define it at the top of a module" in said


@configured
class _RaisesForARow(AnswerScorer):
    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        return EvaluateResult(1 / len(answer))


@configured
class _RaisesForABatch(Scorer):
    per_sample: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(per_sample=self.per_sample)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        raise SystemExit("over") if self.per_sample else KeyError("lost")


@reward_function
def raises_for_a_row(parsed: str) -> float:
    return float(parsed[7])


@reward_function(mode="batch")
def raises_for_a_batch(parsed: list[str]) -> list[float]:
    raise LookupError(f"no {parsed}")


@pytest.mark.parametrize(
    ("scorer", "place", "line"),
    [
        (_RaisesForARow(), "in _RaisesForARow.score_answer)", "1 / len(answer)"),
        (_RaisesForABatch(), "in _RaisesForABatch.score)", 'else KeyError("lost")'),
        (_RaisesForABatch(per_sample=True), "in _RaisesForABatch.score)", 'raise SystemExit("over")'),
        (raises_for_a_row, "in raises_for_a_row)", "float(parsed[7])"),
        (raises_for_a_batch, "in raises_for_a_batch)", "raise LookupError"),
    ],
    ids=str,
)
def test_an_isolated_failure_has_the_same_place_and_traceback_as_one_in_the_caller(scorer: Scorer, place: str, line: str) -> None:
    own, isolated = (Rubric((Reward("mine", scorer, isolate=isolate),)).evaluate(samples(2, "")) for isolate in (False, True))
    assert isolated.columns["mine"].results == own.columns["mine"].results
    for evaluation in (own, isolated):
        for result in evaluation.columns["mine"].results:
            assert (
                result.outcome is Outcome.ERROR and result.error is not None and result.error.endswith(place) and "test_isolated.py:" in result.error
            )
            assert line in "".join(traceback.format_exception(result.cause))


def test_a_reward_error_is_raised_from_the_isolated_exception() -> None:
    with pytest.raises(RewardError) as caught:
        Rubric((Reward("mine", raises_for_a_row, isolate=True, on_error="raise"),)).evaluate(samples(1, ""))
    assert "float(parsed[7])" in "".join(traceback.format_exception(caught.value))


UNLOADABLE = """
import sys
sys.path.insert(0, {place!r})
import mine
from rl_rewards.scorers.isolated import Isolated
from rl_rewards import Sample
scorer = Isolated(mine.Mine())
with open(mine.__file__, "a") as file:
    file.write("def broken():\\n    raise OSError('no file')\\nbroken()\\n")
print(scorer.score([Sample("q", "a", "a")], ["a"])[0].error)
"""


def test_a_scorer_that_a_worker_cannot_import_names_the_line_of_its_module(tmp_path: Path) -> None:
    scorer = "from rl_rewards.scorers.base import *\nclass Mine(Scorer):\n    def score(self, samples, answers):\n        return []\n"
    (tmp_path / "mine.py").write_text(scorer)
    assert run_main(UNLOADABLE.format(place=str(tmp_path))).strip().endswith("mine.py:6 in broken)")


DECORATED = """
from rl_rewards import EvaluateResult, Reward, reward_function
BONUS = 0.25
@reward_function(isolate=True)
def mine(response, answer):
    return EvaluateResult(BONUS + (response == answer))
print(Reward("mine", mine)(prompts=["q", "q"], completions=["a", "b"], answer=["a", "a"]))
"""


def test_a_reward_function_of_a_script_or_notebook_is_carried_with_its_globals() -> None:
    pytest.importorskip("cloudpickle")
    assert run_main(DECORATED).strip() == "[1.25, 0.25]"


def test_a_module_that_trains_when_imported_is_told_so_and_starts_no_workers_of_workers(tmp_path: Path) -> None:
    (tmp_path / "trains.py").write_text(DECORATED)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import trains"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert "a worker process starts no workers of its own" in done.stderr and "__name__ == '__main__'" in done.stderr
